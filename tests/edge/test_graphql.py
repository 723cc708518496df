"""GraphQL at the edge: what is asked by GET is kept, by all that is asked; a POST goes through."""

import json
import time
from hashlib import sha256
from uuid import uuid4

import pytest

from tests.benchmarks.graphql import URL, persisted
from tests.edge.edge_server import EdgeServer, edge_before
from tests.edge.origin import Origin
from tests.edge.wire import left_of

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


def left(answer):
    return left_of(answer.headers["RateLimit"])


@pytest.mark.parametrize("is_named_in_text", [True, False])
def test_what_a_query_is_about_counts_and_not_what_its_variables_say(fleet, place, is_named_in_text):
    cells = [place().replace("=", ": ").replace("&", ", ") for _ in range(3)]
    fields = " ".join(f"f{at}: weather({cell}) {{ current {{ time }} }}" for at, cell in enumerate(cells))
    query = f"{{ {fields} }}" if is_named_in_text else '{ places(search: "par") { name } }'
    variables = {"unused": [{"lat": at, "lon": at} for at in range(1 if is_named_in_text else 9)]}
    register(fleet, query, variables)
    answers = [fleet.get(persisted(query, variables)) for _ in range(2)]
    assert ["edge; hit" in one.headers["Cache-Status"] for one in answers] == [False, True]
    assert [60 - left(one) for one in answers] == [3 if is_named_in_text else 1] * 2
    assert "X-Counted-As" not in answers[0].headers


def test_a_client_that_was_given_more_cells_than_it_had_left_has_none_left(fleet, here):
    cells = {"all": [{**here, "lon": here["lon"] + at} for at in range(20)]}
    register(fleet, SEVERAL, cells)
    fleet.get(persisted(SEVERAL, cells))
    client = uuid4().hex
    answers = [fleet.get(persisted(SEVERAL, cells), client=client) for _ in range(4)]
    assert [one.status_code for one in answers] == [200] * 3 + [429]
    assert [left(one) for one in answers] == [40, 20, 0, 0]
    another = uuid4().hex
    fleet.get(persisted(QUERY, here), client=another)
    last = [fleet.get(persisted(SEVERAL, cells), client=another) for _ in range(3)][-1]
    assert (last.status_code, left(last)) == (200, 0)


def test_cells_count_too_while_no_instance_answers(tmp_path):
    with Origin() as origin, EdgeServer(edge_before([f"127.0.0.1:{origin.port}"], tmp_path / "edge")) as edge:
        origin.cache_control = "public, max-age=1, stale-while-revalidate=0, stale-if-error=3600"
        origin.headers = {"X-Counted-As": "5"}
        path = persisted(QUERY, {"lat": 1.0, "lon": 2.0})
        assert left(edge.get(path, client="first")) == 55
        origin.stop()
        time.sleep(2.1)
        held = edge.get(path, client="second")
        assert "stale-if-error" in held.headers["Cache-Status"] and left(held) == 55


def test_a_query_is_kept_once_whatever_stands_beside_it_and_apart_from_other_answers(fleet, here):
    def kept(name):
        return {file for file in (fleet.edge.folder / name).rglob("*") if file.is_file()}

    register(fleet, QUERY, here)
    before = {name: kept(name) for name in ("graphql", "questions", "cache")}
    path = persisted(QUERY, here)
    paths = [path, f"{path}&junk=1", f"{path}&junk=2", path.replace("variables=", "%76ariables=")]
    answers = [fleet.get(one) for one in paths]
    assert ["edge; hit" in one.headers["Cache-Status"] for one in answers] == [False, True, True, True]
    assert {name: len(kept(name) - before[name]) for name in before} == {"graphql": 1, "questions": 0, "cache": 0}


def test_a_query_among_too_many_parameters_is_not_kept(fleet, here):
    register(fleet, QUERY, here)
    many = "".join(f"&junk{at}=1" for at in range(20))
    answers = [fleet.get(persisted(QUERY, here) + many) for _ in range(2)]
    assert [one.status_code for one in answers] == [200] * 2
    assert not any("edge; hit" in one.headers["Cache-Status"] for one in answers)


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
