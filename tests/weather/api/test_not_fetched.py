"""What a client is shown for each reason why a cell was not fetched."""

from typing import get_args

import pytest

from weather.api.not_fetched import problem_of
from weather.budget.allowance import Exceeded
from weather.fetching.admission import NotFetched, Reason

pytestmark = pytest.mark.pure


def test_a_spent_allowance_is_shown_with_its_policy():
    problem = problem_of(NotFetched("allowance", 9, exceeded=Exceeded("cold-client", 30, 3600, 9)))
    assert (problem.code, problem.retry_after_seconds) == ("rate_limited", 9)
    assert problem.policy == '"cold-client";q=30;w=3600'


def test_a_spent_budget_is_shown_with_its_window():
    problem = problem_of(NotFetched("budget", 40, window="minute"))
    assert (problem.code, problem.text) == ("budget_exhausted", "This minute's calls to Open-Meteo are spent.")


@pytest.mark.parametrize("reason", sorted(set(get_args(Reason)) - {"allowance", "budget"}))
def test_every_other_reason_is_a_503_with_when_to_come_again(reason):
    problem = problem_of(NotFetched(reason, 5))
    assert problem.code == ("overloaded" if reason == "overloaded" else "upstream_unavailable")
    assert problem.retry_after_seconds == 5
