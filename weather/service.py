"""An answer for a question: found finished in Redis, derived from what is held, or fetched."""

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from time import time
from typing import Literal

from django.conf import settings

from weather import answers
from weather.answers import Answer, Question
from weather.cells import Cell
from weather.fetcher import Fetcher
from weather.forecast import Series
from weather.openmeteo import OpenMeteo, UpstreamError
from weather.store import REJECTED_SECONDS, Store
from weathernote.problems import Problem
from weathernote.redis import Command, Reply

#: found: under its key · derived: from what is held, without a call · fetched: by a call
#: · stale: from what is held, because the call failed
Origin = Literal["found", "derived", "fetched", "stale"]

RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Served:
    """An answer, where it came from, and whether Redis keeps it now."""

    answer: Answer
    origin: Origin
    kept: bool


class Service:
    """Joins the rooms below it. Of the threads of a process at most `waiting` wait for Open-Meteo at a time."""

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        *,
        life_seconds: Callable[[Question], int],
        fresh_seconds: int,
        wait_seconds: float,
        waiting: int,
        now: Callable[[], float] = time,
    ) -> None:
        self.store = store
        self.fetcher = fetcher
        self.life_seconds = life_seconds
        self.fresh_seconds = fresh_seconds
        self.wait_seconds = wait_seconds
        self.now = now
        self._waiting = threading.BoundedSemaphore(waiting)

    def finding(self, question: Question) -> Command:
        """The command whose reply `answer` wants, for whoever shares a round trip with it."""
        return self.store.finding(question)

    def answer(self, question: Question, reply: Reply) -> Served:
        """The answer, given Redis' reply to `finding`; Problem where there is none."""
        if answer := self.store.found(question, reply):
            return Served(answer, "found", kept=True)
        held = self.store.held(question.cell)
        if held and not self._is_due(held):
            return self._derived(question, held, "derived")
        if past := self.store.past(question, reply):
            # Without Redis every process would ask for itself: what it knows is good enough for a while.
            return self._derived(question, held, "stale") if held else Served(past, "stale", kept=False)
        try:
            return self._derived(question, self._fetched(question.cell), "fetched")
        except Problem:
            if held is None:
                raise
            return self._derived(question, held, "stale")

    def _is_due(self, series: Series) -> bool:
        return self.now() - series.fetched_at >= self.fresh_seconds

    def _derived(self, question: Question, series: Series, origin: Origin) -> Served:
        answer = answers.derive(question, series, self.now(), self.life_seconds(question), stale=origin == "stale")
        return Served(answer, origin, kept=self.store.finish(question, answer))

    def _fetched(self, cell: Cell) -> Series:
        if self.store.is_rejected(cell):
            raise _nothing("Open-Meteo has no weather for this place.", REJECTED_SECONDS)
        if not self._waiting.acquire(blocking=False):
            raise Problem("overloaded", "Too many requests wait for new places.", retry_after_seconds=1)
        try:
            return self._awaited(self.fetcher.want(cell))
        finally:
            self._waiting.release()

    def _awaited(self, future: Future[Series]) -> Series:
        try:
            return future.result(self.wait_seconds)
        except TimeoutError:
            raise _nothing("Open-Meteo did not answer in time.", RETRY_SECONDS) from None
        except UpstreamError:
            raise _nothing("Open-Meteo gave no weather for this place.", RETRY_SECONDS) from None


def _nothing(detail: str, retry_after_seconds: int) -> Problem:
    return Problem("upstream_unavailable", detail, retry_after_seconds=retry_after_seconds)


@functools.cache
def service() -> Service:
    """This process's service, made from the settings when it is first asked for."""
    # A record is as fresh as the answers made of it; how long it may serve follows the budget later on.
    fresh_seconds = max(600, settings.WEATHER_TTL_SECONDS, settings.FORECAST_TTL_SECONDS)
    store = Store(settings.HOLD_SECONDS)
    upstream = OpenMeteo(
        settings.OPEN_METEO_URL,
        api_key=settings.OPEN_METEO_API_KEY,
        timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS,
        source=settings.SOURCE,
    )
    return Service(
        store,
        Fetcher(upstream, store, fresh_seconds=fresh_seconds),
        life_seconds=lambda question: (
            settings.WEATHER_TTL_SECONDS if question.days is None else settings.FORECAST_TTL_SECONDS
        ),
        fresh_seconds=fresh_seconds,
        # One call may be under way and the next is ours: both, and a little for Redis.
        wait_seconds=settings.UPSTREAM_TIMEOUT_SECONDS + 1,
        waiting=max(1, settings.THREADS - max(4, settings.THREADS // 8)),
    )


def upstream_state() -> Literal["ok", "down"]:
    """How this process's last call went, for /health."""
    return "down" if service().fetcher.is_failing else "ok"
