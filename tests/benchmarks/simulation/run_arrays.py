"""The rule of model runs for many cells at once, in arrays: the same as weather/core/runs says of each, but faster.

Tests hold each function to the product's own (test_run_arrays.py).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.simulation.users import Array, Whole
from weather.core.freshness.refresh_interval import LONGEST_SECONDS, WORTH_A_WAIT_SECONDS
from weather.core.runs.index import RARE_REQUESTS, RUNS_WORTH_A_WAIT
from weather.core.runs.rate_shape import HOUR_SECONDS, WEEK_HOURS, WEEK_SECONDS, RateShape, local_hour
from weather.core.runs.run_times import SOON_SECONDS, RunTimes
from weather.runs.known import HALF_LIFE_SECONDS

_STEP_SECONDS = 600


@dataclass(frozen=True)
class RunStates:
    """What `RunState` says of a record, for many records: each field is an array."""

    missing: Array
    missed_seconds: Array
    age_seconds: Array
    interval_seconds: Array
    expected_requests: Array

    @property
    def worth(self) -> Array:
        """What a refresh is worth that no request is there for, in request-seconds."""
        return self.expected_requests * self.interval_seconds * self.missing * (self.missing + 1) / 2

    def is_due(self, price: float, *, is_asked: bool) -> NDArray[np.bool_]:
        """Whether each record is due at a price; `is_asked` if a request is there."""
        worth = self.worth + (self.missed_seconds if is_asked else 0.0)
        return ((self.missing > 0) & (worth >= price)) | (self.age_seconds >= LONGEST_SECONDS)

    @property
    def should_wait(self) -> NDArray[np.bool_]:
        """Whether a request would wait for each record's refresh."""
        is_old = (self.age_seconds > WORTH_A_WAIT_SECONDS) & (self.missing >= RUNS_WORTH_A_WAIT)
        return is_old & (self.expected_requests < RARE_REQUESTS)


def lacking(times: RunTimes, fetched_at: Array, now: Array) -> tuple[Array, Array]:
    """What `RunTimes.missing` and `missed_seconds` say of records of one model."""
    settled = np.sort(np.array([run.settled for run in times.runs], dtype=float))
    if not len(settled):
        return np.zeros(len(fetched_at)), np.zeros(len(fetched_at))
    first, past = (np.searchsorted(settled, at, side="right") for at in (fetched_at, now))
    known = np.maximum(0, past - first)
    unknown = np.maximum(0, np.ceil((settled[0] - fetched_at) / times.interval_seconds) - 1)
    unknown = np.where(settled[0] > now, 0, unknown)
    oldest = np.append(settled, np.inf)[first] - unknown * times.interval_seconds
    return known + unknown, np.where(known > 0, now - oldest, 0.0)


def next_expected(times: RunTimes, now: Array) -> Array:
    """What `RunTimes.next_expected` says at many times."""
    if not times.runs:
        return now + times.interval_seconds
    settled = np.sort(np.array([run.settled for run in times.runs], dtype=float))
    expected = times.next_available + (times.runs[0].settled - times.runs[0].available)
    soon = np.minimum(now - expected, (expected - now) % times.interval_seconds)
    later = np.where(expected > now, expected, now + np.maximum(SOON_SECONDS, soon))
    coming = np.append(settled, np.inf)[np.searchsorted(settled, now, side="right")]
    return np.where(times.runs[0].settled > now, coming, later)


def weighted_seconds(shape: RateShape, offset: Whole, start: Array, end: Array) -> Array:
    """What `RateShape.seconds` says of spans in cells with these offsets."""
    sums = np.concatenate([[0.0], np.cumsum(shape.weights * 3)])
    weights = np.array(shape.weights)
    end = np.minimum(end, start + WEEK_SECONDS)
    first = _local_hours(offset, start)
    from_full_hour = start - start % HOUR_SECONDS

    def until(seconds: Array) -> Array:
        hours, rest = np.divmod(seconds, HOUR_SECONDS)
        at = first + hours.astype(np.int64)
        return (sums[at] - sums[first]) * HOUR_SECONDS + weights[at % WEEK_HOURS] * rest

    return np.where(end <= start, 0.0, until(end - from_full_hour) - until(start - from_full_hour))


def _local_hours(offset: Whole, now: Array) -> Whole:
    monday = local_hour(0, 0.0)
    return ((now // HOUR_SECONDS).astype(np.int64) + offset + monday) % WEEK_HOURS


def levels(shape: RateShape, rate: Array, offset: Whole, now: Array, counted_seconds: float) -> Array:
    """What `RateShape.level` says of cells with these rates and offsets."""
    if not len(rate):
        return np.zeros(0)
    steps = (now // _STEP_SECONDS).astype(np.int64)
    alike, which = np.unique(np.stack([offset, steps]), axis=1, return_inverse=True)
    of_one = [
        shape.level(1.0, int(of), float(step * _STEP_SECONDS), HALF_LIFE_SECONDS, counted_seconds)
        for of, step in alike.T
    ]
    return rate * np.array(of_one)[which.reshape(-1)]
