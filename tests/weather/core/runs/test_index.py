"""What a refresh is worth when a model has had new runs, and how a record stands by it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.core.freshness.refresh_interval import LONGEST_SECONDS, WORTH_A_WAIT_SECONDS
from weather.core.runs.index import RARE_REQUESTS, RunState, index
from weather.core.runs.run_times import Run, RunTimes

pytestmark = pytest.mark.pure

HOUR = 3600
EVERY = 3 * HOUR
NOON = 1_764_072_000
TIMES = RunTimes(EVERY, tuple(Run(NOON - n * EVERY, NOON + HOUR - n * EVERY) for n in range(8)), NOON + 2 * HOUR)
NOW = NOON + 2 * HOUR
prices = st.floats(0, 1e15)


def _state(missing: int = 1, *, missed: float = 0, age: float = 2 * HOUR, expected: float = 10.0) -> RunState:
    return RunState(missing, missed, age, EVERY, expected)


@pytest.mark.parametrize(("missing", "times"), [(0, 0), (1, 1), (2, 3), (3, 6)])
def test_each_further_missing_run_adds_as_many_waits_as_runs_are_missing(missing: int, times: int) -> None:
    assert index(10, EVERY, missing) == 10 * EVERY * times


@given(prices)
def test_a_record_that_lacks_no_run_is_new_enough_at_any_price(price: float) -> None:
    state = _state(0, age=40 * HOUR)
    assert state.lateness(price) == 0 and not state.standing(price).is_due


@given(prices, st.integers(0, 3))
def test_a_record_that_ends_soon_is_due_at_any_price(price: float, missing: int) -> None:
    state = _state(missing, age=LONGEST_SECONDS, expected=0)
    assert state.lateness(price) == math.inf and state.standing(price).is_due


def test_it_is_due_ahead_of_requests_from_its_worth_on() -> None:
    worth = 10.0 * EVERY
    assert _state().lateness(worth) == 1 and _state().lateness(worth * 1.001) < 1


def test_a_request_that_is_there_makes_it_due_by_what_it_would_miss() -> None:
    state = _state(missed=HOUR, expected=0)
    assert state.lateness(HOUR) == 0
    assert state.standing(HOUR).is_due and not state.standing(HOUR + 1).is_due


def test_at_a_price_of_nothing_whatever_lacks_a_run_is_due() -> None:
    assert _state(expected=0).standing(0).is_due


@pytest.mark.parametrize(
    ("missing", "age", "expected", "waits"),
    [
        (2, WORTH_A_WAIT_SECONDS + 1, RARE_REQUESTS - 0.1, True),
        (1, WORTH_A_WAIT_SECONDS + 1, RARE_REQUESTS - 0.1, False),
        (2, WORTH_A_WAIT_SECONDS, RARE_REQUESTS - 0.1, False),
        (2, WORTH_A_WAIT_SECONDS + 1, RARE_REQUESTS, False),
    ],
)
def test_a_rare_request_waits_for_what_lacks_two_runs(missing: int, age: float, expected: float, waits: bool) -> None:
    assert _state(missing, age=age, expected=expected).standing(1.0).should_wait is waits


def test_the_state_is_of_the_runs_that_are_settled() -> None:
    state = RunState.of(TIMES, fetched_at=NOON - 4 * HOUR, now=NOW, expected_requests=2.5)
    assert state == RunState(2, NOW - TIMES.runs[1].settled, 6 * HOUR, EVERY, 2.5)
