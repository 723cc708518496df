"""/weather and /forecast through Django, before a real Redis and a simulated Open-Meteo."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import requests
import time_machine
from django.core.cache import cache

from tests.support.clocks import around_noon
from tests.support.servers import eventually
from weather.api.service import service

NEW_YORK = "lat=40.7128&lon=-74.0060"
WEATHER = f"/api/v1/weather?{NEW_YORK}"
FORECAST = f"/api/v1/forecast?{NEW_YORK}"
WEATHER_KEY = "weather:lat:40.7:lon:-74.0"


def test_the_first_request_asks_open_meteo_and_the_second_does_not(api, simulator):
    first, second = api.get(WEATHER), api.get(WEATHER)
    assert (first.status_code, second.status_code) == (200, 200)
    assert (first.json()["cached"], second.json()["cached"]) == (False, True)
    assert first["Cache-Status"] == "weathernote; fwd=miss; stored"
    assert second["Cache-Status"].startswith("weathernote; hit; ttl=")
    assert simulator.state()["calls"] == 1


def test_a_phone_elsewhere_in_the_cell_shares_the_answer(api, simulator):
    api.get(WEATHER)
    assert api.get("/api/v1/weather?lat=40.7499&lon=-73.9501").json()["cached"]
    assert simulator.state()["calls"] == 1


def test_the_forecast_of_a_cell_whose_weather_is_known_costs_no_call(api, simulator):
    api.get(WEATHER)
    forecast = api.get(FORECAST)
    assert forecast.json()["cached"] and forecast["Cache-Status"].startswith("weathernote; hit")
    assert simulator.state()["calls"] == 1


def test_other_numbers_of_days_cost_no_call(api, simulator):
    days = {days: api.get(f"{FORECAST}&days={days}").json()["daily"] for days in range(1, 11)}
    assert all(len(daily["time"]) == days for days, daily in days.items())
    assert days[10]["temperature_2m_max"][:3] == days[3]["temperature_2m_max"]
    assert simulator.state()["calls"] == 1


def test_redis_holds_exactly_what_a_phone_gets(api, valkey):
    api.get(WEATHER)
    assert valkey.get(WEATHER_KEY) == api.get(WEATHER).content.decode() == cache.get(WEATHER_KEY)
    assert json.loads(cache.get(WEATHER_KEY))["cached"] is True


def test_every_key_has_its_promised_name_and_a_life(api, valkey, simulator):
    with around_noon(simulator):  # a forecast ends with its cell's day
        for path in (WEATHER, FORECAST, f"{FORECAST}&days=3"):
            api.get(path)
    lives = {key: valkey.ttl(key) for key in valkey.keys("*")}
    assert all(life > 0 for life in lives.values())
    assert {key: life for key, life in lives.items() if "lat:" in key} == {
        WEATHER_KEY: pytest.approx(600, abs=2),
        "forecast:lat:40.7:lon:-74.0:days:7": pytest.approx(600, abs=2),
        "forecast:lat:40.7:lon:-74.0:days:3": pytest.approx(60, abs=2),
        "upstream:lat:40.7:lon:-74.0": pytest.approx(172_800, abs=2),
    }


def test_nothing_is_pickled(api, valkey_server, valkey):
    api.get(WEATHER)
    cache.set("by:hand", "text", 5)
    assert valkey.get("by:hand") == "text"
    with pytest.raises(TypeError):
        cache.set("by:hand", {"not": "text"}, 5)


def test_an_answer_says_when_it_ends_in_body_and_header(api):
    response = api.get(WEATHER)
    body = response.json()
    fetched, expires = (datetime.fromisoformat(body[name]) for name in ("fetched_at", "expires_at"))
    assert expires - fetched in (timedelta(seconds=600), timedelta(seconds=601))
    assert response["Cache-Control"] == "public, max-age=600, stale-while-revalidate=60, stale-if-error=3600"
    assert response["Content-Type"] == "application/json"
    assert "Vary" not in response


def test_a_phone_that_has_the_answer_gets_304(api):
    etag = api.get(WEATHER)["ETag"]
    assert etag.startswith('W/"')
    response = api.get(WEATHER, headers={"If-None-Match": f'"other", {etag}'})
    assert (response.status_code, response.content, response["ETag"]) == (304, b"", etag)
    assert "max-age" in response["Cache-Control"] and "Cache-Status" in response
    assert api.get(WEATHER, headers={"If-None-Match": "*"}).status_code == 304
    assert api.get(WEATHER, headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_head_is_get_without_the_body(api):
    api.get(WEATHER)
    got, head = api.get(WEATHER), api.head(WEATHER)
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head[name] for name in ("ETag", "Content-Length")} == {
        name: got[name] for name in ("ETag", "Content-Length")
    }


def test_options_names_what_is_allowed_and_asks_nobody(api, simulator, valkey):
    response = api.options(WEATHER)
    assert (response.status_code, response["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert valkey.keys() == [] and simulator.state()["calls"] == 0


def test_a_trailing_slash_is_answered_alike(api):
    assert api.get(f"/api/v1/weather/?{NEW_YORK}").json()["current"] == api.get(WEATHER).json()["current"]


def test_current_is_worked_out_for_the_present_minute(api):
    body = api.get(WEATHER).json()
    now = datetime.now(UTC)
    assert timedelta() <= now - datetime.fromisoformat(body["current"]["time"]) < timedelta(seconds=62)


def test_the_next_answer_of_a_held_record_is_for_the_new_hour_and_costs_nothing(api, simulator, valkey, settings):
    settings.WEATHER_TTL_SECONDS = 60
    with time_machine.travel(datetime(2026, 11, 24, 12, 50, tzinfo=UTC), tick=False) as clock:
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        first = api.get(WEATHER).json()
        valkey.delete(WEATHER_KEY)
        clock.shift(timedelta(minutes=9, seconds=59))
        second = api.get(WEATHER).json()
    assert (first["current"]["time"], second["current"]["time"]) == (
        "2026-11-24T07:50:00-05:00",
        "2026-11-24T07:59:00-05:00",
    )
    assert second["cached"] and second["fetched_at"] == first["fetched_at"]
    assert simulator.state()["calls"] == 1


def test_a_record_that_is_due_is_served_at_once_as_stale_and_refreshed_behind(api, simulator, valkey):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        first = api.get(WEATHER).json()
        valkey.delete(WEATHER_KEY)
        clock.shift(timedelta(seconds=600))
        stale = api.get(WEATHER)
        eventually(lambda: simulator.state()["calls"] == 2)
        eventually(lambda: service().workers.is_idle)
        valkey.delete(WEATHER_KEY)
        refreshed = api.get(WEATHER).json()
    assert stale.json()["stale"] and stale.json()["cached"] and stale.json()["fetched_at"] == first["fetched_at"]
    assert stale["Cache-Status"] == "weathernote; fwd=stale; stored"
    assert stale["Cache-Control"].startswith("public, max-age=60,")
    assert not refreshed["stale"] and refreshed["cached"] and refreshed["fetched_at"] > first["fetched_at"]
    assert simulator.state()["calls"] == 2


def test_a_cell_that_nobody_asked_for_in_hours_is_worth_a_wait(api, simulator, valkey):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        api.get(WEATHER)
        valkey.delete(WEATHER_KEY)
        clock.shift(timedelta(hours=3, seconds=1))
        body = api.get(WEATHER).json()
    assert not body["cached"] and not body["stale"]


def test_a_held_record_is_served_as_stale_when_open_meteo_fails(api, simulator, valkey):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        api.get(WEATHER)
        valkey.delete(WEATHER_KEY)
        simulator.fault("status", status=503)
        clock.shift(timedelta(hours=5))
        response = api.get(WEATHER)
    assert response.json()["stale"] and response.json()["cached"]
    assert response["Cache-Status"] == "weathernote; fwd=stale; stored"
    assert response["Cache-Control"].startswith("public, max-age=60,")


def test_a_cell_of_which_nothing_is_held_gets_503_when_open_meteo_fails(api, simulator):
    simulator.fault("status", status=503)
    response = api.get(WEATHER)
    assert (response.status_code, response.json()["code"]) == (503, "upstream_unavailable")
    assert int(response["Retry-After"]) > 0 and response["Cache-Control"] == "no-store"


def test_a_record_past_its_hold_is_not_served(api, simulator, valkey):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        api.get(WEATHER)
        valkey.delete(WEATHER_KEY)
        simulator.fault("status", status=503)
        clock.shift(timedelta(seconds=172_801))
        assert api.get(WEATHER).status_code == 503


def test_a_forecast_is_never_kept_past_its_cells_midnight(api, valkey):
    before_midnight = datetime(2026, 11, 25, 4, 58, 20, tzinfo=UTC)  # 23:58:20 in New York
    with time_machine.travel(before_midnight, tick=False):
        api.get(WEATHER)
        response = api.get(FORECAST)
    assert response["Cache-Control"] == "public, max-age=100, stale-while-revalidate=0, stale-if-error=0"
    assert valkey.ttl("forecast:lat:40.7:lon:-74.0:days:7") <= 100


@pytest.mark.parametrize("value", ["garbage", "", '{"latitude":40.7,"longitude":-74.0}', '{"latitude":40.7,"longi'])
def test_a_corrupt_answer_is_replaced_and_asked_for_once(api, simulator, valkey, value):
    valkey.set(WEATHER_KEY, value)
    first, second = api.get(WEATHER), api.get(WEATHER)
    assert (first.json()["cached"], second.json()["cached"]) == (False, True)
    assert simulator.state()["calls"] == 1


def test_a_corrupt_record_is_fetched_anew_once(api, simulator, valkey):
    valkey.set("upstream:lat:40.7:lon:-74.0", "garbage")
    assert not api.get(WEATHER).json()["cached"]
    assert api.get(FORECAST).json()["cached"]
    assert simulator.state()["calls"] == 1


def test_an_answer_of_another_cell_under_the_key_is_not_served(api, valkey):
    api.get("/api/v1/weather?lat=51.5&lon=-0.1")
    valkey.copy("weather:lat:51.5:lon:-0.1", WEATHER_KEY)
    body = api.get(WEATHER).json()
    assert (body["latitude"], body["longitude"]) == (40.7, -74.0)


def test_weather_near_the_poles_and_the_antimeridian_is_served(api):
    for query in ("lat=90&lon=0", "lat=-90&lon=180", "lat=0&lon=179.96", "lat=-0.04&lon=-180"):
        assert api.get(f"/api/v1/weather?{query}").status_code == 200


def test_a_simulated_upstream_behind_open_meteo_url_is_still_open_meteo(api):
    assert api.get(WEATHER).json()["source"] == "open-meteo"


@pytest.mark.parametrize(
    ("lat", "lon"), [("28.6", "77.2"), ("27.7", "85.3"), ("35.7", "51.4"), ("47.6", "-52.7"), ("-34.9", "138.6")]
)
def test_in_a_zone_of_half_an_hour_hours_are_those_that_gmt_tells(api, simulator, lat, lon):
    """Delhi, Kathmandu, Tehran, St. John's, Adelaide: Open-Meteo's labels are wrong there, but in GMT they are true."""
    question = {"latitude": lat, "longitude": lon, "hourly": "temperature_2m", "timeformat": "unixtime"}
    in_gmt = requests.get(f"{simulator.url}/v1/forecast", question | {"timezone": "GMT"}, timeout=10).json()["hourly"]
    told = dict(zip(in_gmt["time"], in_gmt["temperature_2m"], strict=True))
    hours = api.get(f"/api/v1/forecast?lat={lat}&lon={lon}").json()["hourly"]
    # The present hour has no row of its own just after midnight.
    shown = zip(hours["time"][1:], hours["temperature_2m"][1:], strict=True)
    ours = {int(datetime.fromisoformat(time).timestamp()): value for time, value in shown}
    assert ours == {time: told[time] for time in ours} and len(ours) == 47
