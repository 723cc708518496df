"""Slots and the queue, in a real Redis."""

import threading
import time
from dataclasses import replace

import pytest

from tests.support.series import a_series, fetched
from tests.support.servers import eventually
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
    queue.enqueue(0, CELLS[:1], 6)
    lease = queue.lease(0)
    assert lease is not None and lease.cold == CELLS[:1]
    assert queue.lease(0) is None
    queue.release(lease, lease.cold)
    assert (lease := queue.lease(0)) and lease.cold == []


def test_cold_cells_go_before_refreshes_and_a_batch_is_no_larger_than_it_may(queue):
    queue.enqueue(0, [], 6, CELLS[:4])
    queue.enqueue(0, CELLS[10:13], 6)
    lease = queue.lease(0)
    assert set(lease.cold) == set(CELLS[10:13])
    assert len(lease.refresh) == 2


def test_a_cell_stands_once_in_the_queue_and_a_waiter_takes_a_refresh_forward(queue, valkey):
    queue.enqueue(0, [], 6, CELLS[:1])
    queue.enqueue(0, [], 6, CELLS[:1])
    queue.enqueue(0, CELLS[:1], 6)
    queue.enqueue(0, [], 6, CELLS[:1])
    lease = queue.lease(0)
    assert (lease.cold, lease.refresh) == (CELLS[:1], [])


def test_a_cell_that_nobody_waits_for_any_more_leaves_the_queue(queue, valkey):
    queue.enqueue(0, CELLS[:1], 0, CELLS[1:2])
    (key,) = valkey.keys("wanted:*")
    for member, score in valkey.zrange(key, 0, -1, withscores=True):
        valkey.zadd(key, {member: score - 100})  # as if the time had passed
    lease = queue.lease(0)
    assert (lease.cold, lease.refresh) == ([], [])


def test_a_dead_holders_slot_comes_free_by_itself(queue, valkey):
    """Fault 31."""
    queue.lease(0)
    (slot,) = valkey.keys("slot:*")
    assert 5000 < valkey.pttl(slot) <= 6000
    valkey.pexpire(slot, 20)
    assert eventually(lambda: queue.lease(0))


def test_nobody_gives_back_or_keeps_anothers_slot(queue, valkey):
    """Fault 32: the slot expired in the middle of a long call, and another has it by now."""
    late = queue.lease(0)
    (slot,) = valkey.keys("slot:*")
    valkey.delete(slot)
    other = queue.lease(0)
    assert not queue.renew(late)
    queue.release(late, [])
    assert valkey.get(slot) == other.token
    assert queue.renew(other)


def test_each_slot_has_the_cells_that_fall_to_it(api):
    queue = FetchQueue(WEATHER.queue_key, slots=3, batch=50, call_seconds=5)
    for slot in range(3):
        queue.enqueue(slot, [cell for cell in CELLS if queue.slot_of(cell) == slot], 6)
    taken = [set(lease.cold) for slot in range(3) if (lease := queue.lease(slot))]
    assert set().union(*taken) == set(CELLS) and sum(map(len, taken)) == len(CELLS)


def test_what_is_queued_with_the_lease_comes_with_it_unless_another_holds_it(queue):
    lease = queue.lease(0, CELLS[:2], 6, CELLS[2:3])
    assert (set(lease.cold), lease.refresh) == (set(CELLS[:2]), CELLS[2:3])
    assert queue.lease(0, CELLS[3:4], 6) is None
    queue.release(lease, lease.cells)
    assert queue.lease(0).cold == CELLS[3:4]


def test_what_is_dealt_with_is_wanted_no_more(queue):
    queue.enqueue(0, CELLS[:3], 6)
    lease = queue.lease(0)
    queue.release(lease, CELLS[:2])
    assert queue.queued_of(CELLS[:3]) == {CELLS[2]}
    assert redis.fetch_all(map(queue.is_queued, CELLS[1:3])) == [False, True]


@pytest.mark.pure
@pytest.mark.parametrize(
    ("spender", "cold", "refresh"),
    [("cold", CELLS[:5], []), ("refresh", CELLS[:2], CELLS[2:5])],
)
def test_a_lease_carries_the_cells_of_its_holder_beside_those_that_requests_wait_for(spender, cold, refresh):
    lease = Lease(0, "token", CELLS[:2], CELLS[10:12])
    carrying = lease.for_cells(CELLS[1:9], spender, 5)
    assert (carrying.cold, carrying.refresh) == (cold, refresh)
    assert lease.for_cells(CELLS, spender, 1).cells == CELLS[:2]


@pytest.mark.pure
def test_a_lease_for_one_cell_prefers_a_cold_one():
    assert Lease(0, "token", CELLS[:2], CELLS[2:4]).first_cell_only().cells == CELLS[:1]
    assert Lease(0, "token", [], CELLS[2:4]).first_cell_only().cells == CELLS[2:3]


def test_every_key_of_it_has_a_life(queue, valkey):
    queue.enqueue(0, CELLS[:1], 6, CELLS[1:2])
    queue.lease(0)
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
    in_slot = {slot: [cell for cell in CELLS if first.queue.slot_of(cell) == slot] for slot in (0, 1)}
    cold = in_slot[1][0]
    asked_by_second = submit(second, cold, "cold")
    eventually(lambda: upstream.asked)
    refreshed = submit(first, in_slot[0][0], "refresh")
    assert submit(first, cold, "cold").result(60) and asked_by_second.result(60) and refreshed.result(60)
    assert upstream.asked.count(cold) == 1


class Meeting(Upstream):
    """Answers a call when another one has come."""

    def __init__(self):
        super().__init__(seconds=0)
        self.both = threading.Barrier(2, timeout=60)

    def fetch(self, cells, before_attempt):
        self.both.wait()
        return super().fetch(cells, before_attempt)


def test_the_cells_of_several_slots_are_asked_for_side_by_side(api, valkey):
    workers, _ = two_processes(Meeting(), slots=2)
    in_slot = [next(cell for cell in CELLS if workers.queue.slot_of(cell) == slot) for slot in (0, 1)]
    submitted = workers.submit(dict.fromkeys(in_slot, "cold"))
    assert all(one.future.result(60) for one in submitted.values())


# ── two datasets, one slot ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def of_air(queue):
    return FetchQueue(AIR_QUALITY.queue_key, slots=1, batch=5, call_seconds=5, refreshes_late=True)


def test_a_slot_is_one_for_all_datasets_and_each_has_its_own_cells(queue, of_air):
    queue.enqueue(0, CELLS[:1], 6)
    of_air.enqueue(0, CELLS[1:2], 6)
    lease = queue.lease(0)
    assert lease.cold == CELLS[:1] and of_air.lease(0) is None
    queue.release(lease, lease.cells)
    assert of_air.lease(0).cold == CELLS[1:2]


def test_the_dataset_whose_requests_waited_is_next(queue, of_air):
    """Else a busy one, which takes the lease again as soon as it has released it, would leave the other none."""
    lease = queue.lease(0, CELLS[:1], 6)
    assert of_air.lease(0, CELLS[1:2], 6) is None
    queue.release(lease, lease.cells)
    assert queue.lease(0, CELLS[2:3], 6) is None
    lease = of_air.lease(0)
    assert queue.lease(0) is None
    of_air.release(lease, lease.cells)
    assert of_air.lease(0, CELLS[3:4], 6) is None
    assert queue.lease(0).cold == CELLS[2:3]


def test_another_process_of_the_same_dataset_takes_no_turn_and_neither_does_a_late_refresh(queue, of_air, valkey):
    lease = queue.lease(0, CELLS[:1], 6)
    assert queue.lease(0, CELLS[1:2], 6) is None
    assert of_air.lease(0, (), 6, CELLS[2:3]) is None
    assert not valkey.exists("slot:{open-meteo}:0:turn")
    queue.release(lease, lease.cells)
    assert queue.lease(0)


def test_a_refresh_of_weather_has_a_turn_before_new_places_of_air(queue, of_air):
    lease = of_air.lease(0, CELLS[:1], 6)
    assert queue.lease(0, (), 6, CELLS[1:2]) is None
    of_air.release(lease, lease.cells)
    assert of_air.lease(0, CELLS[2:3], 6) is None
    assert queue.lease(0).refresh == CELLS[1:2]


@pytest.mark.parametrize("held", ["text", ["a", "list"]])
def test_a_queue_of_another_type_is_begun_anew(queue, valkey, held):
    """Whatever an operator wrote under its name."""
    key = f"{WEATHER.queue_key}:0"
    for write in (lambda: queue.enqueue(0, CELLS[:1], 6), lambda: None):
        valkey.delete(key)
        valkey.set(key, held) if isinstance(held, str) else valkey.rpush(key, *held)
        write()
        lease = queue.lease(0, CELLS[1:2], 6)
        assert CELLS[1] in lease.cold
        queue.release(lease, lease.cells)


def test_a_request_that_waits_no_more_takes_no_turn(queue, of_air, valkey):
    lease = queue.lease(0, CELLS[:1], 6)
    of_air.enqueue(0, CELLS[1:2], 6)
    valkey.zincrby(f"{AIR_QUALITY.queue_key}:0", -100, CELLS[1].key)  # as if the time had passed
    assert of_air.lease(0) is None
    queue.release(lease, lease.cells)
    assert queue.lease(0)


def test_a_turn_that_nobody_takes_up_ends_soon(queue, of_air, valkey):
    lease = queue.lease(0)
    of_air.lease(0, CELLS[:1], 6)
    assert 0 < valkey.pttl("slot:{open-meteo}:0:turn") <= 250
    queue.release(lease)
    assert eventually(lambda: queue.lease(0), every_seconds=0.05)
