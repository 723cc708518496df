"""Answers say which model and run they come from, on every way that they come."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.support.redis.outage import take_redis_away
from weather.api.service import service
from weather.core.runs.run_times import Run, RunTimes
from weather.fetching.store import memory_of_records
from weather.runs.evidence import Evidence
from weather.runs.known import KnownRuns

BERLIN, NEW_YORK = "lat=52.52&lon=13.41", "lat=40.7128&lon=-74.0060"
WEATHER, FORECAST = f"/api/v1/weather?{BERLIN}", f"/api/v1/forecast?{BERLIN}"
HOUR = 3600
#: How long before the present the newest run began; each came an hour after it began.
BEGAN_HOURS = 2


def run_times(began: float, interval_seconds: int = 3 * HOUR) -> RunTimes:
    """The run that began then, and the three before it; somebody has just looked."""
    starts = [int(began) - number * interval_seconds for number in range(4)]
    return RunTimes(interval_seconds, tuple(Run(start, start + HOUR) for start in starts), int(time.time()))


def known() -> KnownRuns:
    runs = service().runs
    assert runs
    return runs.known


@pytest.fixture
def run(api):
    """The start of Berlin's newest run as answers write it."""
    began = int(time.time()) - BEGAN_HOURS * HOUR
    known().table.write("dwd_icon_d2", run_times(began))
    return datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def said(body):
    return body["model"], body["run"]


@pytest.mark.parametrize("path", [WEATHER, FORECAST, f"{FORECAST}&days=3", f"{WEATHER}&units=imperial"])
def test_a_fetched_answer_and_the_cached_one_say_their_run(api, run, path):
    fetched, cached = api.get(path), api.get(path)
    assert (fetched.json()["cached"], cached.json()["cached"]) == (False, True)
    assert said(fetched.json()) == said(cached.json()) == ("dwd_icon_d2", run)
    assert fetched["ETag"] == cached["ETag"]


def test_a_derived_answer_says_the_run_of_its_record_and_not_the_newest(api, run, valkey):
    api.get(WEATHER)
    valkey.delete("weather:lat:52.5:lon:13.4")
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=60), tick=True):
        newer = Run(int(time.time()) + HOUR, int(time.time()) + HOUR)
        times = known().table.times_of("dwd_icon_d2")
        assert times
        known().table.write("dwd_icon_d2", RunTimes(3 * HOUR, (newer, *times.runs), times.seen_at))
        derived = api.get(WEATHER).json()
    assert derived["cached"] and said(derived) == ("dwd_icon_d2", run)


def test_a_stale_answer_says_the_run_of_the_record_that_it_is_derived_from(api, run, valkey):
    api.get(WEATHER)
    valkey.delete("weather:lat:52.5:lon:13.4")
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=True):
        stale = api.get(WEATHER).json()
    assert stale["stale"] and said(stale) == ("dwd_icon_d2", run)


def test_without_redis_answers_go_on_saying_what_this_process_has_read(api, run, monkeypatch):
    api.get(WEATHER)
    take_redis_away(monkeypatch)
    remembered, derived = api.get(WEATHER).json(), api.get(FORECAST).json()
    assert said(remembered) == said(derived) == ("dwd_icon_d2", run)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=20), tick=True):
        assert said(api.get(WEATHER).json()) == ("dwd_icon_d2", run)


def test_an_expired_answer_says_the_run_that_it_was_derived_from(api, run, monkeypatch):
    api.get(WEATHER)
    take_redis_away(monkeypatch)
    service().store._remembered = memory_of_records()  # as in a process that has seen the answer alone
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=20), tick=True):
        expired = api.get(WEATHER).json()
    assert expired["stale"] and said(expired) == ("dwd_icon_d2", run)


def test_of_several_places_each_says_its_own(api, run):
    places = api.get("/api/v1/weather?lat=52.5,40.7,x&lon=13.4,-74.0,1").json()["places"]
    assert [said(place) for place in places[:2]] == [("dwd_icon_d2", run), ("ncep_hrrr_conus", None)]


def test_where_no_run_times_are_known_the_model_alone_is_said(api):
    assert said(api.get(f"/api/v1/weather?{NEW_YORK}").json()) == ("ncep_hrrr_conus", None)


def test_where_refreshes_contradict_the_table_neither_is_said(api, run, monkeypatch):
    monkeypatch.setattr(Evidence, "contradicts", lambda evidence, cell, model: True)
    assert said(api.get(WEATHER).json()) == (None, None)


def test_air_quality_has_the_same_envelope_and_knows_of_neither(api, run):
    assert said(api.get(f"/api/v1/air-quality?{BERLIN}").json()) == (None, None)


def test_open_meteos_own_shape_says_neither(api, run):
    body = api.get("/v1/forecast?latitude=52.52&longitude=13.41&current=temperature_2m").json()
    assert body["current"] and not {"model", "run"} & body.keys()


def test_a_text_that_the_release_before_wrote_is_served_as_it_is(api, run, valkey):
    api.get(WEATHER)
    key = "weather:lat:52.5:lon:13.4"
    before = valkey.get(key).replace(f'"model":"dwd_icon_d2","run":"{run}",', "")
    valkey.set(key, before, ex=500)
    assert api.get(WEATHER).content.decode() == before and "run" not in before
