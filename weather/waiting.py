"""The requests that wait for Open-Meteo: bounded in number and time, charged where they are the first, told why not."""

import math
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from time import monotonic

from weather.allowance import Allowance
from weather.caller import BudgetSpent
from weather.cells import Cell
from weather.fetcher import Fetcher
from weather.forecast import Series
from weather.openmeteo import UpstreamError
from weathernote import account
from weathernote.problems import Problem

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
        seconds = self.fetcher.store.rejected_seconds(cell)
        if seconds > 0:
            raise _nothing("Open-Meteo has no weather for this place.", seconds)
        if self.fetcher.is_paused:
            raise self._paused()
        if not self._places.acquire(blocking=False):
            raise Problem("overloaded", "Too many requests wait for new places.", retry_after_seconds=1)
        try:
            return self._charged(cell, asker)
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

    def _result(self, future: Future[Series]) -> Series:
        began = monotonic()
        try:
            return future.result(self.wait_seconds)
        finally:
            account.waited(monotonic() - began)

    def _charged(self, cell: Cell, asker: Asker) -> Series:
        is_charged = not self.fetcher.is_wanted(cell)
        if is_charged and (exceeded := self.allowance.charge(asker.client, asker.address)):
            raise Problem(
                "rate_limited",
                f"Too many new places; come again in {exceeded.retry_after_seconds} s.",
                retry_after_seconds=exceeded.retry_after_seconds,
                policy=exceeded.policy,
            )
        future, is_first = self.fetcher.join(cell)
        try:
            series = self._awaited(future)
        except Problem:
            # Nobody pays for weather that did not come.
            if is_charged:
                self.allowance.give_back(asker.client, asker.address)
            raise
        if is_charged and not is_first:
            self.allowance.give_back(asker.client, asker.address)
        return series

    def _awaited(self, future: Future[Series]) -> Series:
        try:
            return self._result(future)
        except TimeoutError:
            raise _nothing("Open-Meteo did not answer in time.", RETRY_SECONDS) from None
        except BudgetSpent as spent:
            if spent.is_a_window:
                detail = f"This {spent.reason}'s calls to Open-Meteo are spent."
                raise Problem("budget_exhausted", detail, retry_after_seconds=spent.retry_after_seconds) from None
            raise self._paused() from None
        except UpstreamError:
            if self.fetcher.is_paused:
                raise self._paused() from None
            raise _nothing("Open-Meteo gave no weather for this place.", RETRY_SECONDS) from None

    def _paused(self) -> Problem:
        seconds = math.ceil(self.fetcher.budget.pause_seconds())
        return _nothing("Open-Meteo cannot be asked for a while.", max(1, seconds))


def _nothing(detail: str, retry_after_seconds: int) -> Problem:
    return Problem("upstream_unavailable", detail, retry_after_seconds=retry_after_seconds)
