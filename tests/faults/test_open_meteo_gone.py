"""Faults 18 to 21, 34, 60 and 66: Open-Meteo hangs, refuses or is gone for two days."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import RequestFactory

from tests.support.clocks import wait_for_room
from tests.support.problems import problem_of
from tests.support.servers import eventually
from weather.api.views import ForecastViewSet, WeatherViewSet
from weather.budget.budget import Budget
from weather.core.windows import WINDOW_SECONDS

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"
ELSEWHERE = "/api/v1/weather?lat=51.5&lon=-0.1"
HELD_KEY = "weather:lat:40.7:lon:-74.0"


def test_while_it_hangs_hits_and_held_forecasts_are_served_and_others_get_503(instance, simulator, valkey):
    """Fault 18."""
    hit = "/api/v1/weather?lat=48.9&lon=2.4"
    for path in (hit, WEATHER):
        assert instance.get(path).status_code == 200
    simulator.fault("hang")
    with ThreadPoolExecutor(40) as pool:
        cold = [pool.submit(instance.get, f"/api/v1/weather?lat={n / 10}&lon=77") for n in range(40)]
        hits = [instance.get(hit) for _ in range(20)]
        still_waiting = sum(not future.done() for future in cold)
        statuses = [future.result().status_code for future in cold]
    assert {response.status_code for response in hits} == {200} and still_waiting == 40
    assert set(statuses) == {503}  # a phone would have given up after 15 s


def test_a_long_refusal_pauses_all_calls_and_no_thread_sleeps(api, simulator):
    """Fault 20: 429 with Retry-After 3600."""
    simulator.fault("status", status=429, retry_after=3600)
    first = api.get(WEATHER)
    calls = simulator.state()["calls"]
    simulator.fault(None)
    second = api.get(ELSEWHERE)
    problem_of(second, 503, "upstream_unavailable")
    assert first.status_code == 503
    # One call, or two if this machine was too busy to read the first answer in time; and none after the refusal.
    assert 1 <= calls == simulator.state()["calls"] <= 2
    assert 3500 < int(second["Retry-After"]) <= 3600
    assert api.get("/health").json()["upstream"] in ("paused", "down")


@pytest.mark.parametrize(("name", "window"), [("Minutely", "minute"), ("Hourly", "hour"), ("Daily", "day")])
def test_a_refusal_pauses_until_the_window_that_it_names_ends(api, simulator, name, window):
    """Fault 21: 429 without Retry-After."""
    wait_for_room(window)
    simulator.fault("status", status=429, reason=f"{name} API request limit exceeded. Please try again later.")
    api.get(WEATHER)
    simulator.fault(None)
    response = api.get(ELSEWHERE)
    ends = WINDOW_SECONDS[window] - time.time() % WINDOW_SECONDS[window]
    assert response.status_code == 503 and simulator.state()["calls"] == 1
    assert abs(int(response["Retry-After"]) - ends) <= 2


def test_too_many_at_once_pauses_for_a_few_seconds(api, simulator):
    simulator.fault("status", status=429, reason="Too many concurrent requests")
    api.get(WEATHER)
    assert int(api.get(ELSEWHERE)["Retry-After"]) <= 5


def test_a_row_of_failures_pauses_and_it_recovers(api, simulator):
    simulator.fault("status", status=503)
    for n in range(6):
        assert api.get(f"/api/v1/weather?lat={n}&lon=3").status_code == 503
    paused_at = simulator.state()["calls"]
    assert api.get("/api/v1/weather?lat=8&lon=3").status_code == 503
    assert simulator.state()["calls"] == paused_at
    simulator.fault(None)
    eventually(lambda: api.get(WEATHER).status_code == 200, every_seconds=0.1)


@pytest.mark.parametrize(("failing", "answering"), [("air-quality", "weather"), ("weather", "air-quality")])
def test_the_host_of_one_dataset_fails_and_the_other_is_asked_on(api, simulator, failing, answering):
    paths = {"weather": "/v1/forecast", "air-quality": "/v1/air-quality"}
    simulator.fault("status", status=503, path=paths[failing])
    for n in range(6):
        assert api.get(f"/api/v1/{failing}?lat={n}&lon=3").status_code == 503
        assert api.get(f"/api/v1/{answering}?lat={n}&lon=3").status_code == 200
    asked = simulator.state()["calls_by_path"]
    problem_of(api.get(f"/api/v1/{failing}?lat=8&lon=3"), 503, "upstream_unavailable")
    assert api.get(f"/api/v1/{answering}?lat=8&lon=3").status_code == 200
    path = paths[answering]
    assert simulator.state()["calls_by_path"] == asked | {path: asked[path] + 1}  # the failing one is paused
    assert api.get("/health").json()["upstream"] == ("down" if failing == "weather" else "ok")
    simulator.fault(None)
    eventually(lambda: api.get(f"/api/v1/{failing}?lat=9&lon=3").status_code == 200, every_seconds=0.1)


def test_health_tells_what_another_process_met(api, monkeypatch):
    monkeypatch.setattr("weathernote.site.health.CACHE_SECONDS", 0)
    other = Budget(minute=600, hour=5000, day=10_000, fleet_processes=2)
    assert api.get("/health").json()["upstream"] == "ok"
    other.close("hour")
    assert api.get("/health").json() == {"status": "degraded", "redis": "ok", "upstream": "paused"}
    other.failed()
    assert api.get("/health").json()["upstream"] == "down"
    other.succeeded()
    assert api.get("/health").json()["upstream"] == "paused"


def test_records_of_other_versions_lie_beside_ours(api, simulator, valkey):
    """Fault 66: during a rolling deploy each version reads and writes its own field."""
    key = "upstream:lat:40.7:lon:-74.0"
    valkey.hset(key, mapping={"1": "of an older version", "3": "of a newer version"})
    assert not api.get(WEATHER).json()["cached"]
    valkey.delete(HELD_KEY)
    assert api.get(WEATHER).json()["cached"]
    assert valkey.hget(key, "1") == "of an older version" and valkey.hget(key, "3") == "of a newer version"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_process_whose_clock_is_an_hour_off_stays_sane(api, simulator, valkey, settings, hours):
    """Fault 60: budget and limiter go by Redis' clock, the breaker by none that can be set."""
    settings.RATE_LIMIT_REQUESTS = 60
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True):
        statuses = [api.get(WEATHER).status_code for _ in range(61)]
        elsewhere = api.get(ELSEWHERE, headers={"x-client-id": "other"})
    assert statuses == [200] * 60 + [429]
    assert elsewhere.status_code == 200
    assert all(valkey.ttl(key) != -1 for key in valkey.keys("*"))
    assert api.get(ELSEWHERE, headers={"x-client-id": "third"}).status_code == 200


@pytest.mark.timeout(600)
def test_two_days_of_outage_are_served_right_for_every_hour(api, simulator):
    """Fault 34: many cells, every hour, today first and ten days long."""
    places = [(lat, lon) for lat in range(-60, 80, 14) for lon in range(-180, 180, 18)][:200]
    with time_machine.travel(datetime(2026, 3, 28, 9, 5, tzinfo=UTC), tick=False) as clock:  # summer time begins in it
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        for lat, lon in places:
            assert api.get(f"/api/v1/weather?lat={lat}&lon={lon}").status_code == 200
        simulator.fault("close")
        for _ in range(47):
            clock.shift(timedelta(hours=1))
            _all_right(places, datetime.now(UTC))


def _all_right(places, now):
    weather, forecast = WeatherViewSet.as_view({"get": "retrieve"}), ForecastViewSet.as_view({"get": "retrieve"})
    factory = RequestFactory()
    for at, (lat, lon) in enumerate(places):
        body = _body(weather(factory.get("/", {"lat": lat, "lon": lon})))
        time_shown = datetime.fromisoformat(body["current"]["time"])
        assert timedelta() <= now - time_shown < timedelta(minutes=10)
        assert None not in body["current"].values()
        days = 7 if at % 2 else 10
        body = _body(forecast(factory.get("/", {"lat": lat, "lon": lon, "days": days})))
        today = now.astimezone(time_shown.tzinfo).date().isoformat()
        assert body["daily"]["time"][0] == today
        assert len(body["daily"]["time"]) == days and None not in body["daily"]["temperature_2m_max"]


def _body(response):
    assert response.status_code == 200, response.content
    return json.loads(response.content)
