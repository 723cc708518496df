"""When a record that has its model's newest run is asked for all the same, to see whether that brings a change; pure.

Runs that change nothing show by themselves. Changes without a run do not: a record that is new enough is not asked for
again. So in each tile one such record a day is, or one in each time between two runs while there are doubts.
"""

from collections.abc import Collection, Mapping

from weather.core.cells import Cell
from weather.core.runs.comparison import EARLY_SECONDS
from weather.core.runs.evidence import TileEvidence
from weather.core.runs.run_times import RunTimes
from weather.core.variables import HOUR_SECONDS

DAY_SECONDS = 86_400
#: From one probe of a tile to the next: so they come at another time of the day each day.
PERIOD_SECONDS = 25 * 3600
#: The part of the day's budget that probes may cost.
BUDGET_SHARE = 0.01


def period_seconds(tiles: int, per_day: float) -> float:
    """How long after one probe of a tile the next one comes, where `tiles` share `per_day` probes a day."""
    return max(PERIOD_SECONDS, DAY_SECONDS * tiles / per_day)


def seconds_overdue(evidence: TileEvidence, times: RunTimes, now: float, period: float) -> float:
    """For how many seconds a tile has been due for a probe; -1 if it is not.

    It is once in each `period`, after each run while it is suspect, and never where intervals decide: by them, records
    are asked for whatever runs there are.
    """
    if evidence.contradicts_at(now):
        return -1.0
    if evidence.is_suspect:
        settled = times.runs[0].settled
        return now - settled if evidence.probed_at < settled <= now else -1.0
    return max(-1.0, now - evidence.probed_at - period)


def cell_to_probe(fetched_at: Mapping[Cell, int], times: RunTimes, now: float) -> Cell | None:
    """The cell of a tile with the oldest of the records that lack no run and are half a run interval old, or None.

    `fetched_at`, in unix seconds, is of the tile's active cells. Just after its run a record would show no other
    model's, and while a run comes, or may, nothing would be certain (comparison.lacked_run).
    """
    if not times.runs[0].settled <= now < times.next_available - EARLY_SECONDS:
        return None
    latest = now - times.interval_seconds / 2
    able = [cell for cell, at in fetched_at.items() if at <= latest and not times.missing(at, now)]
    return min(able, key=lambda cell: fetched_at[cell], default=None)


def log_seconds(per_day: float) -> float:
    """For how long past probes count against `per_day`: a day, or as long as one probe is allowed."""
    return DAY_SECONDS * max(1.0, 1 / per_day)


def allowed(past: Collection[float], now: float, per_day: float) -> int:
    """How many probes may go out at `now`, given when the `past` ones did (unix seconds, within `log_seconds`).

    `per_day` in any day, and the share of an hour, at least one, in any hour.
    """
    of_the_hour = sum(1 for at in past if at > now - HOUR_SECONDS)
    left = max(1, int(per_day)) - len(past)
    return max(0, min(left, max(1, int(per_day / 24)) - of_the_hour))
