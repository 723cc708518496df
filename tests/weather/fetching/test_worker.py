"""The worker alone, with an upstream whose every call the test lets go."""

import threading
from concurrent.futures import wait
from typing import Any, cast

import pytest

from tests.support.servers import eventually
from tests.weather.core.test_packing import a_series
from weather.budget.quota import Denied, Granted
from weather.core.cells import Cell
from weather.fetching.fetch_queue import Lease
from weather.fetching.round import CALLS_TO_FIND_A_BAD_PLACE, BudgetSpent
from weather.fetching.worker import Worker
from weather.upstream.client import PlaceRejected, UpstreamError, UpstreamRefused, UpstreamUnavailable

pytestmark = pytest.mark.pure

CELLS = [Cell(tenths, tenths) for tenths in range(300)]
BATCH = 100


class NoStore:
    """Keeps nothing, and says what it was told."""

    def __init__(self):
        self.rejected = []
        self.known = {}

    def held_of(self, cells):
        return {cell: self.known[cell] for cell in cells if cell in self.known}

    def hold(self, fetched):
        self.known |= fetched
        return True

    def reject(self, cells):
        self.rejected += cells

    def reject_here(self, cells):
        assert not cells  # what this upstream says, everybody can read

    def rejected_of(self, cells):
        return {cell: 600 for cell in cells if cell in self.rejected}


class Alone:
    """The queue of a fleet of one process, whose slot the test may take."""

    batch = BATCH

    def __init__(self):
        self.is_free = True
        self.cold, self.refresh = set(), set()
        self.ended = []

    def slot_of(self, cell):
        return 0

    def want(self, cold, wait_seconds, refresh):
        self.cold |= set(cold)
        self.refresh |= set(refresh)

    def turn(self, slot):
        queues = (sorted(queue, key=CELLS.index)[:BATCH] for queue in (self.cold, self.refresh - self.cold))
        return Lease(slot, "", *queues) if self.is_free else None

    def turns(self, slots):
        return [turn for turn in map(self.turn, slots) if turn]

    def renew(self, turn):
        return True

    def end(self, turn, done):
        self.ended.append(turn.slot)
        self.cold -= set(done)
        self.refresh -= set(done)

    def still_wanted(self, cells):
        return self.refresh.intersection(cells)


class Purse:
    """A budget that grants what is in it, and notes what it is told."""

    def __init__(self, left=10_000):
        self.left = left
        self.charged = []
        self.told = []

    def charge(self, weight, spender, least=None):
        if self.left < (weight if least is None else least):
            return Denied("day", 77)
        granted = min(weight, self.left)
        self.left -= granted
        self.charged.append((granted, spender))
        return Granted(granted)

    def close(self, window, retry_after_seconds):
        self.told.append((window, retry_after_seconds))

    def failed(self):
        self.told.append("failed")

    def succeeded(self):
        self.told.append("succeeded")

    def pause_seconds(self):
        return 0.0

    @property
    def is_failing(self):
        return self.told[-1:] == ["failed"]


class Upstream:
    """Answers when `go` is set; `bad` cells are rejected as Open-Meteo rejects: the whole call."""

    def __init__(self, bad=(), failing=None):
        self.calls = []
        self.bad = set(bad)
        self.failing = failing
        self.go = threading.Event()
        self.go.set()

    def fetch(self, cells, before_attempt):
        before_attempt(len(cells))
        self.calls.append(list(cells))
        self.go.wait(60)
        if self.failing:
            raise self.failing
        if self.bad.intersection(cells):
            raise PlaceRejected("No data is available for this location")
        return {cell: a_series() for cell in cells}


def worker(upstream, purse=None, queue=None):
    return Worker(
        upstream,
        cast(Any, NoStore()),
        cast(Any, purse or Purse()),
        cast(Any, queue or Alone()),
        wait_seconds=5,
        fresh_seconds=600,
        now=lambda: a_series().fetched_at + 1,
    )


def test_one_cell_wanted_by_many_is_fetched_once():
    upstream = Upstream()
    upstream.go.clear()
    one = worker(upstream)
    futures = {id(one.want(CELLS[0])) for _ in range(100)}
    eventually(lambda: upstream.calls)
    futures.add(id(one.want(CELLS[0])))
    upstream.go.set()
    assert len(futures) == 1 and one.want(CELLS[0]).result(60) == a_series()
    assert upstream.calls == [[CELLS[0]]]


def test_cells_wanted_during_a_call_gather_into_the_next():
    upstream = Upstream()
    upstream.go.clear()
    one = worker(upstream)
    futures = [one.want(CELLS[0])]
    eventually(lambda: upstream.calls)
    futures += [one.want(cell) for cell in CELLS[1:100]]
    upstream.go.set()
    assert not wait(futures, 60).not_done
    assert [len(call) for call in upstream.calls] == [1, 99]


def test_a_call_carries_no_more_than_a_batch():
    upstream = Upstream()
    upstream.go.clear()
    one = worker(upstream)
    futures = [one.want(cell) for cell in CELLS]
    upstream.go.set()
    assert not wait(futures, 60).not_done
    assert max(len(call) for call in upstream.calls) <= BATCH
    assert sum(len(call) for call in upstream.calls) == len(CELLS)


def test_a_cell_that_someone_has_just_stored_is_not_asked_for():
    upstream = Upstream()
    one = worker(upstream)
    one.store.known[CELLS[0]] = a_series()
    assert one.want(CELLS[0]).result(60) == a_series()
    assert upstream.calls == []


def test_a_failing_upstream_fails_those_who_wait_and_is_told():
    purse = Purse()
    one = worker(Upstream(failing=UpstreamUnavailable("gone")), purse)
    with pytest.raises(UpstreamUnavailable):
        one.want(CELLS[0]).result(60)
    one.round.upstream.failing = None
    one.want(CELLS[0]).result(60)
    assert purse.told == ["failed", "succeeded"]


def test_the_fetcher_outlives_an_error_that_nobody_thought_of():
    one = worker(Upstream(failing=ZeroDivisionError("odd")))
    with pytest.raises(UpstreamError):
        one.want(CELLS[0]).result(60)
    one.round.upstream.failing = None
    assert one.want(CELLS[0]).result(60) == a_series()


@pytest.mark.parametrize("bad", [[0], [99], [42], [0, 1], [3, 97]])
def test_bad_places_do_not_spoil_a_batch(bad):
    upstream = Upstream(bad=[CELLS[place] for place in bad])
    one = worker(upstream)
    upstream.go.clear()
    futures = {cell: one.want(cell) for cell in [CELLS[200], *CELLS[:100]]}
    upstream.go.set()
    wait(futures.values(), 60)
    failed = [cell for cell, future in futures.items() if future.exception()]
    assert failed == sorted(one.store.rejected, key=CELLS.index) == [CELLS[place] for place in bad]


def test_a_call_that_is_wrong_as_a_whole_costs_few_calls_and_rejects_none():
    upstream, queue = Upstream(bad=CELLS[:100]), Alone()
    queue.is_free = False
    one = worker(upstream, queue=queue)
    futures = [one.want(cell) for cell in CELLS[:100]]
    eventually(lambda: len(queue.cold) == 100)
    queue.is_free = True
    wait(futures, 60)
    assert all(future.exception() for future in futures)
    assert len(upstream.calls) <= CALLS_TO_FIND_A_BAD_PLACE
    assert one.store.rejected == []  # not one of them was found to be at fault by itself


def test_while_it_fails_each_call_is_about_one_cell_and_then_about_all_again():
    upstream, queue = Upstream(failing=UpstreamUnavailable("it failed")), Alone()
    one = worker(upstream, queue=queue)
    assert one.want(CELLS[200]).exception(5)
    queue.is_free = False
    futures = [one.want(cell) for cell in CELLS[:50]]
    eventually(lambda: len(queue.cold) == 50)
    upstream.go.clear()
    queue.is_free = True
    eventually(lambda: len(upstream.calls) == 2)
    upstream.failing = None
    upstream.go.set()
    wait(futures, 5)
    assert all(future.result() for future in futures)
    assert list(map(len, upstream.calls)) == [1, 1, 49]


def test_what_is_asked_is_paid_for_before_it_is_asked():
    upstream, purse = Upstream(), Purse()
    worker(upstream, purse).want(CELLS[0]).result(60)
    assert purse.charged == [(1, "cold")] and purse.told == ["succeeded"]


def test_past_the_wall_nothing_is_asked_and_the_waiter_is_told_when_to_come_again():
    upstream = Upstream()
    with pytest.raises(BudgetSpent) as spent:
        worker(upstream, Purse(left=0)).want(CELLS[0]).result(60)
    assert (spent.value.reason, spent.value.retry_after_seconds) == ("day", 77)
    assert spent.value.is_a_window and upstream.calls == []


def test_what_the_budget_has_room_for_is_asked_and_the_rest_is_refused():
    upstream = Upstream()
    one = worker(upstream, Purse(left=3))
    upstream.go.clear()
    futures = [one.want(cell) for cell in CELLS[:10]]
    upstream.go.set()
    wait(futures, 60)
    assert sum(future.exception() is None for future in futures) == 3
    assert sum(len(call) for call in upstream.calls) == 3


def test_a_search_for_a_bad_place_pays_for_each_call():
    upstream, purse = Upstream(bad=[CELLS[3]]), Purse()
    one = worker(upstream, purse)
    upstream.go.clear()
    futures = [one.want(cell) for cell in CELLS[:8]]
    upstream.go.set()
    wait(futures, 60)
    assert sum(weight for weight, _ in purse.charged) == sum(len(call) for call in upstream.calls)


def test_a_refusal_closes_the_window_for_everyone():
    purse = Purse()
    one = worker(Upstream(failing=UpstreamRefused("429", retry_after_seconds=9, window="hour")), purse)
    with pytest.raises(UpstreamRefused):
        one.want(CELLS[0]).result(60)
    assert purse.told == [("hour", 9)]


def test_a_refresh_is_paid_for_as_one_and_asked_once():
    upstream, purse = Upstream(), Purse()
    one = worker(upstream, purse)
    upstream.go.clear()
    futures = {id(one.refresh(CELLS[0])) for _ in range(10)}
    upstream.go.set()
    one.refresh(CELLS[0]).result(60)
    assert len(futures) == 1 and purse.charged == [(1, "refresh")] and upstream.calls == [[CELLS[0]]]


def test_while_another_has_the_slot_its_records_are_found():
    upstream, queue = Upstream(), Alone()
    queue.is_free = False
    one = worker(upstream, queue=queue)
    future = one.want(CELLS[0])
    one.store.known[CELLS[0]] = a_series()
    assert future.result(60) == a_series() and upstream.calls == []


def test_what_nobody_waits_for_any_more_is_not_asked():
    upstream, queue = Upstream(), Alone()
    queue.is_free = False
    one = worker(upstream, queue=queue)
    one.wait_seconds = 0.05
    one.want(CELLS[0])
    eventually(lambda: not one.wanted_of(CELLS[:1]) or not one._wanted)
    queue.cold.clear()
    queue.is_free = True
    one.want(CELLS[1])
    one._wanted[CELLS[1]].future.result(60)
    assert upstream.calls == [[CELLS[1]]]


def test_without_a_thread_for_a_call_its_slot_is_given_back(monkeypatch):
    upstream, queue = Upstream(), Alone()
    one, thread = worker(upstream, queue=queue), threading.Thread
    refused: list[str] = []

    def none_at_first(**given: Any) -> threading.Thread:
        if given["name"] == "worker-call" and not refused:
            refused.append(given["name"])
            raise RuntimeError("can't start new thread")
        return thread(**given)

    monkeypatch.setattr(threading, "Thread", none_at_first)
    with pytest.raises(UpstreamError, match="new thread"):
        one.want(CELLS[0]).result(60)
    assert refused and not one._talking and queue.ended == [0]
    assert one.want(CELLS[0]).result(60) == a_series()
