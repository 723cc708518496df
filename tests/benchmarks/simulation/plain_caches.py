"""What most services of this kind do, on the same day: no cache at all, or an answer kept for ten minutes."""

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.simulation.users import DAY, Array, Traffic, Whole

LIFE_SECONDS = 600


@dataclass
class Plain:
    """What it would call in a day; and of a limited number, when they are gone and which part is answered with them."""

    calls: int
    mean_age: float
    p99_age: float
    oldest: float
    gone_after_seconds: float | None
    answered_within_limit: float


def no_cache(day: Traffic, limit: int) -> Plain:
    return _plain(day.time, day.time, day.time, day.start, limit)


def plain_cache(day: Traffic, limit: int, *, warm: Whole | None = None) -> Plain:
    """Cells are fetched for the first request after ten minutes; `warm` ones every ten minutes by a clock."""
    is_warm = np.isin(day.cell, warm if warm is not None else [])
    fetched_at = np.where(is_warm, day.time - day.time % LIFE_SECONDS, np.nan)
    fetched_at[~is_warm] = _fetched_at(day.time[~is_warm], day.cell[~is_warm])
    calls = day.time[~is_warm & (fetched_at == day.time)]
    if warm is not None:
        calls = np.concatenate([calls, np.repeat(day.start + np.arange(0, DAY, LIFE_SECONDS), len(warm))])
    return _plain(day.time, fetched_at, np.sort(calls), day.start, limit)


def _fetched_at(time: Array, cell: Whole) -> Array:
    """When what each request sees was fetched: all cells at once go from one fetch to the next."""
    order = np.lexsort((time, cell))
    ordered = cell[order] * (10.0 * DAY) + (time[order] - time[0])  # cells as far apart as no request of one cell is
    following = np.searchsorted(ordered, ordered + LIFE_SECONDS)
    fetches = np.zeros(len(ordered), dtype=bool)
    at = np.flatnonzero(np.diff(cell[order], prepend=-1))
    while len(at):
        fetches[at] = True
        after = following[at]
        inside = after < len(ordered)
        at, after = at[inside], after[inside]
        at = after[cell[order][after] == cell[order][at]]
    # Where the next cell begins between two fetches it is marked as one already.
    latest = np.maximum.accumulate(np.where(fetches, np.arange(len(ordered)), 0))
    fetched_at = np.empty(len(time))
    fetched_at[order] = time[order][latest]
    return fetched_at


def _plain(time: Array, fetched_at: Array, calls: Array, start: int, limit: int) -> Plain:
    ages = time - fetched_at
    gone = float(calls[limit]) if len(calls) > limit else None
    return Plain(
        len(calls),
        float(ages.mean()),
        float(np.quantile(ages, 0.99)),
        float(ages.max()),
        None if gone is None else gone - start,
        1.0 if gone is None else float((fetched_at < gone).mean()),
    )
