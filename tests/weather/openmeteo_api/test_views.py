"""/v1/forecast through Django, before a real Redis and a simulated Open-Meteo."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from openmeteo_sdk.WeatherApiResponse import WeatherApiResponse

from tests.support.redis import outage
from tests.support.servers import eventually
from weather.api.service import service
from weather.core.cells import Cell
from weather.openmeteo_api.finished import FinishedAnswers
from weather.openmeteo_api.views import ForecastViewSet
from weathernote.telemetry import metrics, request_events

NEW_YORK = "latitude=40.7128&longitude=-74.0060"
QUESTION = f"/v1/forecast?{NEW_YORK}&current=temperature_2m&hourly=temperature_2m,precipitation&timezone=auto"
TWO = "latitude=40.7128,51.5&longitude=-74.0060,-0.1"


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(ForecastViewSet, "finished", FinishedAnswers())


def reason_of(response, status: int) -> str:
    assert (response.status_code, response["Content-Type"]) == (status, "application/json; charset=utf-8")
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert list(body) == ["error", "reason"] and body["error"] is True
    return body["reason"]


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def test_the_first_request_asks_open_meteo_and_the_next_do_not(api, simulator):
    first, second, third = (api.get(QUESTION) for _ in range(3))
    assert [one.status_code for one in (first, second, third)] == [200] * 3
    assert first["Cache-Status"] == "weathernote; fwd=miss"
    assert second["Cache-Status"].startswith("weathernote; hit; ttl=")
    assert first.json()["hourly"] == second.json()["hourly"] == third.json()["hourly"]
    assert second.content == third.content
    assert first["Content-Type"] == "application/json; charset=utf-8"
    assert simulator.state()["calls"] == 1


def test_the_position_answered_is_the_grids(api):
    body = api.get(QUESTION).json()
    grid = api.get("/api/v1/weather?lat=40.7128&lon=-74.0060").json()["grid"]
    assert {name: body[name] for name in grid} == grid
    assert body["timezone"] == "America/New_York"


def test_the_record_is_that_of_the_api_and_no_other_key_is_written(api, simulator, valkey):
    api.get("/api/v1/weather?lat=40.7&lon=-74")
    keys = set(valkey.keys("*lat:*"))
    assert api.get(QUESTION)["Cache-Status"].startswith("weathernote; hit")
    assert set(valkey.keys("*lat:*")) == keys and simulator.state()["calls"] == 1


def test_a_held_cell_costs_one_round_trip_together_with_the_count(api, round_trips):
    api.get(QUESTION)
    for _ in range(2):
        round_trips.clear()
        assert api.get(QUESTION).status_code == 200
        assert (
            len([trip for trip in round_trips if any("HGET" in command for command in trip)]) == len(round_trips) == 1
        )


def test_a_remembered_answer_ends_with_its_record(api, simulator, valkey):
    with time_machine.travel(datetime(2026, 11, 24, 12, 50, tzinfo=UTC), tick=False):
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        api.get(QUESTION)
        before = api.get(QUESTION).content
        assert api.get(QUESTION).content == before
        valkey.delete("upstream:lat:40.7:lon:-74.0")
        assert api.get(QUESTION)["Cache-Status"] == "weathernote; fwd=miss"
    assert simulator.state()["calls"] == 2


def test_current_ends_with_its_quarter_of_an_hour(api, simulator):
    with time_machine.travel(datetime(2026, 11, 24, 12, 58, tzinfo=UTC), tick=False) as clock:
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        first = api.get(QUESTION)
        clock.shift(timedelta(minutes=2))
        second = api.get(QUESTION)
    assert first["Cache-Control"].startswith("public, max-age=120,")
    assert [one.json()["current"]["time"][-5:] for one in (first, second)] == ["07:45", "08:00"]


def test_days_end_at_midnight_of_the_asked_zone(api, simulator):
    with time_machine.travel(datetime(2026, 11, 24, 23, 58, 30, tzinfo=UTC), tick=False) as clock:
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        path = f"/v1/forecast?{NEW_YORK}&daily=weather_code"
        first = api.get(path)
        clock.shift(timedelta(seconds=90))
        second = api.get(path)
    assert first["Cache-Control"] == "public, max-age=90, stale-while-revalidate=0, stale-if-error=0"
    assert [one.json()["daily"]["time"][0] for one in (first, second)] == ["2026-11-24", "2026-11-25"]


def test_a_record_that_is_due_is_served_at_once_and_refreshed_behind(api, simulator):
    with time_machine.travel(datetime(2026, 11, 24, 12, 50, tzinfo=UTC), tick=False) as clock:
        # Minutes from the next quarter of an hour, with which `current` ends.
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        api.get(QUESTION)
        clock.shift(timedelta(seconds=900))
        stale = api.get(QUESTION)
        eventually(lambda: simulator.state()["calls"] == 2)
        eventually(lambda: service().workers.is_idle)
        fresh = api.get(QUESTION)
    assert stale["Cache-Status"] == "weathernote; fwd=stale; stored" and "max-age=60," in stale["Cache-Control"]
    assert fresh["Cache-Status"].startswith("weathernote; hit")


def test_the_day_of_another_zone_is_full_once_a_cell_has_been_held_over_midnight(api, simulator):
    with time_machine.travel(datetime(2026, 11, 24, 12, 50, tzinfo=UTC), tick=False) as clock:
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        path = f"/v1/forecast?{NEW_YORK}&hourly=temperature_2m"
        first = api.get(path).json()["hourly"]["temperature_2m"]
        clock.shift(timedelta(days=1))
        simulator.settings(clock_offset_seconds=86_400 + simulator.state()["settings"]["clock_offset_seconds"])
        second = api.get(path).json()["hourly"]["temperature_2m"]
    # New York's day begins at five in GMT.
    assert first[:5] == [None] * 5 and None not in first[5:]
    assert None not in second and simulator.state()["calls"] == 2


def test_a_client_that_has_the_answer_gets_304(api, monkeypatch):
    etag = api.get(QUESTION)["ETag"]
    response = api.get(QUESTION, headers={"If-None-Match": etag})
    assert (response.status_code, response.content, response["ETag"]) == (304, b"", etag)
    monkeypatch.setattr(ForecastViewSet, "finished", FinishedAnswers())
    assert api.get(QUESTION)["ETag"] == etag
    assert api.get(QUESTION.replace("auto", "GMT"))["ETag"] != etag


def test_head_options_and_a_trailing_slash(api):
    got, head = api.get(QUESTION), api.head(QUESTION)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", got["ETag"])
    assert api.get(QUESTION.replace("?", "/?")).json()["hourly"] == got.json()["hourly"]
    options = api.options(QUESTION)
    assert (options.status_code, options["Allow"]) == (204, "GET, HEAD, OPTIONS")


def test_several_places_are_an_array_with_numbers(api, simulator):
    body = api.get("/v1/forecast?latitude=40.7,51.5,40.7&longitude=-74,-0.1,-74&current=weather_code").json()
    assert [place.get("location_id") for place in body] == [None, 1, 2]
    assert body[0]["latitude"] == body[2]["latitude"] != body[1]["latitude"]
    assert simulator.state()["cells_per_call"] == [2]


def test_other_threads_run_between_two_places(api, monkeypatch):
    ways: list[None] = []
    api.get(f"/v1/forecast?{TWO}")
    monkeypatch.setattr("weather.openmeteo_api.views.threads.give_way", lambda: ways.append(None))
    api.get(f"/v1/forecast?{TWO}&hourly=temperature_2m")
    assert len(ways) >= 2


def test_flatbuffers_have_a_name_as_often_as_it_was_asked_for(api):
    content = api.get(f"/v1/forecast?{NEW_YORK}&hourly=is_day,is_day&format=flatbuffers").content
    assert WeatherApiResponse.GetRootAs(content, 4).Hourly().VariablesLength() == 2


def test_flatbuffers_say_what_json_says(api):
    question = f"/v1/forecast?{TWO}&current=temperature_2m&hourly=weather_code&daily=sunrise&timezone=auto"
    places = api.get(f"{question}&timeformat=unixtime").json()
    response = api.get(f"{question}&format=flatbuffers")
    assert response["Content-Type"] == "application/octet-stream"
    position, messages = 0, []
    while position < len(response.content):
        messages.append(WeatherApiResponse.GetRootAs(response.content, position + 4))
        position += 4 + int.from_bytes(response.content[position : position + 4], "little")
    assert [message.LocationId() for message in messages] == [0, 1]
    for place, message in zip(places, messages, strict=True):
        assert message.Current().Variables(0).Value() == pytest.approx(place["current"]["temperature_2m"])
        assert message.Hourly().Variables(0).ValuesAsNumpy().tolist() == place["hourly"]["weather_code"]
        assert message.Daily().Variables(0).ValuesInt64AsNumpy().tolist() == place["daily"]["sunrise"]
        assert message.Hourly().Time() == place["hourly"]["time"][0]
        assert message.Timezone().decode() == place["timezone"]


def test_a_question_without_variables_is_answered(api):
    body = api.get(f"/v1/forecast?{NEW_YORK}").json()
    assert "hourly" not in body and body["timezone"] == "GMT"


def test_unknown_parameters_and_an_api_key_are_ignored(api):
    assert api.get(f"{QUESTION}&apikey=secret&foo=bar").status_code == 200


# ── errors ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("latitude=522.52&longitude=1", "Latitude must be in range of -90 to 90°. Given: 522.52."),
        (f"{NEW_YORK}&hourly=lksdfj", "invalid String value lksdfj. Held here are: temperature_2m,"),
        (f"{NEW_YORK}&past_days=3", "Parameter 'past_days' is not supported here."),
        (f"{NEW_YORK}&forecast_days=16", "Forecast days is invalid. Allowed range 0 to 10. Given 16."),
        (f"{NEW_YORK}&latitude=1", "must have the same number of elements"),
        ("", "Value required for key 'latitude'."),
    ],
)
def test_what_is_wrong_is_refused_in_open_meteos_shape_and_nothing_is_fetched(api, simulator, query, words):
    assert words in reason_of(api.get(f"/v1/forecast?{query}"), 400)
    assert simulator.state()["calls"] == 0


def test_another_method_is_refused_in_its_shape(api):
    response = api.post(QUESTION)
    assert "POST is not allowed here" in reason_of(response, 405) and response["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.usefixtures("api")
def test_a_client_over_its_limit_gets_429_in_open_meteos_words(settings, client):
    settings.RATE_LIMIT_REQUESTS = 2
    responses = [client.get(QUESTION) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert reason_of(responses[2], 429) == "Minutely API request limit exceeded. Please try again in one minute."
    assert 0 < int(responses[2]["Retry-After"]) <= 60
    assert responses[0]["RateLimit-Policy"] == '"client";q=2;w=60'


@pytest.mark.usefixtures("api")
def test_several_places_count_as_that_many_requests(settings, client):
    settings.RATE_LIMIT_REQUESTS = 3
    assert client.get(f"/v1/forecast?{TWO}").status_code == 200
    assert client.get(f"/v1/forecast?{TWO}").status_code == 429
    four = client.get("/v1/forecast?latitude=1,2,3,4&longitude=1,2,3,4", headers={"x-client-id": "another"})
    assert reason_of(four, 400) == "Only up to 3 locations can be requested at once"


def test_new_places_past_the_allowance_get_429(api, settings, forget):
    settings.COLD_CELLS_PER_CLIENT_PER_HOUR = 1
    forget()
    assert api.get("/v1/forecast?latitude=1&longitude=1").status_code == 200
    response = api.get("/v1/forecast?latitude=2&longitude=2")
    assert "new places" in reason_of(response, 429) and int(response["Retry-After"]) > 0


def test_a_new_place_while_open_meteo_is_down_gets_503_and_a_held_one_its_answer(api, simulator):
    api.get(QUESTION)
    simulator.fault("status", status=500)
    response = api.get("/v1/forecast?latitude=1&longitude=1")
    assert reason_of(response, 503) and int(response["Retry-After"]) > 0
    assert api.get(QUESTION).status_code == 200
    mixed = api.get("/v1/forecast?latitude=40.7,1&longitude=-74,1")
    assert reason_of(mixed, 503)


@pytest.mark.parametrize("others_fail", [False, True])
def test_a_place_that_open_meteo_has_nothing_for_is_400_in_its_words(api, simulator, others_fail):
    simulator.fault("status", status=400, reason="No data is available for this location", place="1.0,1.0")
    alone = [api.get("/v1/forecast?latitude=1&longitude=1") for _ in range(2)]
    if others_fail:
        simulator.fault("status", status=500)
    among = api.get("/v1/forecast?latitude=40.7,1&longitude=-74,1")
    for response in (*alone, among):
        assert reason_of(response, 400) == "No data is available for this location"
        assert "Retry-After" not in response


def test_a_fault_of_ours_is_500_in_its_shape(api, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr("weather.openmeteo_api.views.finished_of", broken)
    assert reason_of(api.get(QUESTION), 500)


def test_without_redis_held_places_are_answered(api, monkeypatch):
    before = api.get(QUESTION).json()
    outage.take_redis_away(monkeypatch)
    response = api.get(QUESTION)
    assert response.status_code == 200 and response.json()["hourly"] == before["hourly"]
    assert reason_of(api.get(f"{QUESTION}&forecast_days=11"), 400)


# ── counting ──────────────────────────────────────────────────────────────────────────────────────


def test_requests_are_counted_like_those_of_the_api(api):
    request_events.count()
    before = {origin: metrics.CACHE_LOOKUPS.labels("openmeteo", origin)._value.get() for origin in ("hit", "miss")}
    for _ in range(3):
        api.get(QUESTION)
    request_events.count()
    after = {origin: metrics.CACHE_LOOKUPS.labels("openmeteo", origin)._value.get() for origin in ("hit", "miss")}
    assert (after["miss"] - before["miss"], after["hit"] - before["hit"]) == (2, 1)


def test_they_are_no_part_of_the_hit_rate_which_is_about_keys_in_redis(api, monkeypatch):
    request_events.count()
    monkeypatch.setattr(request_events, "_recent", request_events.RecentOrigins())
    for path in (QUESTION, QUESTION, "/api/v1/weather?lat=40.7&lon=-74"):
        api.get(path)
    request_events.count()
    recent = {origin: metrics.RECENT_ANSWERS.labels(origin)._value.get() for origin in ("found", "fetched", "derived")}
    assert recent == {"found": 0, "fetched": 0, "derived": 1}


def test_a_cell_asked_for_in_open_meteos_words_is_popular_too(api):
    for _ in range(3):
        api.get(QUESTION)
    popularity = service().popularity
    popularity.flush()
    assert popularity.rates([Cell(407, -740)])[Cell(407, -740)] > 0
