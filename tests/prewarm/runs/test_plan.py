"""What a run of prewarm decides, without a server."""

import pytest

from prewarm.runs import plan as planning
from prewarm.runs.plan import Candidate, plan
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.freshness import refresh_interval

pytestmark = pytest.mark.pure

HOUR = 3600
#: About what 2,000 cells have at 8,000 refreshes a day.
PRICE = 2e6


def candidate(number, *, age=0.0, life=590.0, rate=0.0, city="", suspect=False):
    cell = Cell(number, number)
    lives = {Question(WEATHER, cell): life, Question(WEATHER, cell, 7): life}
    return Candidate(cell, lives, age, rate, (city,) if city else (), suspect)


def planned(*candidates, price=0.0, seconds_to_next_run=600, **options):
    return plan(candidates, price=price, seconds_to_next_run=seconds_to_next_run, **options)


def refreshed(*candidates, **options):
    return [candidate.cell.tenths_lat for candidate in planned(*candidates, **options).refresh]


def rederived(*candidates, **options):
    return [one.cell.tenths_lat for one in planned(*candidates, **options).rederivations]


def test_an_answer_that_would_end_before_the_next_run_is_worked_out_anew():
    assert rederived(candidate(1, life=599), candidate(2, life=600), candidate(3, life=0)) == [1, 3]


def test_only_the_answers_that_would_end_are_worked_out():
    cell = Cell(1, 1)
    one = Candidate(cell, {Question(WEATHER, cell): 700, Question(WEATHER, cell, 7): 5}, 0.0)
    assert planned(one).rederivations[0].questions == (Question(WEATHER, cell, 7),)


def test_soon_after_a_run_there_is_nothing_to_work_out():
    assert rederived(candidate(1, life=590), seconds_to_next_run=580) == []


def test_of_what_is_not_held_nothing_is_worked_out():
    assert rederived(candidate(1, life=0, age=None, city="Oslo")) == []


def test_cities_come_first_then_what_ends_soonest_and_what_is_missing_last():
    order = rederived(
        candidate(1, life=0), candidate(2, life=50), candidate(3, life=10), candidate(4, life=90, city="Oslo")
    )
    assert order == [4, 3, 2, 1]


def test_a_due_cell_gets_a_stale_answer_only_where_none_would_bridge_the_minute():
    due = planned(candidate(1, age=601, life=59), candidate(2, age=601, life=61)).rederivations
    assert [(one.cell.tenths_lat, one.stale) for one in due] == [(1, True)]


def test_a_cell_is_refreshed_when_it_is_older_than_its_interval():
    rate = 0.01
    interval = refresh_interval.interval_seconds(rate, PRICE)
    assert refreshed(candidate(1, age=interval - 1, rate=rate), candidate(2, age=interval, rate=rate), price=PRICE) == [
        2
    ]


def test_a_city_that_nobody_asks_for_is_refreshed_as_if_it_were_asked_for_at_every_run():
    interval = refresh_interval.interval_seconds(1 / 600, PRICE)
    assert 6 * HOUR < interval < 24 * HOUR
    assert refreshed(candidate(1, age=interval, city="Oslo"), candidate(2, age=interval), price=PRICE) == [1]


def test_a_city_that_nobody_holds_is_due_and_another_cell_is_not():
    assert refreshed(candidate(1, age=None), candidate(2, age=None, city="Oslo")) == [2]


def test_cities_come_before_others_the_most_overdue_first():
    candidates = [candidate(1, age=5000), candidate(2, age=900)]
    cities = [candidate(3, age=700, city="A"), candidate(4, age=800, city="B"), candidate(5, age=None, city="C")]
    assert refreshed(*cities, *candidates) == [5, 4, 3, 1, 2]


def test_forced_are_all_cities_and_of_the_others_what_is_due():
    assert refreshed(candidate(1, city="A"), candidate(2), candidate(3, age=601), force=True) == [1, 3]


def test_past_the_limit_or_the_budget_the_rest_is_left_out():
    candidates = [candidate(n, age=601, city=str(n)) for n in range(5)]
    assert (len(planned(*candidates, limit=3).refresh), planned(*candidates, limit=3).left_out) == (3, 2)
    assert (
        len(planned(*candidates, limit=3, budget_left=1).refresh),
        planned(*candidates, budget_left=0).left_out,
    ) == (1, 5)


def test_what_the_budget_alone_leaves_out_is_told_apart_from_what_is_past_the_limit():
    short = planned(*(candidate(n, age=601, city=str(n)) for n in range(5)), limit=3, budget_left=1)
    assert (short.past_limit, [one.cell.tenths_lat for one in short.unpaid], short.left_out) == (2, [1, 2], 4)


def test_cities_that_need_nothing_are_counted():
    candidates = [candidate(1, city="A"), candidate(2, city="B"), candidate(3), candidate(4, age=601, city="C")]
    assert (planned(*candidates).cities_in_order, planned(*candidates, force=True).cities_in_order) == (2, 0)


def test_a_city_that_failed_alone_is_asked_alone_and_last():
    due = planned(
        candidate(1, age=None, city="Bad", suspect=True), *(candidate(n, age=None, city=str(n)) for n in (2, 3, 4))
    )
    calls = planning.batches(due.refresh, 2, force=False)
    assert [[candidate.name for candidate in call.candidates] for call in calls] == [["2", "3"], ["4"], ["Bad"]]


def test_a_call_carries_cells_of_one_purse():
    due = [candidate(n, city="C" if n < 4 else "") for n in range(6)]
    calls = planning.batches(due, 20, force=True)
    assert [(call.spender, [one.cell.tenths_lat for one in call.candidates]) for call in calls] == [
        ("cold", [0, 1, 2, 3]),
        ("refresh", [4, 5]),
    ]


def test_the_price_has_room_for_the_cities():
    per_second = 8000 / 86_400
    assert planning.common_price([], 100, 1.0, per_second) == 0
    price = planning.common_price([], 1000, 1.0, per_second)
    assert 1000 / refresh_interval.interval_seconds(planning.CITY_RATE, price) <= 1.1 * per_second
