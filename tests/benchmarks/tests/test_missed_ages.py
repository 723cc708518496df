"""Simulated days by model runs: when runs come, what answers lack of them, and the best that is to be had."""

from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.simulate_day import RULE_NAMES
from tests.benchmarks.simulation import missed_ages
from tests.benchmarks.simulation.days import lived
from tests.benchmarks.simulation.jobs import Job, Result, Scale
from tests.benchmarks.simulation.oracle import Oracle
from tests.benchmarks.simulation.runs import Schedules, areas_of
from tests.benchmarks.simulation.users import DAY, FIRST_DAY, expected_by_local_hour, make_day, make_world
from weather.core.cells import Cell

BERLIN, CHICAGO, SYDNEY = Cell(525, 134), Cell(419, -877), Cell(-339, 1512)
CELLS = [BERLIN, CHICAGO, SYDNEY]
HOUR = 3600
BUDGET = 100

#: The result of the days, which take a while.
_lived: list[Result] = []


@pytest.fixture
def schedules():
    return Schedules(areas_of("area"), CELLS, FIRST_DAY, 3, np.random.default_rng(1))


@pytest.fixture
def result(valkey, valkey_server, settings, forget):
    """A hundredth of the plan's day, lived through once: by intervals, by runs, and without run times."""
    if not _lived:
        settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
        forget()
        rules = [(BUDGET, rule) for rule in ("square root", "runs", "runs unknown")]
        _lived.append(lived(Job("plan", 1, rules, Scale(part=0.01, runs="3"), oracles=[BUDGET])))
    return _lived[0]


def test_each_cell_has_the_runs_of_its_model(schedules):
    runs_a_day = [
        np.count_nonzero((one.settled >= FIRST_DAY) & (one.settled < FIRST_DAY + 3 * DAY)) / 3
        for one in schedules.of_model.values()
    ]
    models = dict(zip(schedules.of_model, runs_a_day, strict=True))
    assert models["dwd_icon_d2"] == pytest.approx(8, abs=1)
    assert models["ncep_hrrr_conus"] == pytest.approx(24, abs=2)
    assert models["ecmwf_ifs"] == pytest.approx(4, abs=1)


def test_an_answer_misses_a_run_from_the_moment_when_that_is_settled(schedules):
    settled = float(schedules.of_model["dwd_icon_d2"].settled[30])
    cell, fetched_at = np.zeros(3, dtype=np.int64), np.full(3, settled - 60)
    missed = schedules.missed_seconds(cell, np.array([settled - 30, settled, settled + 500]), fetched_at)
    assert missed.tolist() == [0, 0, 500]
    assert schedules.missed_seconds(cell[:1], np.array([settled + 500]), np.array([settled])).tolist() == [0]


def test_a_fetch_brings_news_only_if_a_run_came_in_between(schedules):
    settled = float(schedules.of_model["dwd_icon_d2"].settled[30])
    assert schedules.has_news(0, settled - 1, settled + 1)
    assert not schedules.has_news(0, settled + 1, settled + 2)


def test_the_poller_knows_of_a_run_once_it_was_there_for_a_minute(schedules):
    schedule = schedules.of_model["dwd_icon_d2"]
    run = schedule.runs[30]
    assert schedule.times(run.available + 59).runs[0] == schedule.runs[29]
    assert schedule.times(run.available + 60).runs[0] == run


def test_by_runs_less_is_missed_than_by_intervals_and_no_window_is_passed(result):
    rows = {row.rule: row for row in result.rows}
    today, runs, unknown = (rows[rule] for rule in ("square root", "runs", "runs unknown"))
    assert runs.seen.mean_missed < today.seen.mean_missed
    assert not any(row.passed for row in result.rows) and runs.seen.weight <= BUDGET
    assert runs.seen.missed.sum() == runs.seen.requests - runs.seen.refused
    assert unknown.seen.mean_missed == pytest.approx(today.seen.mean_missed, rel=0.1)


def test_nobody_does_much_better_than_the_one_who_knows_everything(result):
    best = result.oracle[BUDGET]
    assert best.calls <= BUDGET
    assert best.mean_missed < 1.1 * min(row.seen.mean_missed for row in result.rows)
    foreseen = result.foreseen[BUDGET]
    assert foreseen.calls <= BUDGET and foreseen.mean_missed < best.mean_missed


def test_the_best_pays_each_day_from_its_own_budget():
    world = make_world("plan", 2_000, np.random.default_rng(1), part=0.01)
    days = [make_day(world, at, 20_000, np.random.default_rng(at)) for at in range(3)]
    of_world = Schedules(areas_of("3"), world.cells, days[0].start, 3, np.random.default_rng(2))
    expected = expected_by_local_hour(world, 20_000)
    assert expected.sum() == pytest.approx(20_000)
    one, two = (Oracle(of_world, world.cell_offset, days, measured, expected).best(60) for measured in (1, 2))
    assert 50 < one.calls <= 60 and 50 < two.calls <= 60


def test_the_answer_of_a_cold_cell_lacks_nothing():
    world = make_world("plan", 2_000, np.random.default_rng(1), part=0.01)
    day = make_day(world, 0, 20_000, np.random.default_rng(0))
    first = replace(day, **{name: getattr(day, name)[:1] for name in ("time", "cell", "kind", "person")})
    of_world = Schedules(areas_of("3"), world.cells, day.start, 1, np.random.default_rng(2))
    assert Oracle(of_world, world.cell_offset, [first], 1).best(10).mean_missed == 0


def test_what_is_printed_says_the_missed_age_of_each_rule_and_of_the_best(result):
    lines = "\n".join([*missed_ages.table([result], RULE_NAMES), *missed_ages.by_hour([result], RULE_NAMES)])
    assert lines.count(missed_ages.ORACLE) == 1 and "runs of models, learned rates" in lines
    promised = dict(missed_ages.promises("plan", [result]))
    assert any("without run times" in promise for promise in promised)
    assert any("× the best" in promise for promise in promised)
