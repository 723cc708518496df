"""When a model's run times are asked for again."""

import pytest

from weather.core.runs.polling import (
    EARLY_SECONDS,
    LATE_SECONDS,
    LITTLE_LATE_SECONDS,
    OFTEN_SECONDS,
    RARELY_SECONDS,
    next_poll,
)
from weather.core.runs.run_times import Run, RunTimes

pytestmark = pytest.mark.pure

HOUR = 3600
NOON = 1_764_072_000
EVERY = 3 * HOUR
NEWEST = Run(NOON, NOON + HOUR)
#: When the run after the newest one is there if it is not late.
DUE = NOON + EVERY + HOUR


def _pause_after(seen_at: int) -> float:
    """How long nobody asks after the newest run was seen, and no newer one."""
    return next_poll(RunTimes(EVERY, (NEWEST,), seen_at), seen_at) - seen_at


def test_a_model_without_known_runs_is_asked_about_at_once() -> None:
    assert next_poll(None, NOON) == NOON
    assert next_poll(RunTimes(EVERY, (), NOON), NOON) == NOON


def test_run_times_seen_in_the_future_are_asked_for_at_once() -> None:
    assert next_poll(RunTimes(EVERY, (NEWEST,), NOON + EVERY), NOON) == NOON


def test_long_before_the_next_run_is_expected_it_is_asked_for_rarely() -> None:
    assert _pause_after(NEWEST.available) == RARELY_SECONDS


def test_the_last_of_these_pauses_ends_a_little_before_the_run_is_expected() -> None:
    assert _pause_after(DUE - EARLY_SECONDS - 100) == 100
    assert _pause_after(DUE - EARLY_SECONDS - 1) == OFTEN_SECONDS


@pytest.mark.parametrize("seen_at", [DUE - EARLY_SECONDS, DUE, DUE + LITTLE_LATE_SECONDS])
def test_around_the_expected_time_it_is_asked_for_often(seen_at: int) -> None:
    assert _pause_after(seen_at) == OFTEN_SECONDS


def test_a_run_that_is_late_is_asked_for_less_often_and_rarely_once_it_is_overdue() -> None:
    assert _pause_after(DUE + LITTLE_LATE_SECONDS + 1) == LATE_SECONDS
    assert _pause_after(DUE + EVERY // 2) == LATE_SECONDS
    assert _pause_after(DUE + EVERY // 2 + 1) == RARELY_SECONDS
