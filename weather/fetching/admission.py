"""The requests that wait for Open-Meteo: bounded in number and time, charged where they are the first, told why not."""

import math
import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from time import monotonic

from weather.budget.allowance import Allowance, Charge, Exceeded
from weather.budget.quota import Denied
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.round import BudgetSpent
from weather.fetching.store import REJECTED_SECONDS
from weather.fetching.worker import Fetcher
from weather.upstream.client import CallRejected, NoWeatherHere, UpstreamError
from weathernote.http.problems import Problem
from weathernote.telemetry import request_events

RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is charged for a new place: a client and its address, as hashes."""

    client: str
    address: str


class Waiting:
    """At most `places` threads of this process wait at a time, each for `wait_seconds` at most."""

    def __init__(self, fetcher: Fetcher, allowance: Allowance, *, wait_seconds: float, places: int) -> None:
        self.fetcher = fetcher
        self.allowance = allowance
        self.wait_seconds = wait_seconds
        self._places = threading.BoundedSemaphore(places)

    def for_a_new_place(self, cell: Cell, asker: Asker) -> Series:
        """What Open-Meteo says of a cell of which nothing is held, paid by whoever wants it first; or Problem."""
        seconds, is_wanted = self.fetcher.known_of(cell)
        if seconds > 0:
            raise _no_weather(seconds)
        if self.fetcher.is_paused:
            raise self._paused()
        if not is_wanted and (empty := self._empty_window()):
            raise _spent(empty)
        if not self._places.acquire(blocking=False):
            raise _overloaded()
        try:
            return self._charged(cell, asker, is_charged=not is_wanted)
        finally:
            self._places.release()

    def for_a_refresh(self, cell: Cell, *, with_redis: bool) -> Series | None:
        """A refresh that is worth waiting for; None where there is none now. Without Redis no queue takes it."""
        if self.fetcher.is_paused or not self._places.acquire(blocking=False):
            return None
        try:
            future = self.fetcher.refresh(cell, is_awaited=True) if with_redis else self.fetcher.want(cell)
            return self._result(future)
        except (TimeoutError, UpstreamError):
            return None
        finally:
            self._places.release()

    # ── several places of one request ─────────────────────────────────────────────────────────────

    def for_several(
        self, new: Collection[Cell], old: Collection[Cell], asker: Asker, *, alone: Collection[Cell] = ()
    ) -> dict[Cell, Series | Problem]:
        """What Open-Meteo says of the cells of one request, which waits once for all of them.

        Nothing is held of the `new`: where nothing comes for one, its value is the Problem, and whoever wants it first
        pays. The `old` and `alone` are refreshed, and left out where nothing comes; `alone` without the queue in Redis.
        """
        refused = self._refused(new)
        new = [cell for cell in new if cell not in refused]
        if self.fetcher.is_paused:
            return refused | {cell: self._paused() for cell in new}
        if not (new or old or alone):
            return refused
        if not self._places.acquire(blocking=False):
            return refused | {cell: _overloaded() for cell in new}
        try:
            return refused | self._together(new, old, alone, asker)
        finally:
            self._places.release()

    def _refused(self, cells: Collection[Cell]) -> dict[Cell, Series | Problem]:
        return {cell: _no_weather(seconds) for cell, seconds in self.fetcher.store.rejected_of(cells).items()}

    def _together(
        self, new: list[Cell], old: Collection[Cell], alone: Collection[Cell], asker: Asker
    ) -> dict[Cell, Series | Problem]:
        wanted = self.fetcher.wanted_of(new)
        charges, got = self._charges([cell for cell in new if cell not in wanted], asker)
        joined, refreshing = self.fetcher.join_all([cell for cell in new if cell not in got] + [*alone], old)
        self._wait([*(future for future, _ in joined.values()), *refreshing.values()])
        got |= {cell: self._got(joined[cell][0]) for cell in joined}
        self._settle((charge, *joined[cell]) for cell, charge in charges.items())
        got |= {cell: self._got(future) for cell, future in refreshing.items()}
        return {cell: one for cell, one in got.items() if cell in new or isinstance(one, Series)}

    def _charges(self, cells: list[Cell], asker: Asker) -> tuple[dict[Cell, Charge], dict[Cell, Series | Problem]]:
        """The charges for cells that nobody wanted before, and why there is none for the others."""
        if cells and (empty := self._empty_window()):
            return {}, {cell: _spent(empty) for cell in cells}
        charges: dict[Cell, Charge] = {}
        refused: dict[Cell, Series | Problem] = {}
        outcomes = self.allowance.charge(asker.client, asker.address, len(cells)) if cells else []
        for cell, outcome in zip(cells, outcomes, strict=True):
            if isinstance(outcome, Exceeded):
                refused[cell] = _too_many(outcome)
            else:
                charges[cell] = outcome
        return charges, refused

    def _wait(self, futures: Iterable[Future[Series]]) -> None:
        began = monotonic()
        wait(futures, self.wait_seconds)
        request_events.note_upstream_wait(monotonic() - began)

    def _got(self, future: Future[Series]) -> Series | Problem:
        try:
            return self._explained(lambda: future.result(0))
        except Problem as problem:
            return problem

    # ── one place ─────────────────────────────────────────────────────────────────────────────────

    def _result(self, future: Future[Series]) -> Series:
        began = monotonic()
        try:
            return future.result(self.wait_seconds)
        finally:
            request_events.note_upstream_wait(monotonic() - began)

    def _charged(self, cell: Cell, asker: Asker, *, is_charged: bool) -> Series:
        charge = self.allowance.charge(asker.client, asker.address)[0] if is_charged else None
        if isinstance(charge, Exceeded):
            raise _too_many(charge)
        future, is_first = self.fetcher.join(cell)
        try:
            return self._awaited(future)
        finally:
            if charge:
                self._settle([(charge, future, is_first)])

    # ── who pays ──────────────────────────────────────────────────────────────────────────────────

    def _settle(self, charges: Iterable[tuple[Charge, Future[Series], bool]]) -> None:
        """Gives back the charges for which nothing was spent: now, or as soon as it is known what becomes of the cell.

        Each charge comes with its cell's future and with whether its request was the first of this process to want it.
        """
        back = []
        for charge, future, is_first in charges:
            if not is_first:
                back.append(charge)
            elif not future.done():
                future.add_done_callback(partial(self._settle_later, charge))
            elif not _is_owed(future):
                back.append(charge)
        if back:
            self.allowance.give_back(back)

    def _settle_later(self, charge: Charge, future: Future[Series]) -> None:
        self._settle([(charge, future, True)])

    def _empty_window(self) -> Denied | None:
        return self.fetcher.budget.empty_window(self.fetcher.weight_of_a_cell)

    def _awaited(self, future: Future[Series]) -> Series:
        return self._explained(lambda: self._result(future))

    def _explained(self, result: Callable[[], Series]) -> Series:
        try:
            return result()
        except TimeoutError:
            raise _nothing("Open-Meteo did not answer in time.", RETRY_SECONDS) from None
        except BudgetSpent as spent:
            raise (_spent(spent) if spent.is_a_window else self._paused()) from None
        except NoWeatherHere:
            raise _no_weather(REJECTED_SECONDS) from None
        except UpstreamError:
            if self.fetcher.is_paused:
                raise self._paused() from None
            raise _nothing("Open-Meteo cannot be reached, or does not answer as it should.", RETRY_SECONDS) from None

    def _paused(self) -> Problem:
        seconds = math.ceil(self.fetcher.budget.pause_seconds())
        return _nothing("Open-Meteo cannot be asked for a while.", max(1, seconds))


def _is_owed(future: Future[Series]) -> bool:
    """Whether an ended future cost what is charged for: there is weather, or weight was spent to learn of none.

    A place that is remembered as one without is never charged for, so here that was learned since.
    """
    error = future.exception()
    return error is None or isinstance(error, NoWeatherHere | CallRejected)


def _spent(spent: BudgetSpent | Denied) -> Problem:
    detail = f"This {spent.reason}'s calls to Open-Meteo are spent."
    return Problem("budget_exhausted", detail, retry_after_seconds=spent.retry_after_seconds)


def _nothing(detail: str, retry_after_seconds: int) -> Problem:
    return Problem("upstream_unavailable", detail, retry_after_seconds=retry_after_seconds)


def _no_weather(seconds: int) -> Problem:
    return _nothing("Open-Meteo has no weather for this place.", seconds)


def _overloaded() -> Problem:
    return Problem("overloaded", "Too many requests wait for new places.", retry_after_seconds=1)


def _too_many(exceeded: Exceeded) -> Problem:
    return Problem(
        "rate_limited",
        f"Too many new places; come again in {exceeded.retry_after_seconds} s.",
        retry_after_seconds=exceeded.retry_after_seconds,
        policy=exceeded.policy,
    )
