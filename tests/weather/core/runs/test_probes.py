"""When a tile is due for a probe, of which cell, and how many the budget allows; pure."""

import pytest

from weather.core.cells import Cell
from weather.core.runs.evidence import Counts, TileEvidence
from weather.core.runs.probes import (
    DAY_SECONDS,
    PERIOD_SECONDS,
    allowed,
    cell_to_probe,
    log_seconds,
    period_seconds,
    seconds_overdue,
)
from weather.core.runs.run_times import Run, RunTimes

pytestmark = pytest.mark.pure

HOUR = 3600
NOON = 1_795_564_800
INTERVAL = 6 * HOUR
#: The newest run came at noon.
TIMES = RunTimes(INTERVAL, (Run(NOON - INTERVAL, NOON), Run(NOON - 2 * INTERVAL, NOON - INTERVAL)), NOON + 5 * HOUR)
OLDER, NEWER = Cell(525, 134), Cell(524, 131)
WITHOUT_CHANGES, SUSPECT = Counts(unchanged=1), Counts(changed_without_run=1)
CONTRADICTED = Counts(changed_without_run=8)


def probed(past: Counts, hours: float) -> TileEvidence:
    """Evidence whose last probe was so many hours after noon."""
    at = round(NOON + hours * HOUR)
    return TileEvidence(run=at, past=past, probed_at=at, is_contradicted=past is CONTRADICTED)


@pytest.mark.parametrize(("evidence", "hours", "is_due"), [
    # hours after noon, when the newest run came
    (TileEvidence(), 0, True), (probed(WITHOUT_CHANGES, 0), 24, False), (probed(WITHOUT_CHANGES, 0), 25, True),
    (probed(SUSPECT, -1), 0.1, False), (probed(SUSPECT, -1), 1, True), (probed(SUSPECT, 3), 5, False),
    (probed(CONTRADICTED, -30), 5, False),
])  # fmt: skip
def test_a_tile_is_probed_once_a_day_or_after_each_run_while_it_is_suspect(
    evidence: TileEvidence, hours: float, is_due: bool
) -> None:
    assert (seconds_overdue(evidence, TIMES, NOON + hours * HOUR, PERIOD_SECONDS) >= 0) is is_due


@pytest.mark.parametrize(("tiles", "per_day", "hours"), [(1, 100, 25), (100, 100, 25), (250, 100, 60), (8, 4, 48)])
def test_more_tiles_than_the_budget_is_for_are_probed_less_often(tiles: int, per_day: float, hours: float) -> None:
    assert period_seconds(tiles, per_day) == hours * HOUR


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


@pytest.mark.parametrize(("fetched", "at", "is_certain"), [
    # hours after the newest run came; the next one comes after six
    (-5, 0.1, False), (0.2, 4, True), (0.2, 5.8, True), (0.2, 5.9, False), (0.2, 6.5, False),
])  # fmt: skip
def test_nothing_is_probed_while_a_run_comes_or_may(fetched: float, at: float, is_certain: bool) -> None:
    fetched_at = {OLDER: round(NOON + fetched * HOUR)}
    assert (cell_to_probe(fetched_at, TIMES, NOON + at * HOUR) == OLDER) is is_certain


@pytest.mark.parametrize(("past_hours", "per_day", "allowed_now"), [
    # hours ago
    ([], 96, 4), ([0.1, 0.5], 96, 2), ([0.1] * 4, 96, 0), ([1.1] * 4, 96, 4), ([2] * 95, 96, 1), ([2] * 96, 96, 0),
    ([], 2, 1), ([0.5], 2, 0), ([2], 2, 1), ([2, 3], 2, 0), ([], 0.5, 1), ([30], 0.5, 0), ([0.1] * 9, 4, 0),
])  # fmt: skip
def test_probes_are_allowed_by_the_day_and_no_more_than_an_hours_share_at_once(
    past_hours: list[float], per_day: float, allowed_now: int
) -> None:
    assert allowed([NOON - hours * HOUR for hours in past_hours], NOON, per_day) == allowed_now


@pytest.mark.parametrize(("per_day", "days"), [(100, 1), (1, 1), (0.5, 2)])
def test_probes_count_for_a_day_or_as_long_as_one_is_allowed(per_day: float, days: float) -> None:
    assert log_seconds(per_day) == days * DAY_SECONDS
