"""Slots and the queue, in a real Redis."""

import threading
import time
from dataclasses import replace

import pytest

from tests.support.servers import eventually
from tests.support.weather.series import a_series, fetched
from weather.budget.budget import Budget
from weather.budget.payment import Payments
from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, WEATHER
from weather.fetching.fetch_queue import FetchQueue, Lease
from weather.fetching.known_cells import KnownCells
from weather.fetching.round import Round
from weather.fetching.store import Store
from weather.fetching.worker import Workers
from weathernote import redis

CELLS = [Cell(n, n) for n in range(20)]


@pytest.fixture
def queue(api):
    return FetchQueue(WEATHER.queue_key, slots=1, batch=5, call_seconds=5)


def test_one_holds_the_slot_and_the_others_do_not(queue):
    queue.enqueue(CELLS[:1], 6)
    lease = queue.lease()
    assert lease is not None and lease.cold == CELLS[:1]
    assert queue.lease() is None
    queue.enqueue(CELLS[1:2], 6)
    assert queue.lease() is None
    queue.release(lease, lease.cold)
    assert (lease := queue.lease()) and lease.cold == CELLS[1:2]


def test_without_a_cell_to_ask_for_there_is_no_lease_and_the_slot_is_left_to_others(queue, valkey):
    assert queue.lease() is None
    lease = queue.lease(CELLS[:1], 6)
    queue.release(lease, lease.cells)
    assert queue.lease() is None and not valkey.keys("slot:*")


def test_cold_cells_go_before_refreshes_and_a_batch_is_no_larger_than_it_may(queue):
    queue.enqueue([], 6, CELLS[:4])
    queue.enqueue(CELLS[10:13], 6)
    lease = queue.lease()
    assert set(lease.cold) == set(CELLS[10:13])
    assert len(lease.refresh) == 2


def test_a_cell_stands_once_in_the_queue_and_a_waiter_takes_a_refresh_forward(queue, valkey):
    queue.enqueue([], 6, CELLS[:1])
    queue.enqueue([], 6, CELLS[:1])
    queue.enqueue(CELLS[:1], 6)
    queue.enqueue([], 6, CELLS[:1])
    lease = queue.lease()
    assert (lease.cold, lease.refresh) == (CELLS[:1], [])


def test_a_cell_that_nobody_waits_for_any_more_leaves_the_queue(queue, valkey):
    queue.enqueue(CELLS[:1], 0, CELLS[1:2])
    (key,) = valkey.keys("wanted:*")
    for member, score in valkey.zrange(key, 0, -1, withscores=True):
        valkey.zadd(key, {member: score - 100})  # as if the time had passed
    assert queue.lease() is None and not valkey.exists(key)


def test_a_dead_holders_slot_and_cells_come_free_by_themselves(queue, valkey):
    """Fault 31."""
    queue.lease(CELLS[:1], 6)
    (slot,) = valkey.keys("slot:*")
    assert 5000 < valkey.pttl(slot) <= 6000
    valkey.pexpire(slot, 20)
    assert eventually(lambda: queue.lease()).cold == CELLS[:1]


def test_nobody_gives_back_or_keeps_anothers_slot(queue, valkey):
    """Fault 32: the slot expired in the middle of a long call, and another has it by now."""
    late = queue.lease(CELLS[:1], 6)
    (slot,) = valkey.keys("slot:*")
    valkey.delete(slot)
    other = queue.lease()
    assert other.cold == CELLS[:1]
    assert not queue.renew(late)
    queue.release(late, [])
    assert valkey.get(slot) == other.token
    assert queue.renew(other)


@pytest.fixture
def of_three(api):
    return FetchQueue(WEATHER.queue_key, slots=3, batch=50, call_seconds=5, spread_milliseconds=0)


def test_a_cell_is_in_one_lease_at_a_time_and_any_slot_may_have_it(of_three):
    first = of_three.lease(CELLS[:2], 6, CELLS[2:3])
    assert of_three.lease(CELLS[1:2], 6, CELLS[2:3]) is None
    second = of_three.lease(CELLS[:4], 6)
    assert (first.slot, first.cells) == (0, CELLS[:3]) and (second.slot, second.cells) == (1, CELLS[3:4])
    of_three.release(first, CELLS[:1])
    third = of_three.lease()
    assert (third.slot, third.cells) == (0, CELLS[1:3])  # what has no outcome is asked for again


def test_what_is_asked_for_stays_queued_though_nobody_waits_any_more(of_three, valkey):
    """Else its charge would be given back, and the next request for it be charged."""
    asked = of_three.lease(CELLS[:2], 6)
    (key,) = valkey.keys("wanted:*:0")
    for cell in CELLS[:2]:
        valkey.zincrby(key, -100, cell.key)  # as if the time had passed
    others = of_three.lease(CELLS[2:3], 6)
    assert others.cells == CELLS[2:3] and of_three.queued_of(CELLS[:3]) == set(CELLS[:3])
    of_three.release(asked, CELLS[:1])
    assert of_three.lease() is None and of_three.queued_of(CELLS[:3]) == {CELLS[2]}


def test_a_holder_whose_lease_expired_takes_no_cells_from_the_next(of_three, valkey):
    """Fault 32."""
    late = of_three.lease(CELLS[:2], 6)
    valkey.delete("slot:{open-meteo}:0")
    assert of_three.lease().cold == CELLS[:2]
    of_three.release(late, CELLS[:1])
    assert of_three.lease(CELLS[:2], 6) is None


def test_what_waits_is_divided_among_the_free_slots_unless_it_is_little(of_three):
    cells = [Cell(n, 0) for n in range(90)]
    leases = [of_three.lease(cells, 6), of_three.lease(), of_three.lease()]
    assert [len(lease.cold) for lease in leases] == [30, 30, 30]
    assert len({cell for lease in leases for cell in lease.cold}) == 90
    for lease in leases:
        of_three.release(lease, lease.cells)
    assert len(of_three.lease(cells[:20], 6).cold) == 20


def test_few_cells_wait_the_longer_after_the_last_call_the_more_slots_are_taken(api, valkey):
    queue = FetchQueue(WEATHER.queue_key, slots=3, batch=50, call_seconds=5, spread_milliseconds=3000)

    def so_long_ago(seconds, slot):
        """As if the slot's call had begun then."""
        valkey.pexpire(f"slot:{{open-meteo}}:{slot}", queue.lease_milliseconds - round(seconds * 1000))

    def leased():
        lease = queue.lease()
        return lease and lease.cold

    assert queue.lease(CELLS[:1], 6)
    assert queue.lease(CELLS[1:2], 6) is None
    so_long_ago(0.9, slot=0)
    assert leased() is None
    so_long_ago(1.1, slot=0)
    assert leased() == CELLS[1:2]
    so_long_ago(2.1, slot=0)
    so_long_ago(1.9, slot=1)
    assert queue.lease(CELLS[2:3], 6) is None
    so_long_ago(2.1, slot=1)
    assert leased() == CELLS[2:3]


def test_the_lease_of_a_process_with_a_longer_timeout_holds_nobody_back(api):
    """As while a setting is rolled out: what is left of that lease would look like a call that is yet to begin."""
    patient = FetchQueue(WEATHER.queue_key, slots=3, batch=50, call_seconds=60, spread_milliseconds=3000)
    queue = FetchQueue(WEATHER.queue_key, slots=3, batch=50, call_seconds=5, spread_milliseconds=3000)
    assert patient.lease(CELLS[:1], 6)
    other = queue.lease(CELLS[1:2], 6)
    assert other and other.cold == CELLS[1:2]


def test_many_cells_and_those_of_prewarm_do_not_wait_after_a_call(api):
    queue = FetchQueue(WEATHER.queue_key, slots=3, batch=50, call_seconds=5, spread_milliseconds=3000)
    queue.lease(CELLS[:1], 6)
    own = queue.lease_for(CELLS[1:2], "late_refresh")
    assert own and own.cells == CELLS[1:2]
    many = queue.lease([Cell(n, 50) for n in range(20)], 6)
    assert many and len(many.cold) == 20


def test_the_last_free_slot_takes_all_that_a_call_may_carry(of_three):
    of_three.lease(CELLS[:1], 6)
    of_three.lease(CELLS[1:2], 6)
    assert len(of_three.lease([Cell(n, 0) for n in range(60)], 6).cold) == 50


def test_what_is_queued_with_the_lease_comes_with_it_unless_another_holds_it(queue):
    lease = queue.lease(CELLS[:2], 6, CELLS[2:3])
    assert (set(lease.cold), lease.refresh) == (set(CELLS[:2]), CELLS[2:3])
    assert queue.lease(CELLS[3:4], 6) is None
    queue.release(lease, lease.cells)
    assert queue.lease().cold == CELLS[3:4]


def test_what_is_dealt_with_is_wanted_no_more(queue):
    queue.enqueue(CELLS[:3], 6)
    lease = queue.lease()
    queue.release(lease, CELLS[:2])
    assert queue.queued_of(CELLS[:3]) == {CELLS[2]}
    assert redis.fetch_all(map(queue.is_queued, CELLS[1:3])) == [False, True]


@pytest.mark.parametrize(
    ("spender", "cold", "refresh"),
    [("cold", CELLS[:5], []), ("refresh", CELLS[:2], CELLS[2:5])],
)
def test_a_lease_carries_the_cells_of_its_holder_beside_those_that_requests_wait_for(queue, spender, cold, refresh):
    queue.enqueue(CELLS[:2], 6, CELLS[10:12])
    lease = queue.lease_for(CELLS[1:9], spender)
    assert (lease.cold, lease.refresh) == (cold, refresh)
    queue.release(lease)
    queue.enqueue(CELLS[:5], 6)
    assert queue.lease_for(CELLS[9:], spender).cells == CELLS[:5]


def test_a_holder_gets_no_lease_for_cells_that_others_ask_for_and_is_asked_in_vain_for_its_own(of_three):
    others = of_three.lease(CELLS[:2], 6)
    assert of_three.lease_for(CELLS[:2], "refresh") is None
    own = of_three.lease_for(CELLS[:4], "refresh")
    assert own.cells == CELLS[2:4]
    assert of_three.lease(CELLS[2:4], 6) is None
    of_three.release(own, own.cells)
    of_three.release(others)
    assert of_three.lease_for(CELLS[:4], "cold").cold == CELLS[:4]


@pytest.mark.pure
def test_a_lease_for_one_cell_prefers_a_cold_one():
    assert Lease(0, "token", CELLS[:2], CELLS[2:4]).first_cell_only().cells == CELLS[:1]
    assert Lease(0, "token", [], CELLS[2:4]).first_cell_only().cells == CELLS[2:3]


def test_every_key_of_it_has_a_life(queue, valkey):
    queue.enqueue(CELLS[:1], 6, CELLS[1:2])
    queue.lease()
    assert all(valkey.ttl(key) != -1 for key in valkey.keys("*"))


# ── two processes' workers over one Redis ─────────────────────────────────────────────────────────


class Upstream:
    """Answers after `seconds`, and notes each cell that it was asked for."""

    def __init__(self, seconds=0.1):
        self.seconds = seconds
        self.asked = []

    def fetch(self, cells, before_attempt):
        before_attempt(len(cells))
        self.asked += cells
        time.sleep(self.seconds)
        series = fetched(a_series(), time.time())
        return {cell: replace(series, latitude=cell.latitude, longitude=cell.longitude) for cell in cells}


def two_processes(upstream, slots=1):
    def workers():
        budget = Budget(minute=600, hour=5000, day=10_000, fleet_processes=2)
        queue = FetchQueue(WEATHER.queue_key, slots, batch=100, call_seconds=5)
        store = Store(WEATHER, 172_800)
        payments, known = Payments(budget), KnownCells(store)
        one = Round(upstream, store, payments, budget, queue, known, weight_of_a_cell=1.0, fresh_seconds=600)
        return Workers(one, queue, budget, wait_seconds=5, calling_alone=threading.Lock())

    return workers(), workers()


def submit(workers, cell, spender):
    return workers.submit({cell: spender})[cell].future


def _idle(workers):
    return lambda: workers.is_idle


def commands(valkey):
    return valkey.info("stats")["total_commands_processed"]


def test_a_refresh_that_both_want_is_asked_for_once_and_neither_spins(api, valkey):
    upstream = Upstream()
    for _ in range(5):
        valkey.flushall()
        upstream.asked.clear()
        processes = two_processes(upstream)
        before = commands(valkey)
        for workers in processes:
            submit(workers, CELLS[0], "refresh")
        for workers in processes:
            eventually(_idle(workers))
        assert upstream.asked == [CELLS[0]]
        assert commands(valkey) - before < 500


def test_a_refresh_whose_queue_redis_forgot_is_dropped_and_nobody_spins(api, valkey):
    first, second = two_processes(Upstream(seconds=0.5))
    submit(first, CELLS[0], "refresh")
    eventually(lambda: valkey.keys("slot:*"))
    submit(second, CELLS[1], "refresh")
    eventually(lambda: valkey.zscore("wanted:{open-meteo}:0", CELLS[1].key))
    valkey.flushall()
    before = commands(valkey)
    eventually(lambda: second.is_idle)
    assert commands(valkey) - before < 500
    eventually(lambda: first.is_idle)  # what it holds is not to lie in the next test's way


def test_with_several_slots_a_cell_is_still_asked_for_once(api, valkey):
    upstream = Upstream(seconds=0.3)
    first, second = two_processes(upstream, slots=2)
    asked_by_second = submit(second, CELLS[0], "cold")
    eventually(lambda: upstream.asked)
    refreshed = submit(first, CELLS[1], "refresh")
    assert submit(first, CELLS[0], "cold").result(60) and asked_by_second.result(60) and refreshed.result(60)
    assert sorted(upstream.asked, key=CELLS.index) == CELLS[:2]


def test_cells_that_come_during_a_call_are_asked_for_at_once_while_a_slot_is_free(api, valkey):
    upstream = Upstream(seconds=0.5)
    workers, _ = two_processes(upstream, slots=2)
    first = submit(workers, CELLS[0], "cold")
    eventually(lambda: upstream.asked)
    second = submit(workers, CELLS[1], "cold")
    eventually(lambda: len(upstream.asked) == 2)
    assert not first.done()
    assert first.result(60) and second.result(60)


class Meeting(Upstream):
    """Answers a call when another one has come."""

    def __init__(self):
        super().__init__(seconds=0)
        self.both = threading.Barrier(2, timeout=60)

    def fetch(self, cells, before_attempt):
        self.both.wait()
        return super().fetch(cells, before_attempt)


def test_many_cells_are_asked_for_side_by_side(api, valkey):
    workers, _ = two_processes(Meeting(), slots=2)
    submitted = workers.submit(dict.fromkeys([Cell(n, 0) for n in range(40)], "cold"))
    assert all(one.future.result(60) for one in submitted.values())


# ── two datasets, one slot ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def of_air(queue):
    return FetchQueue(AIR_QUALITY.queue_key, slots=1, batch=5, call_seconds=5, refreshes_late=True)


def test_a_slot_is_one_for_all_datasets_and_each_has_its_own_cells(queue, of_air):
    queue.enqueue(CELLS[:1], 6)
    of_air.enqueue(CELLS[1:2], 6)
    lease = queue.lease()
    assert lease.cold == CELLS[:1] and of_air.lease() is None
    queue.release(lease, lease.cells)
    assert of_air.lease().cold == CELLS[1:2]


def test_the_dataset_whose_requests_waited_is_next(queue, of_air):
    """Else a busy one, which takes the lease again as soon as it has released it, would leave the other none."""
    lease = queue.lease(CELLS[:1], 6)
    assert of_air.lease(CELLS[1:2], 6) is None
    queue.release(lease, lease.cells)
    assert queue.lease(CELLS[2:3], 6) is None
    lease = of_air.lease()
    assert queue.lease() is None
    of_air.release(lease, lease.cells)
    assert of_air.lease(CELLS[3:4], 6) is None
    assert queue.lease().cold == CELLS[2:3]


def test_another_process_of_the_same_dataset_takes_no_turn_and_neither_does_a_late_refresh(queue, of_air, valkey):
    lease = queue.lease(CELLS[:1], 6)
    assert queue.lease(CELLS[1:2], 6) is None
    assert of_air.lease((), 6, CELLS[2:3]) is None
    assert not valkey.exists("slot:{open-meteo}:0:turn")
    queue.release(lease, lease.cells)
    assert queue.lease()


def test_a_refresh_of_weather_has_a_turn_before_new_places_of_air(queue, of_air):
    lease = of_air.lease(CELLS[:1], 6)
    assert queue.lease((), 6, CELLS[1:2]) is None
    of_air.release(lease, lease.cells)
    assert of_air.lease(CELLS[2:3], 6) is None
    assert queue.lease().refresh == CELLS[1:2]


@pytest.mark.parametrize("held", ["text", ["a", "list"]])
def test_a_queue_of_another_type_is_begun_anew(queue, valkey, held):
    """Whatever an operator wrote under its name."""
    key = f"{WEATHER.queue_key}:0"
    for write in (lambda: queue.enqueue(CELLS[:1], 6), lambda: None):
        valkey.delete(key)
        valkey.set(key, held) if isinstance(held, str) else valkey.rpush(key, *held)
        write()
        lease = queue.lease(CELLS[1:2], 6)
        assert CELLS[1] in lease.cold
        queue.release(lease, lease.cells)


def test_a_request_that_waits_no_more_takes_no_turn(queue, of_air, valkey):
    lease = queue.lease(CELLS[:1], 6)
    of_air.enqueue(CELLS[1:2], 6)
    valkey.zincrby(f"{AIR_QUALITY.queue_key}:0", -100, CELLS[1].key)  # as if the time had passed
    assert of_air.lease() is None
    queue.release(lease, lease.cells)
    assert queue.lease(CELLS[2:3], 6)


def test_cells_that_are_asked_for_take_no_turn(of_three, valkey):
    of_air = FetchQueue(AIR_QUALITY.queue_key, slots=3, batch=5, call_seconds=5)
    of_air.lease(CELLS[:1], 6)
    for cell in CELLS[1:3]:
        of_three.lease([cell], 6)
    assert of_air.lease() is None and not valkey.exists("slot:{open-meteo}:0:turn")
    assert of_air.lease(CELLS[3:4], 6) is None and valkey.exists("slot:{open-meteo}:0:turn")


def test_a_turn_that_nobody_takes_up_ends_soon(queue, of_air, valkey):
    lease = queue.lease(CELLS[1:2], 6)
    of_air.lease(CELLS[:1], 6)
    assert 0 < valkey.pttl("slot:{open-meteo}:0:turn") <= 250
    queue.release(lease)
    assert eventually(lambda: queue.lease(), every_seconds=0.05)
