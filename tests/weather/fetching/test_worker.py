"""Workers and rounds alone, with an upstream whose every call the test lets go."""

import threading
from concurrent.futures import wait

import pytest

from tests.support.servers import eventually
from tests.support.staged.fetching import BATCH, CELLS, Alone, Fetching, Purse, Upstream
from tests.support.weather.series import a_series
from weather.fetching.fetch_queue import Lease
from weather.fetching.round import CALLS_TO_FIND_A_BAD_PLACE
from weather.fetching.round_result import BudgetSpent
from weather.upstream.errors import UpstreamError, UpstreamRefused, UpstreamUnavailable

pytestmark = pytest.mark.pure


def test_one_cell_wanted_by_many_is_fetched_once():
    upstream = Upstream()
    upstream.go.clear()
    one = Fetching(upstream)
    futures = {id(one.want(CELLS[0])) for _ in range(100)}
    eventually(lambda: upstream.calls)
    futures.add(id(one.want(CELLS[0])))
    upstream.go.set()
    assert len(futures) == 1 and one.want(CELLS[0]).result(60) == a_series()
    assert upstream.calls == [[CELLS[0]]]


def test_cells_wanted_during_a_call_gather_into_the_next():
    upstream = Upstream()
    upstream.go.clear()
    one = Fetching(upstream)
    futures = [one.want(CELLS[0])]
    eventually(lambda: upstream.calls)
    futures += [one.want(cell) for cell in CELLS[1:100]]
    upstream.go.set()
    assert not wait(futures, 60).not_done
    assert [len(call) for call in upstream.calls] == [1, 99]


def test_a_call_carries_no_more_than_a_batch():
    upstream = Upstream()
    upstream.go.clear()
    one = Fetching(upstream)
    futures = [one.want(cell) for cell in CELLS]
    upstream.go.set()
    assert not wait(futures, 60).not_done
    assert max(len(call) for call in upstream.calls) <= BATCH
    assert sum(len(call) for call in upstream.calls) == len(CELLS)


def test_a_cell_that_someone_has_just_stored_is_not_asked_for():
    upstream = Upstream()
    one = Fetching(upstream)
    one.store.known[CELLS[0]] = a_series()
    assert one.want(CELLS[0]).result(60) == a_series()
    assert upstream.calls == []


def test_a_failing_upstream_fails_those_who_wait_and_is_told():
    purse = Purse()
    upstream = Upstream(failing=UpstreamUnavailable("gone"))
    one = Fetching(upstream, purse)
    with pytest.raises(UpstreamUnavailable):
        one.want(CELLS[0]).result(60)
    upstream.failing = None
    one.want(CELLS[0]).result(60)
    assert purse.told == ["failed", "succeeded"]


def test_the_worker_outlives_an_error_that_nobody_foresaw():
    upstream = Upstream(failing=ZeroDivisionError("odd"))
    one = Fetching(upstream)
    with pytest.raises(UpstreamError):
        one.want(CELLS[0]).result(60)
    upstream.failing = None
    assert one.want(CELLS[0]).result(60) == a_series()


@pytest.mark.parametrize("bad", [[0], [99], [42], [0, 1], [3, 97]])
def test_bad_places_do_not_spoil_a_batch(bad):
    upstream = Upstream(bad=[CELLS[place] for place in bad])
    one = Fetching(upstream)
    upstream.go.clear()
    futures = {cell: one.want(cell) for cell in [CELLS[200], *CELLS[:100]]}
    upstream.go.set()
    wait(futures.values(), 60)
    failed = [cell for cell, future in futures.items() if future.exception()]
    assert failed == sorted(one.store.rejected, key=CELLS.index) == [CELLS[place] for place in bad]


def test_a_call_that_is_wrong_as_a_whole_costs_few_calls_and_rejects_none():
    upstream, queue = Upstream(bad=CELLS[:100]), Alone()
    queue.is_free = False
    one = Fetching(upstream, queue=queue)
    futures = [one.want(cell) for cell in CELLS[:100]]
    eventually(lambda: len(queue.cold) == 100)
    queue.is_free = True
    wait(futures, 60)
    assert all(future.exception() for future in futures)
    assert len(upstream.calls) <= CALLS_TO_FIND_A_BAD_PLACE
    assert one.store.rejected == []  # not one of them was found to be at fault by itself


def test_while_it_fails_each_call_is_about_one_cell_and_then_about_all_again():
    upstream, queue = Upstream(failing=UpstreamUnavailable("it failed")), Alone()
    one = Fetching(upstream, queue=queue)
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
    Fetching(upstream, purse).want(CELLS[0]).result(60)
    assert purse.charged == [(1, "cold")] and purse.told == ["succeeded"]


def test_past_the_wall_nothing_is_asked_and_the_waiter_is_told_when_to_come_again():
    upstream = Upstream()
    with pytest.raises(BudgetSpent) as spent:
        Fetching(upstream, Purse(left=0)).want(CELLS[0]).result(60)
    assert (spent.value.reason, spent.value.retry_after_seconds) == ("day", 77)
    assert spent.value.is_a_window and upstream.calls == []


def test_what_the_budget_has_room_for_is_asked_and_the_rest_is_refused():
    upstream = Upstream()
    one = Fetching(upstream, Purse(left=3))
    upstream.go.clear()
    futures = [one.want(cell) for cell in CELLS[:10]]
    upstream.go.set()
    wait(futures, 60)
    assert sum(future.exception() is None for future in futures) == 3
    assert sum(len(call) for call in upstream.calls) == 3


def test_a_search_for_a_bad_place_pays_for_each_call():
    upstream, purse = Upstream(bad=[CELLS[3]]), Purse()
    one = Fetching(upstream, purse)
    upstream.go.clear()
    futures = [one.want(cell) for cell in CELLS[:8]]
    upstream.go.set()
    wait(futures, 60)
    assert sum(weight for weight, _ in purse.charged) == sum(len(call) for call in upstream.calls)


def test_a_refusal_closes_the_window_for_everyone():
    purse = Purse()
    one = Fetching(Upstream(failing=UpstreamRefused("429", retry_after_seconds=9, window="hour")), purse)
    with pytest.raises(UpstreamRefused):
        one.want(CELLS[0]).result(60)
    assert purse.told == [("hour", 9)]


def test_a_refresh_is_paid_for_as_one_and_asked_once():
    upstream, purse = Upstream(), Purse()
    one = Fetching(upstream, purse)
    upstream.go.clear()
    futures = {id(one.refresh(CELLS[0])) for _ in range(10)}
    upstream.go.set()
    one.refresh(CELLS[0]).result(60)
    assert len(futures) == 1 and purse.charged == [(1, "refresh")] and upstream.calls == [[CELLS[0]]]


def test_while_another_has_the_slot_its_records_are_found():
    upstream, queue = Upstream(), Alone()
    queue.is_free = False
    one = Fetching(upstream, queue=queue)
    future = one.want(CELLS[0])
    one.store.known[CELLS[0]] = a_series()
    assert future.result(60) == a_series() and upstream.calls == []


def test_what_comes_after_an_attempt_without_a_lease_is_queued_together(monkeypatch):
    queue, paused, go_on = Alone(), threading.Event(), threading.Event()
    queue.is_free = False
    attempts: list[int] = []
    lease = queue.lease

    def attempt(cold=(), wait_seconds=0.0, refresh=()):
        attempts.append(len(cold))
        return lease(cold, wait_seconds, refresh)

    def pause(seconds):
        paused.set()
        go_on.wait(60)

    monkeypatch.setattr(queue, "lease", attempt)
    monkeypatch.setattr("weather.fetching.worker.sleep", pause)
    one = Fetching(Upstream(), queue=queue)
    futures = [one.want(CELLS[0])]
    assert paused.wait(60)
    futures += [one.want(cell) for cell in CELLS[1:6]]
    queue.is_free = True
    go_on.set()
    assert not wait(futures, 60).not_done
    assert attempts == [1, 5]


def test_what_nobody_waits_for_any_more_is_not_asked():
    upstream, queue = Upstream(), Alone()
    queue.is_free = False
    one = Fetching(upstream, queue=queue)
    one.workers.wait_seconds = 0.05
    one.want(CELLS[0])
    eventually(lambda: queue.cold)
    queue.cold.clear()  # as its time is over
    eventually(lambda: one.workers.is_idle)
    queue.is_free = True
    one.want(CELLS[1]).result(60)
    assert upstream.calls == [[CELLS[1]]]


def test_a_cell_that_is_wanted_during_a_call_is_queued_at_once():
    """So another process that is asked for it charges nobody for it."""
    upstream, queue = Upstream(), Alone()
    upstream.go.clear()
    one = Fetching(upstream, queue=queue)
    one.want(CELLS[0])
    eventually(lambda: upstream.calls)
    future = one.want(CELLS[1])
    eventually(lambda: CELLS[1] in queue.cold, within_seconds=1)
    assert not future.done()
    upstream.go.set()
    assert future.result(60) == a_series()


def test_only_the_first_to_submit_a_cell_is_the_first():
    upstream = Upstream()
    upstream.go.clear()
    one = Fetching(upstream)
    first, second = (one.workers.submit({CELLS[0]: "cold"})[CELLS[0]] for _ in range(2))
    assert (first.is_first, second.is_first) == (True, False) and one.workers.has_pending(CELLS[0])
    upstream.go.set()
    assert first.future.result(60) == a_series()


def test_without_a_thread_to_be_had_those_who_wait_are_told_and_the_next_tries_again(monkeypatch):
    one, start = Fetching(Upstream()), threading.Thread.start
    refused: list[str] = []

    def none_at_first(thread: threading.Thread) -> None:
        if not refused:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", none_at_first)
    with pytest.raises(UpstreamError, match="new thread"):
        one.want(CELLS[0]).result(60)
    assert refused and one.workers.is_idle
    assert one.want(CELLS[0]).result(60) == a_series()


class WithoutRedis(Alone):
    """A queue that no other process knows of, for calls of one cell."""

    batch = 1

    def lease(self, cold=(), wait_seconds=0.0, refresh=()):
        return Lease(0, "", [], [])


def test_without_redis_a_worker_with_more_to_ask_lets_others_call_first(monkeypatch):
    upstream, events = Upstream(), []
    one = Fetching(upstream, queue=WithoutRedis())

    def pause(seconds):
        if not one.workers.is_idle:
            events.append((len(upstream.calls), one.workers._calling_alone.locked()))

    monkeypatch.setattr("weather.fetching.worker.sleep", pause)
    submitted = one.workers.submit(dict.fromkeys(CELLS[:3], "cold"))
    assert not wait([future for future, _ in submitted.values()], 60).not_done
    assert [len(call) for call in upstream.calls] == [1, 1, 1]
    assert events[:2] == [(1, False), (2, False)]  # between two calls
