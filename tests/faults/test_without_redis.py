"""Faults 1, 4, 5, 9, 10, 61 as stories: Redis breaks, the answer, the metric, Redis comes back."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from ratelimit.identity import hashed
from tests.support.clocks import around_noon
from tests.support.servers import Valkey, eventually
from weathernote.telemetry import metrics

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"
FORECAST = "/api/v1/forecast?lat=40.7128&lon=-74.0060"
ELSEWHERE = "/api/v1/weather?lat=51.5&lon=-0.1"
CLIENT = {"x-client-id": "phone"}


@pytest.fixture
def breakable(tmp_path, api, settings, forget):
    """A key-value server of the test's own under the API, to be broken."""
    server = Valkey(tmp_path)
    settings.CACHES["default"]["LOCATION"] = [server.url]
    settings.RATE_LIMIT_REQUESTS = 60
    forget()
    yield server
    server.stop()


@pytest.fixture
def counted():
    """How much a counter has grown since the test began."""
    counters = (metrics.RATE_LIMIT_BYPASSED, metrics.REDIS_LOST_WRITES, metrics.ANSWERED_FROM_MEMORY)
    before = {counter: counter._value.get() for counter in counters}
    return lambda counter: counter._value.get() - before[counter]


def test_a_cell_that_was_asked_for_is_answered_without_redis(api, breakable, simulator, counted):
    before = api.get(WEATHER).json()
    api.get(FORECAST)
    breakable.kill()
    weather, forecast = api.get(WEATHER), api.get(FORECAST)
    assert (weather.status_code, forecast.status_code) == (200, 200)
    assert weather.json()["current"] == before["current"] and weather.json()["cached"]
    assert counted(metrics.ANSWERED_FROM_MEMORY) == 2
    assert simulator.state()["calls"] == 1


def test_an_answer_past_its_life_is_stale_and_still_asks_nobody(api, breakable, simulator):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        api.get(WEATHER)
        breakable.kill()
        clock.shift(timedelta(minutes=15))
        response = api.get(WEATHER)
        now = datetime.now(UTC)
    body = response.json()
    assert response.status_code == 200 and body["stale"] and body["cached"]
    assert now - datetime.fromisoformat(body["current"]["time"]) < timedelta(minutes=1)
    assert response["Cache-Status"] == "weathernote; fwd=stale"
    assert simulator.state()["calls"] == 1


def test_a_due_forecast_of_a_known_cell_keeps_nobody_waiting(api, breakable, simulator):
    """The record was seen for /weather, /forecast was never asked for, and hours have passed."""
    with around_noon(simulator), time_machine.travel(datetime.now(UTC), tick=False) as clock:
        api.get(WEATHER)
        breakable.kill()
        clock.shift(timedelta(minutes=50))
        assert api.get(FORECAST).json()["stale"]
        assert simulator.state()["calls"] == 1
        clock.shift(timedelta(hours=4))
        assert not api.get(FORECAST).json()["stale"]
    assert simulator.state()["calls"] == 2


def test_an_answer_that_was_only_seen_is_prolonged_for_an_hour(api, breakable, simulator, forget):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        api.get(WEATHER)
        forget()  # another process, which sees the answer in Redis and not the record
        api.get(WEATHER)
        breakable.kill()
        clock.shift(timedelta(minutes=69))
        late = api.get(WEATHER)
        assert late.json()["stale"] and late["Cache-Control"].startswith("public, max-age=60,")
        assert simulator.state()["calls"] == 1
        clock.shift(timedelta(minutes=2))
        assert not api.get(WEATHER).json()["stale"]  # more than an hour past: Open-Meteo is asked
        assert simulator.state()["calls"] == 2


def test_nobody_is_shown_yesterday_as_today_without_redis(api, breakable, forget, simulator, counted):
    with time_machine.travel(datetime(2026, 11, 25, 4, 55, tzinfo=UTC), tick=False) as clock:
        simulator.settings(clock_offset_seconds=datetime.now(UTC).timestamp() - simulator.now())
        api.get(WEATHER)
        api.get(FORECAST)
        forget()
        api.get(FORECAST)
        breakable.kill()
        clock.shift(timedelta(minutes=6))  # past midnight in New York
        assert api.get(FORECAST).json()["daily"]["time"][0] == "2026-11-25"
        assert counted(metrics.ANSWERED_FROM_MEMORY) == 0  # what this process saw is of yesterday


def test_a_cell_that_nobody_asked_for_is_fetched_once_without_redis(api, breakable, simulator):
    breakable.kill()
    first, second = api.get(ELSEWHERE), api.get(ELSEWHERE)
    assert (first.json()["cached"], second.json()["cached"]) == (False, True)
    assert first["Cache-Status"] == "weathernote; fwd=miss"
    assert simulator.state()["calls"] == 1


def test_without_redis_nobody_is_limited_and_it_is_counted(api, breakable, counted):
    breakable.kill()
    assert {api.get(WEATHER, headers=CLIENT).status_code for _ in range(70)} == {200}
    assert counted(metrics.RATE_LIMIT_BYPASSED) == 70
    assert counted(metrics.REDIS_LOST_WRITES) >= 2


def test_a_full_redis_serves_what_it_has_and_lost_writes_are_counted(api, breakable, counted):
    """Fault 4: full, with noeviction."""
    api.get(WEATHER)
    breakable.client.config_set("maxmemory", 1)
    assert api.get(WEATHER).json()["cached"]
    assert api.get(ELSEWHERE).status_code == 200
    assert api.get(WEATHER)["RateLimit"] == '"client";r=60;t=60'
    assert counted(metrics.REDIS_LOST_WRITES) >= 2 and counted(metrics.RATE_LIMIT_BYPASSED) >= 3


def test_a_count_that_was_evicted_begins_anew(api, breakable, counted):
    """Fault 5: eviction loses counts; a client then gets a new window, and nothing fails."""
    for _ in range(61):
        api.get(WEATHER, headers=CLIENT)
    breakable.client.delete(*breakable.client.keys("rate_limit:*"))
    assert api.get(WEATHER, headers=CLIENT)["RateLimit"] == '"client";r=59;t=60'


def test_a_read_only_redis_serves_and_limits_nobody(api, breakable, counted, tmp_path):
    """Fault 9: a replica that takes no writes."""
    api.get(WEATHER)
    other = Valkey(tmp_path / "master")
    try:
        breakable.client.replicaof("127.0.0.1", other.port)
        assert {api.get(WEATHER, headers=CLIENT).status_code for _ in range(65)} == {200}
        assert counted(metrics.RATE_LIMIT_BYPASSED) == 65
    finally:
        other.stop()


def test_a_wrong_password_fails_open_and_is_logged_once(api, breakable, caplog):
    """Fault 9."""
    breakable.client.config_set("requirepass", "changed")
    breakable.client.execute_command("AUTH", "changed")
    breakable.client.client_kill_filter(_type="normal", skipme=True)
    assert {api.get(WEATHER).status_code for _ in range(20)} == {200}
    assert len([record for record in caplog.records if "Redis" in record.message]) == 1


def test_redis_is_used_again_when_it_comes_back(api, breakable, simulator):
    """Fault 10."""
    api.get(WEATHER)
    breakable.kill()
    for _ in range(5):
        api.get(WEATHER)
    breakable.start()

    def kept_again():
        api.get(ELSEWHERE)
        return breakable.client.exists(f"rate_limit:hash:{hashed('address:127.0.0.1')}")

    eventually(kept_again)


def test_health_is_degraded_and_quick(api, breakable, monkeypatch):
    """Fault 61."""
    monkeypatch.setattr("weathernote.site.health.CACHE_SECONDS", 0)
    assert api.get("/health").json() == {"status": "ok", "redis": "ok", "upstream": "ok"}
    breakable.kill()
    response = api.get("/health")
    assert (response.status_code, response.json()["status"], response.json()["redis"]) == (200, "degraded", "down")
