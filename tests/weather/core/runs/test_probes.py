"""When a tile is due for a probe, of which cell, and how many the budget allows; pure."""

import pytest

from weather.core.cells import Cell
from weather.core.runs.evidence import Counts, TileEvidence
from weather.core.runs.probes import DAY_SECONDS, Allowance, cell_to_probe, period_seconds, seconds_overdue
from weather.core.runs.run_times import Run, RunTimes

pytestmark = pytest.mark.pure

HOUR = 3600
NOON = 1_795_564_800
INTERVAL = 6 * HOUR
#: The newest run came at noon.
TIMES = RunTimes(INTERVAL, (Run(NOON - INTERVAL, NOON), Run(NOON - 2 * INTERVAL, NOON - INTERVAL)), NOON + 5 * HOUR)
OLDER, NEWER = Cell(525, 134), Cell(524, 131)
WITHOUT_CHANGES = TileEvidence(run=NOON, recent=Counts(unchanged=1), probed_at=NOON)
SUSPECT = TileEvidence(run=NOON, recent=Counts(changed_without_run=1), probed_at=NOON)
CONTRADICTED = TileEvidence(run=NOON, past=Counts(changed_without_run=8), probed_at=NOON, is_contradicted=True)


@pytest.mark.parametrize(("evidence", "hours", "is_due"), [
    (TileEvidence(), 0, True), (WITHOUT_CHANGES, 23, False), (WITHOUT_CHANGES, 24, True),
    (SUSPECT, 5, False), (SUSPECT, 6, True), (CONTRADICTED, 24, False),
])  # fmt: skip
def test_a_tile_is_probed_once_a_day_or_in_each_run_interval_while_it_is_suspect(
    evidence: TileEvidence, hours: int, is_due: bool
) -> None:
    assert (seconds_overdue(evidence, NOON + hours * HOUR, DAY_SECONDS, INTERVAL) >= 0) is is_due


@pytest.mark.parametrize(("tiles", "per_day", "days"), [(1, 100, 1), (100, 100, 1), (250, 100, 2.5), (8, 4, 2)])
def test_more_tiles_than_the_budget_is_for_are_probed_less_often(tiles: int, per_day: float, days: float) -> None:
    assert period_seconds(tiles, per_day) == days * DAY_SECONDS


@pytest.mark.parametrize(("fetched", "at", "cell"), [
    # hours after the newest run came
    ({OLDER: 0.5, NEWER: 1}, 5, OLDER), ({NEWER: 1, OLDER: 0.5}, 5, OLDER),
    ({OLDER: 1}, 4, OLDER), ({OLDER: 1}, 3.9, None),  # half an interval
    ({OLDER: -1, NEWER: 1}, 5, NEWER),  # the other one lacks the run, and is refreshed for that
    ({OLDER: 0.1}, 5, None), ({}, 5, None),
])  # fmt: skip
def test_the_oldest_record_that_lacks_nothing_is_probed_half_an_interval_after_its_fetch(
    fetched: dict[Cell, float], at: float, cell: Cell | None
) -> None:
    fetched_at = {place: round(NOON + hours * HOUR) for place, hours in fetched.items()}
    assert cell_to_probe(fetched_at, TIMES, NOON + at * HOUR) == cell


def test_probes_are_allowed_by_the_day_and_never_more_than_an_hours_at_once() -> None:
    allowance = Allowance(per_day=96)
    allowed = []
    for quarter in range(4 * 24):
        now = NOON + quarter * 900.0
        allowed.append(allowance.whole(now))
        allowance.spend(allowed[-1])
    assert sum(allowed) == 96
    assert allowance.whole(NOON + 30 * DAY_SECONDS) == 4


def test_a_small_budget_saves_up_for_one_probe() -> None:
    allowance = Allowance(per_day=2)
    assert allowance.whole(NOON) == 1
    allowance.spend(1)
    assert [allowance.whole(NOON + hours * HOUR) for hours in (6, 11.5, 12.5, 100)] == [0, 0, 1, 1]


def test_a_clock_that_is_set_back_allows_nothing_more() -> None:
    allowance = Allowance(per_day=24)
    allowance.whole(NOON)
    allowance.spend(1)
    assert allowance.whole(NOON - DAY_SECONDS) == 0
