"""What simulations work out in arrays is what the product says of one cell after the other."""

import random

import numpy as np
import pytest

from prewarm.runs import plan
from prewarm.runs.plan import Candidate
from tests.benchmarks.simulation.counts import ArrayCounted, Clock, Counted
from tests.benchmarks.simulation.demand_arrays import ArrayDemand
from tests.benchmarks.simulation.run_arrays import RunStates, lacking, levels, next_expected, weighted_seconds
from tests.benchmarks.simulation.run_service import RunAwareService
from tests.benchmarks.simulation.runs import Schedules, areas_of
from tests.benchmarks.simulation.seen import HOLD_SECONDS
from tests.benchmarks.simulation.users import FIRST_DAY, make_day, make_world
from tests.support.clocks import ClockOf
from weather.budget.budget import Budget
from weather.budget.refresh_rule import RefreshRule
from weather.budget.run_census import RunCensus
from weather.core.datasets import WEATHER
from weather.core.runs.areas import Model
from weather.core.runs.demand import CellOfRuns, RunDemand
from weather.core.runs.index import RunState
from weather.core.runs.rate_shape import WEEK_HOURS, RateShape
from weather.core.runs.run_times import Run, RunTimes
from weather.runs.held_times import HeldTimes
from weathernote import redis

HOUR, DAY = 3600, 86_400
MONDAY = 1_800_000_000 // DAY * DAY
CASES = range(30)


def some_times(chance, now):
    """Runs of a model with holes and lateness, at most a day and a half back."""
    interval = chance.choice((1, 3, 6)) * HOUR
    begins = [now - ago * interval for ago in range(chance.randint(0, 36 * HOUR // interval))]
    runs = [Run(int(at), int(at + 0.7 * interval + chance.expovariate(1 / 600))) for at in begins]
    there = [run for run in runs if run.available < now and chance.random() < 0.9]
    kept = [run for at, run in enumerate(there) if all(run.available < newer.available for newer in there[:at])]
    return RunTimes(interval, tuple(kept), int(now))


def some_shape(chance):
    weights = [chance.uniform(0.1, 3) for _ in range(WEEK_HOURS)]
    return RateShape([weight * WEEK_HOURS / sum(weights) for weight in weights])


@pytest.mark.parametrize("seed", CASES)
def test_what_records_lack_is_the_same_in_arrays(seed):
    chance = random.Random(seed)
    times = some_times(chance, MONDAY)
    now = np.array([MONDAY + chance.uniform(0, 8 * HOUR) for _ in range(200)])
    fetched_at = now - np.array([chance.uniform(0, 50 * HOUR) for _ in range(200)])
    missing, missed_seconds = lacking(times, fetched_at, now)
    pairs = list(zip(fetched_at.tolist(), now.tolist(), strict=True))
    assert missing.tolist() == [times.missing(*pair) for pair in pairs]
    assert missed_seconds == pytest.approx([times.missed_seconds(*pair) for pair in pairs])
    assert next_expected(times, now) == pytest.approx([times.next_expected(at) for at in now.tolist()])


@pytest.mark.parametrize("seed", CASES)
def test_expected_requests_are_the_same_in_arrays(seed):
    chance = random.Random(seed)
    shape = some_shape(chance)
    now = np.array([MONDAY + chance.uniform(0, 9 * DAY) for _ in range(100)])
    end = now + np.array([chance.uniform(-HOUR, 9 * DAY) for _ in range(100)])
    rate, offset = np.random.default_rng(seed).random(100), np.array([chance.randint(-12, 12) for _ in range(100)])
    spans = zip(offset.tolist(), now.tolist(), end.tolist(), strict=True)
    assert weighted_seconds(shape, offset, now, end) == pytest.approx([shape.seconds(*span) for span in spans])
    cells = zip(rate.tolist(), offset.tolist(), now.tolist(), strict=True)
    expected = [shape.level(*cell, 12 * HOUR, 30 * HOUR) for cell in cells]
    assert levels(shape, rate, offset, now, 30 * HOUR) == pytest.approx(expected)


@pytest.mark.parametrize("seed", CASES)
def test_a_record_stands_the_same_in_arrays(seed):
    chance = random.Random(seed)
    one = [
        RunState(
            chance.randint(0, 5), chance.uniform(0, DAY), chance.uniform(0, 2 * DAY), 3 * HOUR, chance.expovariate(0.5)
        )
        for _ in range(200)
    ]
    fields = ("missing", "missed_seconds", "age_seconds", "interval_seconds", "expected_requests")
    some = RunStates(*(np.array([getattr(state, name) for state in one]) for name in fields))
    for price in (0.0, 10 ** chance.uniform(2, 7)):
        assert some.is_due(price, is_asked=False).tolist() == [state.lateness(price) >= 1 for state in one]
        standings = [state.standing(price) for state in one]
        assert some.is_due(price, is_asked=True).tolist() == [standing.is_due for standing in standings]
        assert some.should_wait.tolist() == [standing.should_wait for standing in standings]


@pytest.mark.parametrize("seed", CASES)
def test_a_days_calls_are_the_same_in_arrays(seed):
    chance = random.Random(seed)
    times = {name: some_times(chance, MONDAY + 5 * HOUR) for name in ("one", "other")}
    cells = [
        CellOfRuns(
            Model(name := chance.choice(("one", "other")), times[name].interval_seconds),
            chance.randint(-12, 12),
            10 ** chance.uniform(-6, -1),
            MONDAY - chance.uniform(0, 40 * HOUR),
        )
        for _ in range(300)
    ]
    given = cells, times, some_shape(chance), MONDAY + 5 * HOUR, MONDAY + DAY
    for price in (0.0, 3_000.0, 1e5, 1e6):
        assert ArrayDemand(*given).calls(price) == pytest.approx(RunDemand(*given).calls(price))


@pytest.fixture
def clock():
    clock = Clock()
    clock.now = FIRST_DAY
    return clock


@pytest.fixture
def server(valkey, valkey_server, settings, forget):
    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    forget()


def test_popularity_is_the_same_in_an_array(server, clock):
    world = make_world("plan", 400, np.random.default_rng(1), part=0.01)
    both = Counted("real", world, clock), ArrayCounted("array", world, clock)
    for day in (make_day(world, at, 20_000, np.random.default_rng(at)) for at in range(2)):
        for step, cells in enumerate(np.array_split(day.cell, 48)):
            clock.now = day.start + step * 1800 + 60
            for counted in both:
                counted.saw(cells)
                counted.flush()
    clock.now = FIRST_DAY + 2 * DAY + 900
    for counted in both:
        counted.read()
    real, array = both
    assert array.rates == pytest.approx(real.rates)
    assert array.popularity.census() == [(pytest.approx(rate), number) for rate, number in real.popularity.census()]
    assert array.hours.shape.weights == real.hours.shape.weights
    assert array.popularity.counted_seconds(clock()) == pytest.approx(real.popularity.counted_seconds(clock()))


def test_the_price_and_the_plan_are_the_same_in_arrays(server, clock):
    world = make_world("world", 2_000, np.random.default_rng(1), part=0.05)
    schedules = Schedules(areas_of("area"), world.cells, FIRST_DAY, 3, np.random.default_rng(2))
    real, counted = Counted("real", world, clock), ArrayCounted("array", world, clock)
    budget = Budget(minute=600, hour=5_000, day=500, fleet_processes=1, clock=ClockOf(clock), key="budget:arrays")
    service = RunAwareService(world, "arrays", budget, counted, schedules, clock)
    held = HeldTimes("arrays", HOLD_SECONDS, ClockOf(clock))
    census = RunCensus(service.known, real.popularity, held)
    day, chance = make_day(world, 0, 20_000, np.random.default_rng(3)), np.random.default_rng(4)
    clock.now = FIRST_DAY + 30 * HOUR
    for one in (real, counted):
        one.saw(day.cell)
        one.flush()
        one.read()
    some = chance.permutation(len(world.cells))[: len(world.cells) * 3 // 4]
    service.held[some] = np.floor(clock.now - chance.uniform(0, 20 * HOUR, len(some)))
    for part in np.array_split(some, 20):
        redis.execute(held.noting({world.cells[at]: int(service.held[at]) for at in part}))
    by_cell, of_cell = service.demand(clock.now, clock.now + DAY), census.demand(clock.now, clock.now + DAY)
    for price in (0.0, 1e4, 1e5, 1e6):
        assert by_cell[0].calls(price) == pytest.approx(of_cell[0].calls(price))
    assert by_cell[0].number_of_cells == of_cell[0].number_of_cells > 100
    assert sorted(by_cell[1]) == sorted(of_cell[1])

    service.price.value = 2e5
    rule = RefreshRule(WEATHER, service.price, service.known)
    news = ["dwd_icon_d2", "ecmwf_ifs", "ncep_hrrr_conus"]
    candidates = [
        Candidate(one.cell, {}, clock.now - one.fetched_at, one.rate, by_runs=state)
        for one in census.cells()
        if one.fetched_at is not None
        and service.known.model_of(one.cell).name in news
        and (state := rule.by_runs(one.cell, one.fetched_at, one.rate, clock.now))
    ]
    planned = plan.plan(candidates, price=service.price.value, seconds_to_next_run=0).refresh
    refreshed = [world.cells[at] for at in service.worth_a_refresh(news, clock.now)]
    assert 10 < len(refreshed) < len(candidates)
    assert {one.cell for one in planned} == set(refreshed)
    assert [one.by_runs.worth for one in planned if one.by_runs] == pytest.approx(
        service.states(
            np.array([real.index[cell] for cell in refreshed]),
            counted.rates[[real.index[cell] for cell in refreshed]],
            np.full(len(refreshed), clock.now),
        ).worth.tolist()
    )
