"""The simulator's model runs: told by the clock, with answers that change with the run of the place's model alone."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import requests

from tests.support.clocks import MIDNIGHT, SetClock
from weather.core.variables import HOURLY_NAMES
from weather.simulator.model_runs import MODELS, newest_run
from weather.simulator.server import OpenMeteoSimulator

HOUR = 3600
NOON = MIDNIGHT + 12 * HOUR
PARIS, CHICAGO = (48.9, 2.4), (41.9, -87.6)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def simulator(clock: SetClock) -> Iterator[OpenMeteoSimulator]:
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, unlimited=True, model_runs=True, clock=clock) as running:
        yield running


def meta(simulator: OpenMeteoSimulator, model: str) -> dict[str, int]:
    told = requests.get(f"{simulator.url}/data/{model}/static/meta.json", timeout=10)
    assert told.status_code == 200
    document: dict[str, int] = told.json()
    return document


def hourly(simulator: OpenMeteoSimulator, place: tuple[float, float], days: int = 14) -> Any:
    query: dict[str, str | float] = {
        "latitude": place[0],
        "longitude": place[1],
        "hourly": ",".join(HOURLY_NAMES),
        "forecast_days": days,
        "timeformat": "unixtime",
    }
    return requests.get(f"{simulator.url}/v1/forecast", query, timeout=30).json()["hourly"]


def _next_run(simulator: OpenMeteoSimulator, model: str) -> int:
    """The moment at which the model's next run is there."""
    told, lateness = meta(simulator, model), simulator.current_settings.run_lateness_seconds
    number = told["last_run_initialisation_time"] // told["update_interval_seconds"] + 1
    at = told["last_run_availability_time"]
    while newest_run(MODELS[model], at, lateness).initialised < number * told["update_interval_seconds"]:
        at += 1
    return at


def test_an_answer_changes_when_its_models_run_is_there_and_not_before(simulator, clock):
    before = hourly(simulator, PARIS)
    there = _next_run(simulator, "dwd_icon_d2")
    clock.seconds = there - 1
    assert hourly(simulator, PARIS) == before
    clock.seconds = there
    assert hourly(simulator, PARIS) != before
    assert meta(simulator, "dwd_icon_d2")["last_run_availability_time"] == there


def test_another_models_run_changes_nothing(simulator, clock):
    before = hourly(simulator, PARIS)
    clock.seconds = _next_run(simulator, "ncep_hrrr_conus")
    assert clock() < _next_run(simulator, "dwd_icon_d2")
    assert hourly(simulator, PARIS) == before


@pytest.mark.parametrize("model", MODELS)
def test_runs_come_in_order_after_their_start_and_are_late_as_set(model):
    for lateness_seconds in (0, 300):
        runs = {newest_run(MODELS[model], NOON + minute * 60, lateness_seconds) for minute in range(3 * 24 * 60)}
        for earlier, later in pairwise(sorted(runs)):
            assert later.initialised - earlier.initialised >= MODELS[model].interval_seconds
            assert later.available > later.initialised
    delays = {
        run.available - run.initialised for run in (newest_run(MODELS[model], NOON + h * HOUR, 0) for h in range(72))
    }
    assert len(delays) == 1


def test_some_runs_are_much_later_than_most(simulator):
    delays = sorted(
        run.available - run.initialised
        for run in {newest_run(MODELS["ncep_hrrr_conus"], NOON + at * 60, 300) for at in range(30 * 24 * 60)}
    )
    assert delays[-1] > delays[len(delays) // 2] + HOUR / 2


def test_the_same_moment_has_the_same_runs(simulator):
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, model_runs=True, clock=lambda: NOON) as another:
        for model in MODELS:
            assert meta(another, model) == meta(simulator, model)


def test_runs_that_end_end_for_run_times_and_answers(simulator, clock):
    simulator.settings(runs_until=NOON)
    told, before = meta(simulator, "dwd_icon_d2"), hourly(simulator, CHICAGO, days=1)
    clock.seconds += 6 * HOUR
    assert meta(simulator, "dwd_icon_d2") == told
    assert hourly(simulator, CHICAGO, days=1) == before


def test_run_times_that_stand_still_are_those_of_answers_that_go_on(simulator, clock):
    simulator.settings(run_times_until=NOON)
    told, before = meta(simulator, "ncep_hrrr_conus"), hourly(simulator, CHICAGO)
    clock.seconds += 6 * HOUR
    assert meta(simulator, "ncep_hrrr_conus") == told
    assert hourly(simulator, CHICAGO) != before


def test_an_answer_from_a_run_of_days_ago_is_complete(simulator, clock):
    simulator.settings(runs_until=NOON)
    clock.seconds += 9 * 24 * HOUR
    answer = hourly(simulator, CHICAGO, days=16)
    assert all(len(answer[name]) == 16 * 24 for name in HOURLY_NAMES)


def test_the_places_of_an_area_may_follow_another_model(simulator, clock):
    simulator.settings(followed_models={"dwd_icon_d2": "ncep_hrrr_conus"})
    before = hourly(simulator, PARIS)
    clock.seconds = _next_run(simulator, "ncep_hrrr_conus")
    assert hourly(simulator, PARIS) != before


def test_run_times_of_the_future_are_told_by_a_fault(simulator):
    right = meta(simulator, "ecmwf_ifs")
    simulator.fault("future_runs", path="/data", seconds=HOUR)
    spoiled = meta(simulator, "ecmwf_ifs")
    assert spoiled["last_run_availability_time"] == right["last_run_availability_time"] + HOUR
    assert spoiled["update_interval_seconds"] == right["update_interval_seconds"]


def test_a_fault_of_calls_does_not_strike_run_times_and_theirs_strikes_no_call(simulator):
    simulator.fault("status", status=500, times=1)
    assert meta(simulator, "ecmwf_ifs")
    simulator.fault("status", status=500, path="/data")
    assert hourly(simulator, PARIS)


def test_an_unknown_model_has_no_run_times_and_none_has_any_unless_that_is_set(simulator):
    for model, model_runs in (("unheard_of", True), ("ecmwf_ifs", False)):
        simulator.settings(model_runs=model_runs)
        told = requests.get(f"{simulator.url}/data/{model}/static/meta.json", timeout=10)
        assert (told.status_code, told.json()["error"]) == (404, True)
    assert simulator.state()["run_times"] == {"unknown": 2}


def test_a_run_comes_at_the_moment_that_is_set(simulator: OpenMeteoSimulator, clock: SetClock) -> None:
    simulator.settings(run_lateness_seconds=0, run_delay_seconds=1000)
    clock.seconds = NOON + 999
    assert meta(simulator, "dwd_icon_d2")["last_run_initialisation_time"] == NOON - 3 * HOUR
    before = hourly(simulator, (52.5, 13.4))
    clock.seconds = NOON + 1000
    assert meta(simulator, "dwd_icon_d2")["last_run_availability_time"] == NOON + 1000
    assert hourly(simulator, (52.5, 13.4)) != before
