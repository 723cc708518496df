"""When a record that has its model's newest run is asked for all the same, to see whether that brings a change; pure.

Runs that change nothing show by themselves. Changes without a run do not: a record that is new enough is not asked for
again. So in each tile one such record a day is, or one in each time between two runs while there are doubts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from weather.core.cells import Cell
from weather.core.runs.evidence import TileEvidence
from weather.core.runs.run_times import RunTimes

DAY_SECONDS = 86_400
#: The part of the day's budget that probes may cost.
BUDGET_SHARE = 0.01


def period_seconds(tiles: int, per_day: float) -> float:
    """How long after one probe of a tile the next one comes, where `tiles` share `per_day` probes a day."""
    return DAY_SECONDS * max(1.0, tiles / per_day)


def seconds_overdue(evidence: TileEvidence, now: float, period: float, interval_seconds: int) -> float:
    """For how long a tile has been due for a probe; negative before, and where intervals decide.

    By intervals, records are asked for whatever runs there are.
    """
    if evidence.contradicts_at(now):
        return -1.0
    return now - evidence.probed_at - (interval_seconds if evidence.is_suspect else period)


def cell_to_probe(fetched_at: Mapping[Cell, int], times: RunTimes, now: float) -> Cell | None:
    """The cell of a tile with the oldest of the records that lack no run and are half a run interval old, or None.

    `fetched_at`, in unix seconds, is of the tile's active cells. Just after its run a record would show no other
    model's.
    """
    latest = now - times.interval_seconds / 2
    able = [cell for cell, at in fetched_at.items() if at <= latest and not times.missing(at, now)]
    return min(able, key=lambda cell: fetched_at[cell], default=None)


@dataclass(slots=True)
class Allowance:
    """How many probes may go out now: `per_day` in the long run, the share of an hour at once."""

    per_day: float
    left: float = 1.0
    counted_at: float | None = None

    def whole(self, now: float) -> int:
        """The whole number of probes that are allowed at `now` (unix seconds)."""
        passed_seconds = 0.0 if self.counted_at is None else max(0.0, now - self.counted_at)
        self.left = min(max(1.0, self.per_day / 24), self.left + passed_seconds * self.per_day / DAY_SECONDS)
        self.counted_at = now
        return int(self.left)

    def spend(self, probes: int) -> None:
        """Takes so many from what is allowed."""
        self.left -= probes
