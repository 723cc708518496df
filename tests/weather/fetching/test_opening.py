"""The opening of a round against a real Redis: what one exchange leases, finds and charges."""

from typing import Any

import pytest

from tests.support.staged.fetching import CELLS
from tests.support.weather.series import a_series
from weather.budget.budget import Budget
from weather.budget.payment import Payments
from weather.budget.quota import Denied, Granted
from weather.core.datasets import WEATHER
from weather.core.records.packing import fetched_at
from weather.fetching.fetch_queue import FetchQueue, Lease
from weather.fetching.opening import OpenedLease, Opening
from weather.fetching.store import Store
from weathernote import redis

NEW, OTHER = CELLS[:2]


@pytest.fixture
def opening(valkey, api, forget, monkeypatch):
    """Makes openings of one fleet, whose records lie on another server than the region's own answers."""
    forget()
    monkeypatch.setattr(redis, "is_one_server", lambda: False)

    def made(minute=100, weight_of_a_cell=1.0, slots=1):
        budget = Budget(minute=minute, hour=1000, day=1000, fleet_processes=1)
        queue = FetchQueue(WEATHER.queue_key, slots, batch=10, call_seconds=5, spread_milliseconds=0)
        return Opening(queue, Store(WEATHER, 172_800), Payments(budget, weight_of_a_cell))

    return made


def leased(opening, *cold, refresh=()) -> Any:
    return opening.lease(cold, 5.0, refresh)


def spent(valkey) -> int:
    return int(valkey.hget("budget:open-meteo", "minute:spent") or 0)


def test_new_cells_are_leased_and_paid_for(opening, valkey):
    lease = leased(opening(), NEW, OTHER)
    assert isinstance(lease, OpenedLease) and set(lease.cold) == lease.unheld == {NEW, OTHER}
    assert lease.charged == Granted(2) and spent(valkey) == 2


def test_a_cell_with_a_record_comes_with_it_and_costs_nothing(opening, valkey):
    one = opening()
    one.store.hold({NEW: a_series()})
    lease = leased(one, NEW, refresh=[OTHER])
    assert fetched_at(lease.records[NEW]) == a_series().fetched_at and lease.records[OTHER] is None
    assert lease.charged is None and spent(valkey) == 0


def test_a_rejected_cell_costs_nothing(opening, valkey):
    one = opening()
    redis.fetch_one(one.store.rejections.adding([NEW]))
    lease = leased(one, NEW)
    assert one.store.rejections.seconds_now(NEW).value([lease.rejected[NEW]]) > 500
    assert lease.charged is None and spent(valkey) == 0


def test_whoever_gets_no_lease_pays_nothing(opening, valkey):
    leased(opening(), refresh=[OTHER])
    assert leased(opening(), NEW) is None
    assert spent(valkey) == 0 and valkey.zcard("wanted:{open-meteo}:0") == 2


def test_any_slot_that_is_free_is_leased_and_no_cell_twice(opening, valkey):
    slots = [leased(opening(slots=2), *cells) for cells in ([NEW], [NEW, OTHER])]
    assert [(lease.slot, lease.cold, lease.charged) for lease in slots] == [
        (0, [NEW], Granted(1)),
        (1, [OTHER], Granted(1)),
    ]
    assert leased(opening(slots=3), NEW, OTHER) is None
    marks = {lease.cold[0].key: lease.token for lease in slots}
    assert valkey.hgetall("wanted:{open-meteo}:asked") == marks


def test_refreshes_are_paid_for_later_by_their_own_rule(opening, valkey):
    lease = leased(opening(), refresh=[NEW])
    assert lease.refresh == [NEW] and lease.charged is None and spent(valkey) == 0


def test_a_spent_budget_is_told(opening, valkey):
    lease = leased(opening(minute=1), NEW)
    assert lease.charged == Granted(1)
    valkey.delete("slot:{open-meteo}:0")
    assert isinstance(leased(opening(minute=1), OTHER).charged, Denied)


@pytest.mark.parametrize(("cells", "weight"), [(1, 2), (9, 10), (10, 11)])
def test_weights_are_rounded_up_as_payments_do(opening, cells, weight):
    assert leased(opening(weight_of_a_cell=1.1), *CELLS[:cells]).charged == Granted(weight)


def test_what_was_charged_is_not_charged_again(opening, valkey):
    one = opening(weight_of_a_cell=1.3)
    payments = one.payments
    assert payments.pay([NEW], "cold", leased(one, NEW).charged) == {NEW: None}
    assert spent(valkey) == 2
    # And 0.7 of it is left for the next.
    assert payments.pay([OTHER], "cold") == {OTHER: None} and spent(valkey) == 3


def test_what_was_charged_for_no_cell_is_left_for_the_next(opening, valkey):
    one = opening(weight_of_a_cell=2.0)
    payments = one.payments
    payments.pay([], "cold", leased(one, NEW, OTHER).charged)
    assert payments.pay([NEW, OTHER], "cold") == {NEW: None, OTHER: None} and spent(valkey) == 5


def test_what_is_left_of_a_charge_pays_for_the_next_opening(opening, valkey):
    one = opening(minute=1000, weight_of_a_cell=1.1, slots=10)
    for cell in CELLS[:10]:
        assert one.payments.pay([cell], "cold", leased(one, cell).charged) == {cell: None}
    assert spent(valkey) == 11


def test_a_dataset_whose_calls_fail_pays_for_one_cell(opening):
    one = opening()
    opening().budget.failed()  # of which this process has not heard
    assert leased(one, NEW, OTHER).charged == Granted(1)


def test_while_there_must_be_no_calls_nothing_is_charged(opening, valkey):
    one = opening()
    one.budget.close("minute")
    assert leased(one, NEW).charged is None and spent(valkey) == 0


def test_what_was_spent_without_the_primary_is_reported_before_more_is_charged(opening):
    one = opening()
    one.budget.quota.spend_alone(3)
    assert leased(one, NEW).charged is None


@pytest.mark.parametrize("odd", [b"\xff", "lat:40.7:lon:-74.0 "])
def test_what_a_hand_wrote_into_queue_and_records_is_no_cell(opening, valkey, odd):
    valkey.zadd("wanted:{open-meteo}:0", {odd: 9e11})
    valkey.set(WEATHER.record_key_of(NEW), "no hash")
    lease = leased(opening(), NEW)
    assert lease.cold == [NEW] and lease.records == {NEW: None}


def test_without_the_primary_it_is_a_lease_alone(opening, monkeypatch):
    monkeypatch.setattr("weathernote.redis.lookup.ask", lambda *commands: [redis.RedisDown("gone")] * len(commands))
    assert leased(opening(), NEW) == Lease(0, "", [], [])
