"""The fetcher alone, with an upstream whose every call the test lets go."""

import threading
from concurrent.futures import wait
from typing import cast

import pytest

from tests.servers import eventually
from tests.test_packing import a_series
from weather.cells import Cell
from weather.fetcher import BATCH_CELLS, CALLS_TO_FIND_A_BAD_PLACE, Fetcher
from weather.openmeteo import PlaceRejected, UpstreamError, UpstreamUnavailable
from weather.store import Store

pytestmark = pytest.mark.pure

CELLS = [Cell(tenths, tenths) for tenths in range(300)]


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

    def reject(self, cell):
        self.rejected.append(cell)


class Upstream:
    """Answers when `go` is set; `bad` cells are rejected as Open-Meteo rejects: the whole call."""

    def __init__(self, bad=(), failing=None):
        self.calls = []
        self.bad = set(bad)
        self.failing = failing
        self.go = threading.Event()
        self.go.set()

    def fetch(self, cells):
        self.calls.append(list(cells))
        self.go.wait(10)
        if self.failing:
            raise self.failing
        if self.bad.intersection(cells):
            raise PlaceRejected("No data is available for this location")
        return {cell: a_series() for cell in cells}


def fetcher(upstream):
    return Fetcher(upstream, cast(Store, NoStore()), fresh_seconds=600, now=lambda: a_series().fetched_at + 1)


def test_one_cell_wanted_by_many_is_fetched_once():
    upstream = Upstream()
    upstream.go.clear()
    one = fetcher(upstream)
    futures = {id(one.want(CELLS[0])) for _ in range(100)}
    eventually(lambda: upstream.calls)
    futures.add(id(one.want(CELLS[0])))
    upstream.go.set()
    assert len(futures) == 1 and one.want(CELLS[0]).result(5) == a_series()
    assert upstream.calls == [[CELLS[0]]]


def test_cells_wanted_during_a_call_gather_into_the_next():
    upstream = Upstream()
    upstream.go.clear()
    one = fetcher(upstream)
    futures = [one.want(CELLS[0])]
    eventually(lambda: upstream.calls)
    futures += [one.want(cell) for cell in CELLS[1:100]]
    upstream.go.set()
    assert not wait(futures, 5).not_done
    assert [len(call) for call in upstream.calls] == [1, 99]


def test_a_call_carries_no_more_than_a_batch():
    upstream = Upstream()
    upstream.go.clear()
    one = fetcher(upstream)
    futures = [one.want(cell) for cell in CELLS]
    upstream.go.set()
    assert not wait(futures, 5).not_done
    assert max(len(call) for call in upstream.calls) <= BATCH_CELLS
    assert sum(len(call) for call in upstream.calls) == len(CELLS)


def test_a_cell_that_someone_has_just_stored_is_not_asked_for():
    upstream = Upstream()
    one = fetcher(upstream)
    one.store.known[CELLS[0]] = a_series()
    assert one.want(CELLS[0]).result(5) == a_series()
    assert upstream.calls == []


def test_a_failing_upstream_fails_those_who_wait_and_is_told():
    one = fetcher(Upstream(failing=UpstreamUnavailable("gone")))
    with pytest.raises(UpstreamUnavailable):
        one.want(CELLS[0]).result(5)
    assert one.is_failing
    one.upstream.failing = None
    one.want(CELLS[0]).result(5)
    assert not one.is_failing


def test_the_fetcher_outlives_an_error_that_nobody_thought_of():
    one = fetcher(Upstream(failing=ZeroDivisionError("odd")))
    with pytest.raises(UpstreamError):
        one.want(CELLS[0]).result(5)
    one.upstream.failing = None
    assert one.want(CELLS[0]).result(5) == a_series()


@pytest.mark.parametrize("bad", [[0], [99], [42], [0, 1], [3, 97]])
def test_bad_places_do_not_spoil_a_batch(bad):
    upstream = Upstream(bad=[CELLS[place] for place in bad])
    one = fetcher(upstream)
    upstream.go.clear()
    futures = {cell: one.want(cell) for cell in [CELLS[200], *CELLS[:100]]}
    upstream.go.set()
    wait(futures.values(), 5)
    failed = [cell for cell, future in futures.items() if future.exception()]
    assert failed == sorted(one.store.rejected, key=CELLS.index) == [CELLS[place] for place in bad]


def test_a_call_that_is_wrong_as_a_whole_costs_few_calls_and_rejects_few():
    upstream = Upstream(bad=CELLS[:100])
    one = fetcher(upstream)
    upstream.go.clear()
    futures = [one.want(cell) for cell in CELLS[:100]]
    upstream.go.set()
    wait(futures, 5)
    assert all(future.exception() for future in futures)
    assert len(upstream.calls) <= 2 * CALLS_TO_FIND_A_BAD_PLACE
