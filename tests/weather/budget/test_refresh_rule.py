"""Whether a record is due: by the runs of its cell's model where they are known, else by its interval."""

from unittest.mock import Mock

import pytest

from tests.support.clocks import MIDNIGHT
from weather.budget.price import Price
from weather.budget.refresh_rule import RefreshRule
from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, WEATHER
from weather.core.freshness import refresh_interval
from weather.core.freshness.refresh_interval import LONGEST_SECONDS
from weather.core.runs.run_times import Run, RunTimes
from weather.runs.known import KnownRuns

pytestmark = pytest.mark.pure

HOUR = 3600
EVERY = 3 * HOUR
NOW = MIDNIGHT + 14 * HOUR
BERLIN = Cell(525, 134)
RATE, PRICE = 0.01, 50_000.0
TIMES = RunTimes(EVERY, tuple(Run(NOW - 2 * HOUR - n * EVERY, NOW - HOUR - n * EVERY) for n in range(8)), NOW)
HAS_IT, LACKS_IT = NOW - 40 * 60, NOW - HOUR


def _rule(
    times: RunTimes | None = TIMES, expected: float = 100.0, dataset=WEATHER, price: float = PRICE
) -> RefreshRule:
    shared = Price({}, lambda: 1.0)
    shared.value = price
    known = Mock(KnownRuns, times_for=lambda cell, now: times, expected_requests=lambda *_: expected)
    return RefreshRule(dataset, shared, known)


def test_what_has_the_newest_run_is_not_due_and_what_lacks_it_is() -> None:
    assert not _rule().standing(BERLIN, HAS_IT, RATE, NOW).is_due
    assert _rule().standing(BERLIN, LACKS_IT, RATE, NOW).is_due


def test_what_lacks_a_run_that_is_worth_too_little_is_not_due() -> None:
    assert not _rule(expected=1.0).standing(BERLIN, LACKS_IT, RATE, NOW).is_due


@pytest.mark.parametrize("age", [60, HOUR, 20 * HOUR, LONGEST_SECONDS])
@pytest.mark.parametrize("knows", [True, False])
def test_where_runs_are_not_known_a_record_stands_by_its_interval(age: float, knows: bool) -> None:
    rule = _rule(None)
    rule.runs = rule.runs if knows else None
    by_interval = refresh_interval.standing(age, refresh_interval.interval_seconds(RATE, PRICE, WEATHER.aging))
    assert rule.standing(BERLIN, NOW - age, RATE, NOW) == by_interval
    assert rule.by_runs(BERLIN, NOW - age, RATE, NOW) is None


@pytest.mark.parametrize(
    ("rule", "fetched_at", "spender"),
    [
        (_rule(), LACKS_IT, "run_refresh"),
        (_rule(), None, "run_refresh"),
        (_rule(None), LACKS_IT, "refresh"),
        (_rule(None, dataset=AIR_QUALITY), LACKS_IT, "late_refresh"),
        (_rule(None, dataset=AIR_QUALITY), NOW - LONGEST_SECONDS, "refresh"),
        (_rule(None, dataset=AIR_QUALITY), None, "refresh"),
    ],
)
def test_who_pays(rule: RefreshRule, fetched_at: float | None, spender: str) -> None:
    assert rule.spender(BERLIN, fetched_at, NOW) == spender
