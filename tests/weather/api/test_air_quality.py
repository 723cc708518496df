"""/air-quality through Django, before a real Redis and a simulated Open-Meteo."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from tests.support.redis.outage import take_redis_away
from tests.support.servers import eventually
from weather.api.service import service, service_of, services
from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY
from weathernote import redis

_BERLIN = ZoneInfo("Europe/Berlin")
PLACE = "lat=52.52&lon=13.41"
AIR = f"/api/v1/air-quality?{PLACE}"
WEATHER = f"/api/v1/weather?{PLACE}"
KEY, RECORD = "air_quality:lat:52.5:lon:13.4", "upstream:air_quality:lat:52.5:lon:13.4"


@pytest.fixture
def later(api):
    """Moves the clock of this process on by hours."""

    def moved(hours):
        return time_machine.travel(datetime.now(UTC) + timedelta(hours=hours), tick=True)

    return moved


def test_the_first_request_asks_open_meteo_and_the_second_does_not(api, simulator):
    first, second = api.get(AIR), api.get(AIR)
    assert [(one.status_code, one.json()["cached"]) for one in (first, second)] == [(200, False), (200, True)]
    assert first["Cache-Status"] == "weathernote; fwd=miss; stored"
    assert second["Cache-Status"].startswith("weathernote; hit; ttl=")
    assert first["ETag"] == second["ETag"] and second["RateLimit-Policy"].startswith('"client"')
    assert simulator.state()["calls_by_path"] == {"/v1/air-quality": 1}


def test_its_refreshes_come_after_weathers(api):
    assert service_of(AIR_QUALITY).round.spender_of(Cell(525, 134), 1000, 2000.0) == "late_refresh"
    assert service().round.spender_of(Cell(525, 134), 1000, 2000.0) == "refresh"


def test_it_is_kept_for_half_an_hour_and_its_record_for_two_days(api, valkey, settings):
    api.get(AIR)
    text, left_of_day = valkey.get(KEY), _left_of_day()
    assert text == api.get(AIR).content.decode()
    assert valkey.ttl(KEY) == pytest.approx(min(settings.AIR_QUALITY_TTL_SECONDS, left_of_day), abs=5)
    assert valkey.ttl(RECORD) == pytest.approx(172_800, abs=5)


def _left_of_day():
    tomorrow = datetime.fromtimestamp(service().now(), tz=_BERLIN).replace(hour=0, minute=0, second=0) + timedelta(1)
    return tomorrow.timestamp() - service().now()


def test_without_redis_a_due_record_is_shown_and_no_request_pays_for_its_refresh(api, simulator, later, monkeypatch):
    api.get(AIR)
    take_redis_away(monkeypatch)
    with later(hours=9):
        response = api.get(AIR)
    assert response.status_code == 200 and response.json()["stale"]
    assert simulator.state()["calls_by_path"] == {"/v1/air-quality": 1}


def test_a_process_remembers_both_datasets_of_a_place_within_one_bound(api, later, monkeypatch):
    api.get(WEATHER), api.get(AIR)
    weather, air = services()
    assert weather.store._remembered is air.store._remembered and len(air.store._remembered) == 2
    assert weather.cache._remembered is air.cache._remembered and len(air.cache._remembered) == 2
    take_redis_away(monkeypatch)
    with later(hours=0.75):
        assert "temperature_2m" in api.get(WEATHER).json()["current"]
        assert "pm2_5" in api.get(AIR).json()["current"]


def test_without_redis_a_packed_record_is_the_one_that_was_held_of_its_dataset(api, monkeypatch):
    api.get(WEATHER), api.get(AIR)
    take_redis_away(monkeypatch)
    cell = Cell.parse("52.52", "13.41")
    for one in services():
        packed, _ = redis.fetch_one(one.store.packed(cell))
        assert packed and one.store.unpacked(cell, packed)


def test_no_client_is_shown_yesterdays_maxima_as_todays(api):
    response = api.get(AIR)
    directives = dict(part.partition("=")[::2] for part in response["Cache-Control"].split(", "))
    assert int(directives["max-age"]) + int(directives["stale-if-error"]) <= _left_of_day() + 5
    assert response.json()["daily"]["time"][0] == datetime.now(_BERLIN).date().isoformat()


def test_units_change_neither_text_nor_tag_nor_key(api, valkey):
    metric, imperial = api.get(AIR), api.get(f"{AIR}&units=imperial")
    assert imperial.json() == metric.json() | {"cached": True} and imperial["ETag"] == metric["ETag"]
    assert valkey.keys("air_quality:*") == [KEY]
    assert api.get(f"{AIR}&units=kelvin").status_code == 400


def test_head_and_a_client_that_has_the_answer_get_no_body(api):
    api.get(AIR)
    known = api.get(AIR)
    head, again = api.head(AIR), api.get(AIR, headers={"If-None-Match": known["ETag"]})
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", known["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert api.options(AIR)["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("query", ["", "lat=1", "lat=91&lon=1", "lat=1&lat=1&lon=2", "lat=NaN&lon=1"])
def test_what_is_no_place_is_refused_and_nothing_is_asked(api, simulator, query):
    response = api.get(f"/api/v1/air-quality?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
    assert simulator.state()["calls"] == 0


def test_several_places_are_answered_in_their_order_by_one_call(api, simulator):
    api.get(AIR)
    body = api.get("/api/v1/air-quality?lat=40.7,52.5,x&lon=-74.0,13.4,1").json()
    new_york, berlin, nowhere = body["places"]
    assert (new_york["latitude"], berlin["latitude"], berlin["cached"]) == (40.7, 52.5, True)
    assert new_york["current"]["birch_pollen"] is None and berlin["current"]["birch_pollen"] is not None
    assert nowhere["problem"]["code"] == "invalid_parameter"
    assert simulator.state()["calls"] == 2


def test_the_sixty_first_request_of_a_minute_is_refused_whatever_it_is_about(api, settings, forget):
    settings.RATE_LIMIT_REQUESTS = 60
    forget()
    statuses = [api.get((AIR, WEATHER)[number % 2]).status_code for number in range(62)]
    assert statuses == [200] * 60 + [429] * 2


# ── with weather ──────────────────────────────────────────────────────────────────────────────────


def test_the_two_datasets_of_a_cell_are_held_apart_and_paid_from_one_budget(api, simulator, valkey):
    air, weather = api.get(AIR), api.get(WEATHER)
    assert "european_aqi" in air.json()["current"] and "temperature_2m" in weather.json()["current"]
    assert simulator.state()["calls_by_path"] == {"/v1/air-quality": 1, "/v1/forecast": 1}
    assert len(valkey.keys("upstream:*")) == 2
    assert service().budget is service_of(AIR_QUALITY).budget and service().budget.quota.spent["day"] == 2


def test_new_places_are_charged_to_the_one_allowance_of_a_client(api, settings, forget):
    settings.COLD_CELLS_PER_CLIENT_PER_HOUR = 3
    forget()
    paths = ["weather?lat=1&lon=1", "air-quality?lat=1&lon=1", "air-quality?lat=2&lon=1", "weather?lat=2&lon=1"]
    responses = [api.get(f"/api/v1/{path}") for path in paths]
    assert [one.status_code for one in responses] == [200, 200, 200, 429]
    assert "cold-client" in responses[3]["RateLimit-Policy"]


def test_requests_that_wait_for_either_are_bounded_together(api, simulator, settings, forget, monkeypatch):
    settings.THREADS = 4  # of which one may wait
    forget()
    go = threading.Event()
    monkeypatch.setattr(simulator, "pause", lambda _: go.wait(10))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(Client().get, AIR)
        eventually(lambda: simulator.state()["calls"])
        refused = api.get(WEATHER)
        go.set()
        assert waiting.result().status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")


def test_each_dataset_counts_its_own_popularity(api, valkey):
    for _ in range(3):
        api.get(AIR)
    api.get(WEATHER)
    for one in services():
        one.popularity.flush()
    cell = Cell(525, 134)
    counted = [one.popularity.rates([cell])[cell] / one.popularity.rate_of_one for one in services()]
    assert counted == pytest.approx([1, 3], rel=0.01)
    assert valkey.ttl("popularity:air_quality") > 86_400


# ── when something is broken ──────────────────────────────────────────────────────────────────────


def test_what_is_held_is_shown_as_stale_while_open_meteo_is_gone(api, simulator, valkey, later):
    api.get(AIR)
    simulator.fault("status", status=500)
    with later(7):
        valkey.delete(KEY)
        response = api.get(AIR)
    assert response.status_code == 200 and response.json()["stale"] is True
    assert response["Cache-Status"].startswith("weathernote; fwd=stale")


def test_a_record_of_five_hours_is_as_good_as_new_and_one_of_seven_is_refreshed(api, simulator, valkey, later):
    api.get(AIR)
    with later(5):
        valkey.delete(KEY)
        assert (api.get(AIR).json()["stale"], simulator.state()["calls"]) == (False, 1)
    with later(7):
        valkey.delete(KEY)
        assert api.get(AIR).json()["stale"]
        eventually(lambda: service_of(AIR_QUALITY).workers.is_idle)
        assert simulator.state()["calls"] == 2


def test_where_nothing_is_held_there_is_no_answer_while_open_meteo_is_gone(api, simulator):
    simulator.fault("status", status=500)
    response = api.get(AIR)
    assert (response.status_code, response.json()["code"]) == (503, "upstream_unavailable")
    assert int(response["Retry-After"]) > 0


def test_an_answer_of_air_quality_under_another_name_is_none(api, valkey):
    api.get(AIR)
    valkey.set("weather:lat:52.5:lon:13.4", valkey.get(KEY), ex=60)
    assert "temperature_2m" in api.get(WEATHER).json()["current"]
    assert json.loads(valkey.get("weather:lat:52.5:lon:13.4"))["current"]["temperature_2m"] is not None
