"""/api/v1/graphql through Django, before a real Redis and a simulated Open-Meteo."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

import pytest
import time_machine

from tests.support.redis import outage
from tests.weather.graphql.conftest import URL
from weather.graphql import views
from weather.graphql.documents import document_cache
from weather.graphql.documents import persisted as persisted_queries
from weather.graphql.execution import operation
from weathernote.telemetry import metrics

NEW_YORK = "lat: 40.7128, lon: -74.0060"
AT = "query ($all: [Position!]!) { weatherAt(positions: $all) { latitude stale current { time temperature2m } } }"
WATCH = "query W($lat: Float!, $lon: Float!) { weather(lat: $lat, lon: $lon) { cached current { weatherCode } } }"
#: More than Python reads as a number.
DIGITS = "9" * 5000
HERE = {"lat": 40.7128, "lon": -74.006}


def positions(number: int) -> dict:
    return {"all": [{"lat": 10.5 + at, "lon": 20.25} for at in range(number)]}


def only_error(response, status: int) -> dict:
    assert response.status_code == status, response.content
    (error,) = response.json()["errors"]
    return error


def hash_of(query: str) -> str:
    return sha256(query.encode()).hexdigest()


def named(query: str) -> dict:
    return {"persistedQuery": {"version": 1, "sha256Hash": hash_of(query)}}


def persisted(api, query: str, variables: dict, **options):
    given = {"extensions": json.dumps(named(query)), "variables": json.dumps(variables)}
    return api.get(f"{URL}?{urlencode(given)}", **options)


@pytest.fixture
def other_process():
    """Forgets the documents, as a process that has just started."""
    views.engine.cache_clear()
    return views.engine.cache_clear


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def test_the_values_are_those_of_rest(api, ask):
    response = ask(
        f"{{ weather({NEW_YORK}) {{ stale latitude fetchedAt grid {{ elevation }} "
        "current { time temperature2m weatherCode isDay } "
        "daily(days: 3) { time temperature2mMax } hourly { time } } }"
    )
    assert response.status_code == 200, response.content
    weather = api.get("/api/v1/weather?lat=40.7128&lon=-74.0060").json()
    forecast = api.get("/api/v1/forecast?lat=40.7128&lon=-74.0060").json()
    current, daily = weather["current"], forecast["daily"]
    assert response.json() == {
        "data": {
            "weather": {
                "stale": False,
                "latitude": 40.7,
                "fetchedAt": weather["fetched_at"],
                "grid": {"elevation": weather["grid"]["elevation"]},
                "current": {
                    "time": current["time"],
                    "temperature2m": current["temperature_2m"],
                    "weatherCode": current["weather_code"],
                    "isDay": current["is_day"],
                },
                "daily": {"time": daily["time"][:3], "temperature2mMax": daily["temperature_2m_max"][:3]},
                "hourly": {"time": forecast["hourly"]["time"]},
            }
        }
    }


def test_the_promised_query_is_answered(api, ask, db):
    response = ask(
        "query { weather(lat: 40.7128, lon: -74.0060) { stale current { time temperature2m weatherCode } "
        'daily(days: 3) { time temperature2mMax } } places(search: "par") { name } cities { name } '
        "airQuality(lat: 40.7128, lon: -74.0060) { current { europeanAqi } } }"
    )
    data = response.json()["data"]
    assert list(data) == ["weather", "places", "cities", "airQuality"] and "errors" not in response.json()
    assert data["places"][0]["name"] == api.get("/api/v1/places?search=par").json()["places"][0]["name"]
    assert [city["name"] for city in data["cities"]] == [
        city["name"] for city in api.get("/api/v1/cities").json()["cities"]
    ]
    air = api.get("/api/v1/air-quality?lat=40.7128&lon=-74.0060").json()
    assert data["airQuality"]["current"]["europeanAqi"] == air["current"]["european_aqi"]


def test_units_are_those_of_rest(api, ask):
    query = f"{{ weather({NEW_YORK}, units: IMPERIAL) {{ units {{ name unit }} current {{ temperature2m }} }} }}"
    weather = ask(query).json()["data"]["weather"]
    rest = api.get("/api/v1/weather?lat=40.7128&lon=-74.0060&units=imperial").json()
    assert weather["current"]["temperature2m"] == rest["current"]["temperature_2m"]
    assert {"name": "windGusts10m", "unit": "mp/h"} in weather["units"]
    assert [one["unit"] for one in weather["units"]] == list(rest["units"].values())


def test_a_place_at_a_position_has_its_distance(ask):
    (place,) = ask("{ places(lat: 48.14, lon: 11.58) { name distanceKm region } }").json()["data"]["places"]
    assert place == {"name": "Munich", "distanceKm": 0.4, "region": "Bavaria"}


# ── one round trip, one call ──────────────────────────────────────────────────────────────────────


def test_twenty_cells_cost_one_call_and_then_one_round_trip(ask, simulator, round_trips):
    data = ask(AT, positions(20)).json()["data"]["weatherAt"]
    assert [one["latitude"] for one in data] == [10.5 + at for at in range(20)]
    assert simulator.state()["cells_per_call"] == [20]
    round_trips.clear()
    assert ask(AT, positions(20)).status_code == 200
    (trip,) = round_trips
    assert sum(command[0] == "GET" for command in trip) == 20


def test_aliases_and_single_fields_gather_into_one_batch(ask, simulator, round_trips):
    query = (
        "{ a: weather(lat: 1.1, lon: 2) { current { time } daily(days: 10) { time } } "
        "b: weather(lat: 3.3, lon: 4) { hourly { time } } "
        "weatherAt(positions: [{lat: 1.1, lon: 2}, {lat: 5.5, lon: 6}]) { stale } }"
    )
    data = ask(query).json()["data"]
    assert len(data["a"]["daily"]["time"]) == 10 and len(data["b"]["hourly"]["time"]) == 48
    assert simulator.state()["cells_per_call"] == [3]
    round_trips.clear()
    ask(query)
    assert len(round_trips) == 1


def test_weather_and_air_of_a_new_cell_are_one_call_each(ask, simulator):
    query = (
        f"{{ weather({NEW_YORK}) {{ stale current {{ time }} daily {{ time }} }} airQuality({NEW_YORK}) {{ stale }} }}"
    )
    data = ask(query).json()["data"]
    assert data["weather"]["daily"] and data["airQuality"] == {"stale": False}
    assert simulator.state()["cells_per_call"] == [1, 1]


def test_a_request_counts_as_its_cells_do(ask, settings):
    settings.RATE_LIMIT_REQUESTS = 60
    client = {"x-client-id": "phone"}
    left = [
        ask(AT, positions(5), headers=client)["RateLimit"],
        ask(
            f"{{ weather({NEW_YORK}) {{ stale daily {{ time }} }} airQuality({NEW_YORK}) {{ stale }} }}", headers=client
        )["RateLimit"],
        ask("{ __typename }", headers=client)["RateLimit"],
        ask("{ nonsense }", headers=client)["RateLimit"],
    ]
    assert [one.split(";")[1] for one in left] == ["r=55", "r=54", "r=53", "r=52"]


def test_an_edge_is_told_what_a_request_counts_as_and_nobody_else(ask):
    query = "query ($all: [Position!]!) { weatherAt(positions: $all) { stale } }"
    told = [ask(query, positions(3), headers=who).get("X-Counted-As") for who in ({"X-Counted-By": "edge"}, None)]
    assert told == ["3", None]


def test_positions_are_bounded_however_often_one_is_named(ask):
    same = {"all": [{"lat": 1, "lon": 2}] * 21}
    assert only_error(ask(AT, same), 400)["message"] == "weatherAt has 21 positions; 20 are the most."
    aliases = " ".join(f"a{at}: weatherAt(positions: $all) {{ stale }}" for at in range(6))
    response = ask(f"query ($all: [Position!]!) {{ {aliases} }}", {"all": same["all"][:20]})
    assert only_error(response, 400)["message"] == "The query is about 120 positions; 100 are the most."


def test_the_bytes_of_an_answer_are_bounded(ask, monkeypatch):
    monkeypatch.setattr("weather.graphql.execution.answering.MOST_BYTES", 2000)
    columns = " ".join(f"a{at}: time" for at in range(10))
    response = ask(f"{{ weather({NEW_YORK}) {{ hourly {{ {columns} }} }} }}")
    assert "more than 2,000 bytes" in only_error(response, 400)["message"]


def test_only_some_of_many_errors_are_told(ask):
    aliases = " ".join(f"a{at}: weather(lat: 91, lon: 1) {{ stale }}" for at in range(60))
    errors = ask(f"{{ {aliases} }}").json()["errors"]
    assert len(errors) == 21 and errors[-1] == {"message": "40 more parts failed."}


# ── errors ────────────────────────────────────────────────────────────────────────────────────────


def test_a_cell_that_failed_is_null_and_the_others_are_there(ask):
    query = "{ good: weather(lat: 1, lon: 2) { stale } bad: weather(lat: 91, lon: 2) { stale } }"
    response = ask(query, headers={"x-request-id": "mine"})
    error = only_error(response, 200)
    assert response.json()["data"] == {"good": {"stale": False}, "bad": None}
    assert error["path"] == ["bad"] and error["message"] == "lat must be between -90 and 90 degrees"
    assert error["extensions"] == {
        "type": "about:blank",
        "title": "Invalid parameter",
        "status": 400,
        "code": "invalid_parameter",
        "request_id": "mine",
        "errors": [{"parameter": "lat", "detail": "must be between -90 and 90 degrees"}],
    }
    assert response["Cache-Control"] == "no-store" and response["X-Request-ID"] == "mine"


def test_one_of_several_positions_fails_alone(ask):
    response = ask(AT, {"all": [{"lat": 1, "lon": 2}, {"lat": 1, "lon": 200}]})
    assert only_error(response, 200)["path"] == ["weatherAt", 1]
    assert [one and one["latitude"] for one in response.json()["data"]["weatherAt"]] == [1.0, None]


def test_what_could_not_be_answered_at_all_has_the_status_of_rest(ask, simulator):
    simulator.fault("status", status=500)
    response = ask(f"{{ weather({NEW_YORK}) {{ stale }} }}")
    error = only_error(response, 503)
    assert response.json()["data"] == {"weather": None}
    assert error["extensions"]["code"] == "upstream_unavailable"
    assert str(error["extensions"]["retry_after_seconds"]) == response["Retry-After"]


def test_a_client_over_its_limit_has_no_document_read_and_keeps_none(ask, settings, other_process, monkeypatch):
    settings.RATE_LIMIT_REQUESTS = 1
    ask("{ __typename }")
    reads: list[str] = []
    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(document_cache, "read", reads.append)
    monkeypatch.setattr(persisted_queries, "keep", lambda *given: kept.append(given))
    query = "{ cities { name } }"
    assert ask(query).status_code == 429
    assert ask("{ __schema { queryType { name } } }").status_code == 429
    assert ask(query, extensions=named(query)).status_code == 429
    assert reads == [] and kept == []


def test_a_document_that_is_new_counts_all_of_its_cells(ask, settings, other_process):
    settings.RATE_LIMIT_REQUESTS = 60
    for left in (40, 20):
        assert f"r={left};" in ask(AT, positions(20))["RateLimit"]


def test_fields_about_the_schema_take_one_turn_together(ask, other_process, monkeypatch):
    turns = []

    @contextmanager
    def counted():
        turns.append(1)
        yield

    monkeypatch.setattr(operation, "turn", counted)
    query = "{ " + " ".join(f"a{at}: __schema {{ queryType {{ name }} }}" for at in range(20)) + " }"
    assert ask(query).status_code == 200 and len(turns) == 1


def test_numbers_of_days_share_two_answers(ask, valkey):
    query = "{ weather(lat: 1, lon: 2) { " + " ".join(f"d{n}: daily(days: {n}) {{ time }}" for n in (2, 7)) + " } }"
    longer = query.replace("days: 2", "days: 8").replace("days: 7", "days: 9")
    assert ask(query).status_code == ask(longer).status_code == 200
    keys = set(valkey.keys("forecast:*"))
    assert keys == {f"forecast:lat:1.0:lon:2.0:days:{days}" for days in (7, 10)}


def test_a_client_over_its_limit_gets_429_in_graphqls_shape(ask, settings):
    settings.RATE_LIMIT_REQUESTS = 3
    assert only_error(ask(AT, positions(4)), 400)["message"] == "The query is about 4 cells; 3 are the most."
    assert ask(AT, positions(2)).status_code == 200
    response = ask(AT, positions(2))
    error = only_error(response, 429)
    assert error["extensions"]["code"] == "rate_limited" and "data" not in response.json()
    assert str(error["extensions"]["retry_after_seconds"]) == response["Retry-After"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ weather(lat: 1, lon: 2) { nonsense } }", "Cannot query field 'nonsense' on type 'Weather'."),
        ("{ weather(lat: 1) { stale } }", "Argument 'Query.weather(lon:)' of type 'Float!' is required"),
        ("{", "Syntax Error: Expected Name, found <EOF>."),
        ("mutation { x }", "There are queries alone here, no mutations."),
        ("subscription { x }", "There are queries alone here, no subscriptions."),
        ("fragment F on Weather { stale }", "The document has no query."),
        ("query A { cities { name } } query B { cities { name } }", "operationName must name one of the document's"),
        ("query ($x: Float!) { weather(lat: $x, lon: 1) { stale } }", "Variable '$x'"),
        (f"# {'x' * 8192}\n{{ __typename }}", "The query has 8,"),
        (f"{{ weather(lat: {DIGITS}, lon: 1) {{ stale }} }}", "The query has a number of 5,000 characters; 40 are"),
        (f"{{ weather(lat: 1.{DIGITS}, lon: 1) {{ stale }} }}", "The query has a number of 5,002 characters; 40 are"),
        (f"query ($x: Int = {DIGITS}) {{ cities {{ name }} }}", "The query has a number of 5,000 characters; 40 are"),
    ],
)
def test_a_query_that_cannot_be_executed_says_why(ask, query, message):
    response = ask(query)
    assert response.status_code == 400 and response["Content-Type"] == "application/json"
    error = response.json()["errors"][0]
    assert message in error["message"] and error["extensions"]["code"] == "invalid_parameter"
    assert "data" not in response.json()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body must be JSON, in UTF-8."),
        (b"{", "The body must be JSON, in UTF-8."),
        (b"\xff", "The body must be JSON, in UTF-8."),
        (b"[" * 9000, "The body must be JSON, in UTF-8."),
        (b'[{"query": "{__typename}"}]', "A request has one query: batches are not served."),
        (b'"x"', "The body must be a JSON object."),
        (b"{}", "The query is missing."),
        (b'{"query": 1}', "query must be a text."),
        (b'{"query": "{__typename}", "variables": []}', "variables must be an object."),
        (b'{"query": "{a}", "variables": {"a": NaN}}', "The body must be JSON, in UTF-8."),
        (
            b'{"query": "{a}", "variables": {"a": %s}}' % DIGITS.encode(),
            "The body has a number of 5,000 characters; 40 are",
        ),
        (b'{"query": "{a}", "variables": {"a": 1.%s}}' % DIGITS.encode(), "The body has a number of 5,002 characters"),
        (b'{"query": "\\ud800"}', "The query has characters that are none."),
        (b'{"extensions": {"persistedQuery": 1}}', "extensions.persistedQuery must have version 1"),
        (b'{"query": "' + b"x" * 17_000 + b'"}', "body has more than 16 kB"),
    ],
)
def test_a_body_that_is_no_request_is_refused(api, body, message):
    response = api.post(URL, body, content_type="application/json")
    assert message in only_error(response, 400)["message"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ weather(lat: 1, lon: 2) { daily(days: 0) { time } } }", "days must be a whole number from 1 to 10"),
        ("{ weather(lat: 1, lon: 2) { daily(days: 11) { time } } }", "days must be a whole number from 1 to 10"),
        ("query ($u: Units) { weather(lat: 1, lon: 2, units: $u) { stale } }", "units must not be null"),
        ("{ places { name } }", "search is missing"),
        ('{ places(search: " ") { name } }', "search is empty"),
        ("{ places(lat: 1) { name } }", "lon is missing"),
        ('{ places(search: "a", limit: 51) { name } }', "limit must be a whole number from 1 to 50"),
        ('{ cities(search: "") { name } }', "search is empty"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused_as_by_rest(ask, query, message):
    response = ask(query, {"u": None})
    assert only_error(response, 200)["message"] == message
    assert list(response.json()["data"].values()) == [None]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_405_in_the_one_shape(api, method):
    response = getattr(api, method)(URL)
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert response.json()["detail"].endswith("is not allowed here; GET, POST, HEAD and OPTIONS are.")


def test_without_redis_what_the_process_remembers_is_served(ask, monkeypatch):
    ask(WATCH, HERE)
    ask(WATCH, HERE)
    before = ask(WATCH, HERE).json()["data"]
    outage.take_redis_away(monkeypatch)
    response = ask(WATCH, HERE)
    assert response.json()["data"] == before and "r=" in response["RateLimit"]


# ── persisted queries ─────────────────────────────────────────────────────────────────────────────


def test_a_persisted_query_is_registered_once_and_then_asked_for_by_get(api, ask, other_process):
    missing = persisted(api, WATCH, HERE)
    assert only_error(missing, 200)["message"] == "PersistedQueryNotFound"
    assert missing["Cache-Control"] == "no-store"
    assert ask(WATCH, HERE, extensions=named(WATCH)).status_code == 200
    other_process()
    response = persisted(api, WATCH, HERE)
    assert response.json()["data"]["weather"]["current"]
    assert response["Cache-Control"].startswith("public, max-age=") and response["ETag"].startswith('W/"')
    assert response["Cache-Status"].startswith("weathernote; hit; ttl=")
    again = persisted(api, WATCH, HERE, headers={"If-None-Match": response["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", response["ETag"])


def test_the_tag_of_what_was_fetched_is_that_of_what_is_cached(api, ask, simulator):
    ask("{ __typename }", extensions=named("{ __typename }"))
    ask(WATCH, {"lat": 1, "lon": 1}, extensions=named(WATCH))
    first, second = (persisted(api, WATCH, {"lat": 50.5, "lon": 60.5}) for _ in range(2))
    assert [one.json()["data"]["weather"]["cached"] for one in (first, second)] == [False, True]
    assert first["ETag"] == second["ETag"]


def test_a_text_with_another_hash_is_refused(ask):
    error = only_error(ask(WATCH, HERE, extensions=named("{ __typename }")), 400)
    assert error["message"] == "The sha256Hash is not that of the query."


def test_a_query_that_is_wrong_is_not_registered(api, ask, valkey):
    ask("{ nonsense }", extensions=named("{ nonsense }"))
    assert valkey.keys("{graphql}*") == []
    ask(WATCH, HERE, extensions=named(WATCH))
    assert all(0 < valkey.ttl(key) <= 7 * 86_400 for key in valkey.keys("{graphql}*"))


def test_the_least_used_persisted_queries_give_way(ask, valkey, monkeypatch):
    monkeypatch.setattr("weather.graphql.documents.persisted.MOST_QUERIES", 3)
    for number in range(5):
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=number)):
            query = f"{{ __typename a{number}: __typename }}"
            ask(query, extensions=named(query))
    assert valkey.hlen("{graphql}:queries") == valkey.zcard("{graphql}:used") == 3


def test_queries_that_are_used_outlive_others_though_each_process_knows_them(
    api, ask, monkeypatch, valkey, round_trips
):
    monkeypatch.setattr("weather.graphql.documents.persisted.MOST_QUERIES", 3)
    queries = [f"{{ a{number}: __typename }}" for number in range(4)]
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        for query in queries[:3]:
            ask(query, extensions=named(query))
            clock.shift(1)
        clock.shift(persisted_queries.NOTE_SECONDS)
        round_trips.clear()
        persisted(api, queries[0], {})
        noted = valkey.zscore("{graphql}:used", hash_of(queries[0]))
        clock.shift(persisted_queries.NOTE_SECONDS - 1)
        persisted(api, queries[0], {})
        assert valkey.zscore("{graphql}:used", hash_of(queries[0])) == noted and len(round_trips) == 2
        ask(queries[3], extensions=named(queries[3]))
    assert set(valkey.hkeys("{graphql}:queries")) == {hash_of(queries[at]) for at in (0, 2, 3)}


def test_a_use_keeps_all_for_another_week_and_brings_nothing_back(api, ask, valkey, db):
    query, keys = "{ cities { name } }", ("{graphql}:queries", "{graphql}:used")
    ask(query, extensions=named(query))
    for key in keys:
        valkey.expire(key, 100)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
        assert persisted(api, query, {}).json()["data"]["cities"] is not None
    assert all(valkey.ttl(key) > 7 * 86_000 for key in keys)
    valkey.delete(*keys)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=4)):
        persisted(api, query, {})
    assert not valkey.exists(*keys)


def test_head_options_and_a_trailing_slash(api):
    query = urlencode({"query": f"{{ weather({NEW_YORK}) {{ latitude }} }}"})
    got, head = api.get(f"{URL}?{query}"), api.head(f"{URL}?{query}")
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", got["ETag"])
    assert api.get(f"{URL}/?{query}").json() == got.json()
    options = api.options(URL)
    assert (options.status_code, options["Allow"]) == (204, "GET, POST, HEAD, OPTIONS")


def test_days_end_at_the_cells_midnight(api, simulator):
    query = urlencode({"query": f"{{ weather({NEW_YORK}) {{ daily {{ time }} }} }}"})
    with time_machine.travel(datetime(2026, 11, 25, 4, 58, 30, tzinfo=UTC), tick=False):
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        response = api.get(f"{URL}?{query}")
    assert response["Cache-Control"] == "public, max-age=90, stale-while-revalidate=0, stale-if-error=0"


# ── metrics ───────────────────────────────────────────────────────────────────────────────────────


def test_queries_are_counted_by_kind_and_outcome(ask):
    def counts():
        return {
            (kind, outcome): metrics.GRAPHQL_OPERATIONS.labels(kind, outcome)._value.get()
            for kind in metrics.GRAPHQL_KINDS
            for outcome in metrics.GRAPHQL_OUTCOMES
        }

    before = counts()
    ask("{ __typename }")
    ask("{ __schema { queryType { name } } }")
    ask("{ nonsense }")
    ask(extensions=named("{ nobody knows }"))
    ask("{ a: weather(lat: 91, lon: 1) { stale } __typename }")
    ask("{ a: weather(lat: 91, lon: 1) { stale } b: weather(lat: 1, lon: 1) { stale } }")
    ask(1)
    counted = {key for key, count in counts().items() if count > before[key]}
    assert counted == {
        ("query", "ok"),
        ("introspection", "ok"),
        ("query", "refused"),
        ("persisted", "not_found"),
        ("query", "failed"),
        ("query", "partial"),
        ("unread", "refused"),
    }


def test_a_null_in_place_of_days_is_counted_and_told_as_a_part_of_the_answer(ask):
    partial = metrics.GRAPHQL_OPERATIONS.labels("query", "partial")._value
    before = partial.get()
    response = ask(
        "query ($d: Int) { weather(lat: 1, lon: 1) { latitude some: daily(days: $d) { time } } }", {"d": None}
    )
    assert (response.json()["data"], partial.get()) == ({"weather": {"latitude": 1.0, "some": None}}, before + 1)
    error = only_error(response, 200)
    assert (error["message"], error["path"]) == ("days must not be null", ["weather", "some"])
