"""How many calls cells that follow runs will take: by hand for one cell, and against what each cell would do alone."""

import pytest

from weather.core.runs.areas import Model
from weather.core.runs.demand import CellOfRuns, RunDemand
from weather.core.runs.rate_shape import RateShape
from weather.core.runs.run_times import Run, RunTimes

pytestmark = pytest.mark.pure

HOUR, DAY = 3600, 86_400
NOON = 1_764_072_000
#: A run each six hours, the newest settled an hour and ten minutes after noon.
EVERY = 6 * HOUR
MODEL = Model("ecmwf_ifs", EVERY)
TIMES = RunTimes(EVERY, tuple(Run(NOON - n * EVERY, NOON + HOUR - n * EVERY) for n in range(8)), NOON + 2 * HOUR)
NOW = NOON + 2 * HOUR
FRESH, ONE_BEHIND = NOW - 60, NOW - 2 * HOUR


def _demand(*cells: CellOfRuns, until: float = NOW + DAY) -> RunDemand:
    return RunDemand(cells, {MODEL.name: TIMES}, RateShape.flat(), NOW, until)


def _cell(level: float, fetched_at: float | None = FRESH) -> CellOfRuns:
    return CellOfRuns(MODEL, 0, level, fetched_at)


@pytest.mark.parametrize(("fetched_at", "calls"), [(FRESH, 4), (ONE_BEHIND, 5)])
def test_a_popular_cell_is_asked_for_once_for_each_run_and_at_once_if_it_lacks_one(fetched_at, calls) -> None:
    assert _demand(_cell(1.0, fetched_at)).calls(price=1000.0) == calls


def test_a_cell_is_refreshed_for_every_second_run_at_a_price_between_the_two() -> None:
    worth_of_one = 1.0 * EVERY * EVERY
    assert _demand(_cell(1.0)).calls(price=2 * worth_of_one) == 2


def test_where_nothing_is_worth_its_price_requests_come_in_vain() -> None:
    assert _demand(_cell(1.0)).calls(price=1e15) == 0


def test_a_rare_cell_is_refreshed_by_those_that_ask_for_it() -> None:
    calls = _demand(_cell(1 / DAY)).calls(price=10_000.0)
    assert 0 < calls < 4


def test_requests_past_the_end_cause_no_calls() -> None:
    ending = _cell(1 / HOUR, NOW - 47 * HOUR)
    assert _demand(ending, until=NOW + 60).calls(price=1e15) == pytest.approx(1 / 60, rel=0.2)


def test_a_late_run_does_not_delay_those_after_it() -> None:
    late = NOON + 9 * HOUR  # the next was due at seven, is expected at eleven, and those after it at one, seven, one
    demand = RunDemand([_cell(1.0, late - 60)], {MODEL.name: TIMES}, RateShape.flat(), late, late + DAY)
    assert demand.calls(price=1000.0) == 5


def test_calls_never_rise_with_the_price() -> None:
    demand = _demand(*(_cell(10.0**-power, fetched_at) for power in range(7) for fetched_at in (FRESH, ONE_BEHIND)))
    calls = [demand.calls(10.0**power) for power in range(16)]
    assert calls == sorted(calls, reverse=True) and calls[0] > calls[-1]


@pytest.mark.parametrize("cell", [_cell(1.0, None), _cell(0.0)])
def test_what_is_not_held_or_not_asked_for_takes_no_calls(cell: CellOfRuns) -> None:
    demand = _demand(cell)
    assert demand.number_of_cells == 0 and demand.calls(0.0) == 0


def test_runs_are_expected_as_often_as_open_meteo_says_and_not_as_the_table_of_areas() -> None:
    twice_as_rare = CellOfRuns(Model(MODEL.name, 2 * EVERY), 0, 1.0, FRESH)
    assert _demand(twice_as_rare).calls(price=1000.0) == _demand(_cell(1.0)).calls(price=1000.0) == 4


def test_until_the_next_run_what_lacks_none_takes_no_call() -> None:
    assert _demand(_cell(1.0), until=NOW + HOUR).calls(price=0.0) == 0


def test_cells_that_are_alike_are_counted_together() -> None:
    assert _demand(*[_cell(1.0)] * 100).calls(1000.0) == 100 * _demand(_cell(1.0)).calls(1000.0)
