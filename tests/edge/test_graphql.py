"""GraphQL at the edge: what is asked by GET is kept, by all that is asked; a POST goes through."""

import json
from hashlib import sha256
from uuid import uuid4

import pytest

from tests.benchmarks.graphql import URL, persisted

QUERY = "query ($lat: Float!, $lon: Float!) { weather(lat: $lat, lon: $lon) { current { temperature2m } } }"
SEVERAL = "query ($all: [Position!]!) { weatherAt(positions: $all) { current { time } } }"


def post(fleet, body, client=None):
    return fleet.edge.session(client=client or uuid4().hex).post(fleet.edge.base + URL, json=body, timeout=20)


def register(fleet, query, variables):
    named = {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}
    answer = post(fleet, {"query": query, "variables": variables, "extensions": named})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.fixture
def here(place):
    lat, lon = (float(part.partition("=")[2]) for part in place().split("&"))
    return {"lat": lat, "lon": lon}


def test_phones_that_ask_the_same_persisted_query_share_an_answer(fleet, here):
    register(fleet, QUERY, here)
    answers = [fleet.get(persisted(QUERY, here)) for _ in range(2)]
    other = fleet.get(persisted(QUERY, {**here, "lat": here["lat"] + 1}))
    assert ["edge; hit" in one.headers["Cache-Status"] for one in (*answers, other)] == [False, True, False]
    assert answers[0].content == answers[1].content and answers[0].json()["data"]["weather"]["current"]
    again = fleet.get(persisted(QUERY, here), headers={"If-None-Match": answers[0].headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_hash_that_nobody_knows_is_not_kept(fleet, here):
    query = f"{QUERY} # {uuid4().hex}"
    missing = [fleet.get(persisted(query, here)).json()["errors"][0]["message"] for _ in range(2)]
    assert missing == ["PersistedQueryNotFound"] * 2
    register(fleet, query, here)
    assert "data" in fleet.get(persisted(query, here)).json()


def test_cells_are_counted_by_post_and_by_get_found_in_the_cache_or_not(fleet, here):
    cells = {"all": [here, {"lat": 51.5, "lon": -0.1}, {"lat": 48.9, "lon": 2.4}]}
    assert "r=57;" in register(fleet, SEVERAL, cells).headers["RateLimit"]
    answers = [fleet.get(persisted(SEVERAL, cells)) for _ in range(2)]
    assert ["edge; hit" in one.headers["Cache-Status"] for one in answers] == [False, True]
    assert all("r=57;" in one.headers["RateLimit"] for one in answers)


def test_a_client_over_its_limit_is_told_in_graphqls_shape(fleet, here):
    register(fleet, QUERY, here)
    client = uuid4().hex
    answers = [fleet.get(persisted(QUERY, here), client=client) for _ in range(61)]
    assert [one.status_code for one in answers] == [200] * 60 + [429]
    (error,) = answers[-1].json()["errors"]
    assert error["extensions"]["code"] == "rate_limited"
    assert str(error["extensions"]["retry_after_seconds"]) == answers[-1].headers["Retry-After"]


def test_a_body_that_is_too_long_is_refused_at_the_edge(fleet):
    answer = post(fleet, {"query": " " * 10_000_000})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (400, "invalid_parameter")


def test_a_query_goes_on_when_the_instance_that_had_it_dies(fleet, here):
    register(fleet, QUERY, here)
    fleet.kill(0)
    answers = [post(fleet, {"query": QUERY, "variables": here}) for _ in range(6)]
    assert [one.status_code for one in answers] == [200] * 6
    assert all(json.loads(one.content)["data"]["weather"] for one in answers)
