"""What is charged for cells whose weight is no whole number, in a real Redis."""

import random
from collections import Counter

from tests.support.clocks import SetClock
from tests.support.staged.upstream import CELLS, NOW
from weather.budget.budget import Budget
from weather.budget.payment import Payments
from weather.budget.quota import Denied
from weather.core.cells import Cell


def test_a_budget_buys_fewer_places(valkey, api, forget):
    """What is left of ten is enough for seven places of 1.3."""
    budget = Budget(minute=10, hour=1000, day=1000, fleet_processes=1)
    payments = Payments(budget, weight_of_a_cell=1.3)
    cells = [Cell(number, 0) for number in range(20)]
    assert list(payments.pay(cells, "cold")) == cells[:7]
    assert all(isinstance(got, Denied) for got in payments.pay(cells, "cold").values())


def test_what_is_paid_beyond_a_places_weight_goes_towards_the_next(valkey, api, forget):
    """Ten places one by one cost 13, and not ten times the 2 that each would cost alone."""
    budget = Budget(minute=1000, hour=1000, day=1000, fleet_processes=1)
    payments = Payments(budget, weight_of_a_cell=1.3)
    for number in range(10):
        assert payments.pay([Cell(number, 0)], "cold") == {Cell(number, 0): None}
    assert budget.quota.spent["day"] == 13


def test_late_refreshes_are_charged_as_such_and_cold_cells_as_cold(valkey, api, forget):
    """At the day's first moment the line has given out nothing, and the others have a spare hundredth."""
    clock = SetClock(NOW - NOW % 86_400.0)
    budget = Budget(minute=1000, hour=1000, day=1000, fleet_processes=1, clock=clock)
    payments = Payments(budget)
    assert isinstance(payments.pay(CELLS[:1], "late_refresh")[CELLS[0]], Denied)
    assert payments.pay(CELLS[:1], "refresh") == payments.pay(CELLS[:1], "cold") == {CELLS[0]: None}


def test_what_is_paid_ahead_ends_with_its_minute(valkey, api, forget):
    """Ten are left of the next minute, which is enough for seven places of 1.3, whatever the last one was paid."""
    clock = SetClock(NOW - NOW % 60.0)
    budget = Budget(minute=10, hour=1000, day=1000, fleet_processes=1, clock=clock)
    payments = Payments(budget, weight_of_a_cell=1.3)
    assert list(payments.pay(CELLS[:1], "cold")) == CELLS[:1]
    clock.seconds += 60
    assert list(payments.pay([Cell(number, 0) for number in range(20)], "cold")) == [Cell(n, 0) for n in range(7)]
    assert budget.quota.spent == {"minute": 10, "hour": 12, "day": 12}


def test_a_minute_that_ends_during_the_payment_brings_nothing_over(valkey, api, forget, monkeypatch):
    """This process still thinks that it is the old minute: 9 are charged, for six places of 1.3 and not seven."""
    clock = SetClock(NOW - NOW % 60.0)
    budget = Budget(minute=100, hour=1000, day=1000, fleet_processes=1, clock=clock)
    payments = Payments(budget, weight_of_a_cell=1.3)
    payments.pay(CELLS[:1], "cold")
    old = budget.minute()
    monkeypatch.setattr(budget, "minute", lambda: old)
    clock.seconds += 60
    seven = [Cell(number, 0) for number in range(7)]
    assert list(payments.pay(seven, "cold")) == seven[:6]
    assert budget.quota.spent["minute"] == 9


def test_over_an_hour_no_minute_gets_more_weight_than_it_counts(valkey, api, forget):
    clock, asked, rolls = SetClock(NOW - NOW % 3600), Counter[int](), random.Random(4)
    budget = Budget(minute=10, hour=400, day=1000, fleet_processes=1, clock=clock)
    payments = Payments(budget, weight_of_a_cell=1.3)
    while clock.seconds < NOW - NOW % 3600 + 3600:
        got = payments.pay([Cell(number, 0) for number in range(rolls.randint(1, 9))], "cold")
        asked[int(clock.seconds // 60)] += sum(denied is None for denied in got.values())
        clock.seconds += rolls.uniform(1, 40)
    assert 1.3 * max(asked.values()) <= 10 and 1.3 * asked.total() <= budget.quota.spent["day"] <= 400
