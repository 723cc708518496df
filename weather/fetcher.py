"""This process's one voice towards Open-Meteo: it gathers the wanted cells, calls, stores and wakes the waiters.

One thread calls, and one call carries all cells that were wanted while the last one ran, so a hundred
misses cost a few calls and no thread that serves hits is lost to them.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from time import time
from typing import Protocol

from weather.cells import Cell
from weather.forecast import Series
from weather.openmeteo import PlaceRejected, UpstreamError, UpstreamNonsense
from weather.store import Store

log = logging.getLogger(__name__)

BATCH_CELLS = 100
#: Enough to single out two bad places of a hundred; a call that is wrong as a whole must not cost two hundred.
CALLS_TO_FIND_A_BAD_PLACE = 30

Fetched = dict[Cell, Series | UpstreamError]


class Upstream(Protocol):
    def fetch(self, cells: list[Cell]) -> Fetched: ...


class Fetcher:
    """Cells are wanted by many threads and fetched by one. `is_failing` tells how the last call went."""

    def __init__(
        self, upstream: Upstream, store: Store, *, fresh_seconds: int, now: Callable[[], float] = time
    ) -> None:
        self.upstream = upstream
        self.store = store
        self.fresh_seconds = fresh_seconds
        self.now = now
        self.is_failing = False
        self._wanted: dict[Cell, Future[Series]] = {}
        self._under_way: dict[Cell, Future[Series]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def want(self, cell: Cell) -> Future[Series]:
        """What Open-Meteo says about the cell, as soon as it is there; UpstreamError where it has nothing.

        A cell that is already wanted or under way is joined, never asked twice.
        """
        with self._changed:
            if future := self._under_way.get(cell) or self._wanted.get(cell):
                return future
            future = self._wanted[cell] = Future()
            self._start_once()
            self._changed.notify()
            return future

    def _start_once(self) -> None:
        # Not when the object is made: a server forks after that, and a thread does not survive a fork.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._converse, name="fetcher", daemon=True)
            self._thread.start()

    def _converse(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted)
                for cell in list(self._wanted)[:BATCH_CELLS]:
                    self._under_way[cell] = self._wanted.pop(cell)
            try:
                self._answer(self._fetched(list(self._under_way)))
            except Exception as error:  # the thread must outlive whatever happens to one batch
                log.exception("The fetcher failed over a batch.")
                self._answer(dict.fromkeys(self._under_way, UpstreamError(str(error))))

    def _answer(self, fetched: Fetched) -> None:
        with self._changed:
            futures, self._under_way = self._under_way, {}
        for cell, future in futures.items():
            got = fetched.get(cell) or UpstreamNonsense("Open-Meteo left the place out")
            if isinstance(got, Series):
                future.set_result(got)
            else:
                future.set_exception(got)

    def _fetched(self, cells: list[Cell]) -> Fetched:
        known = self._just_stored(cells)
        missing = [cell for cell in cells if cell not in known]
        if not missing:
            return known
        fetched = self._asked(missing)
        self.store.hold({cell: got for cell, got in fetched.items() if isinstance(got, Series)})
        for cell, got in fetched.items():
            if isinstance(got, PlaceRejected):
                self.store.reject(cell)
        self.is_failing = all(isinstance(got, UpstreamError) for got in fetched.values())
        return fetched | known

    def _just_stored(self, cells: Iterable[Cell]) -> Fetched:
        # Between a miss and this moment another thread's call may have brought the cell.
        due = self.now() - self.fresh_seconds
        return {cell: series for cell, series in self.store.held_of(cells).items() if series.fetched_at > due}

    def _asked(self, cells: list[Cell]) -> Fetched:
        """One call, if all goes well. A place that Open-Meteo rejects spoils a call for all, so that is halved."""
        fetched: Fetched = {}
        groups = deque([cells])
        for _ in range(CALLS_TO_FIND_A_BAD_PLACE):
            if not groups:
                break
            group = groups.popleft()
            try:
                fetched |= self.upstream.fetch(group)
            except PlaceRejected as error:
                middle = len(group) // 2
                if middle == 0:
                    fetched[group[0]] = error
                groups.extend((group[:middle], group[middle:]) if middle else ())
            except UpstreamError as error:
                log.warning("Open-Meteo: %s", error)
                fetched |= dict.fromkeys(group, error)
        unresolved = UpstreamNonsense("Open-Meteo rejected the call and not one place in it")
        return fetched | {cell: unresolved for group in groups for cell in group}
