"""An answer for a question: found finished in Redis, derived from what is held, or fetched."""

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from time import time
from typing import Literal

from django.conf import settings

from weather import answers, freshness
from weather.allowance import Allowance
from weather.answers import Answer, Question
from weather.budget import Budget
from weather.cells import Cell
from weather.conversation import Conversation
from weather.fetcher import BudgetSpent, Fetcher
from weather.forecast import Series
from weather.openmeteo import OpenMeteo, UpstreamError
from weather.popularity import Popularity
from weather.price import Price
from weather.store import REJECTED_SECONDS, Store
from weathernote.problems import Problem
from weathernote.redis import Command, Reply

#: found: under its key · derived: from what is held, without a call · fetched: by a call
#: · stale: from what is held though it is due, because a refresh is still to come or failed
Origin = Literal["found", "derived", "fetched", "stale"]

#: All that a request may take, from its arrival to the last moment at which Open-Meteo may still answer.
DEADLINE_SECONDS = 6.0
#: A batch is parsed while hits are served: more cells in a call would show in their latency, and save little.
BATCH_CELLS = 100
#: Whoever asked for a cell within these seconds has brought all that there is to know.
FRESH_SECONDS = 600
RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Served:
    """An answer, where it came from, and whether Redis keeps it now."""

    answer: Answer
    origin: Origin
    kept: bool


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is charged for a new place: a client and its address, as hashes."""

    client: str
    address: str


#: Where no throttle told who asks, all are one.
NOBODY = Asker("nobody", "nobody")


class Service:
    """Joins the rooms below it. Of the threads of a process at most `waiting` wait for Open-Meteo at a time."""

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        popularity: Popularity,
        price: Price,
        allowance: Allowance,
        *,
        life_seconds: Callable[[Question], int],
        wait_seconds: float,
        waiting: int,
        now: Callable[[], float] = time,
    ) -> None:
        self.store = store
        self.fetcher = fetcher
        self.popularity = popularity
        self.price = price
        self.allowance = allowance
        self.life_seconds = life_seconds
        self.wait_seconds = wait_seconds
        self.now = now
        self._waiting = threading.BoundedSemaphore(waiting)

    def finding(self, question: Question) -> Command:
        """The command whose reply `answer` wants, for whoever shares a round trip with it."""
        return self.store.finding(question)

    def answer(self, question: Question, reply: Reply, asker: Asker) -> Served:
        """The answer, given Redis' reply to `finding`; Problem where there is none."""
        self.popularity.saw(question.cell)
        if answer := self.store.found(question, reply):
            return Served(answer, "found", kept=True)
        held, rate = self.store.held_with(question.cell, self.popularity)
        if held is None:
            return self._past(question, reply) or self._derived(question, self._cold(question.cell, asker), "fetched")
        age, interval = self.now() - held.fetched_at, self.price.interval_seconds(rate)
        if not freshness.is_due(age, interval):
            return self._derived(question, held, "derived")
        if self.store.past(question, reply):
            # Without Redis every process would ask for itself: what it knows is good enough for a while.
            return self._derived(question, held, "stale")
        if freshness.should_wait(age, interval) and (fetched := self._waited_for(question.cell)):
            return self._derived(question, fetched, "fetched")
        self.fetcher.refresh(question.cell)
        return self._derived(question, held, "stale")

    def _past(self, question: Question, reply: Reply) -> Served | None:
        past = self.store.past(question, reply)
        return None if past is None else Served(past, "stale", kept=False)

    def _derived(self, question: Question, series: Series, origin: Origin) -> Served:
        answer = answers.derive(question, series, self.now(), self.life_seconds(question), stale=origin == "stale")
        return Served(answer, origin, kept=self.store.finish(question, answer))

    def _cold(self, cell: Cell, asker: Asker) -> Series:
        """What Open-Meteo says of a cell of which nothing is held; whoever wants it first is charged for it."""
        if self.store.is_rejected(cell):
            raise _nothing("Open-Meteo has no weather for this place.", REJECTED_SECONDS)
        if not self._waiting.acquire(blocking=False):
            raise Problem("overloaded", "Too many requests wait for new places.", retry_after_seconds=1)
        try:
            if not self.fetcher.is_wanted(cell) and (exceeded := self.allowance.charge(asker.client, asker.address)):
                raise Problem(
                    "rate_limited",
                    f"Too many new places; come again in {exceeded.retry_after_seconds} s.",
                    retry_after_seconds=exceeded.retry_after_seconds,
                    policy=exceeded.policy,
                )
            return self._awaited(self.fetcher.want(cell))
        finally:
            self._waiting.release()

    def _awaited(self, future: Future[Series]) -> Series:
        try:
            return future.result(self.wait_seconds)
        except TimeoutError:
            raise _nothing("Open-Meteo did not answer in time.", RETRY_SECONDS) from None
        except BudgetSpent as spent:
            if spent.is_a_window:
                detail = f"This {spent.reason}'s calls to Open-Meteo are spent."
                raise Problem("budget_exhausted", detail, retry_after_seconds=spent.retry_after_seconds) from None
            raise _nothing("Open-Meteo cannot be asked for a while.", spent.retry_after_seconds) from None
        except UpstreamError:
            raise _nothing("Open-Meteo gave no weather for this place.", RETRY_SECONDS) from None

    def _waited_for(self, cell: Cell) -> Series | None:
        """A refresh that is worth waiting for, if the pace allows it and a thread can be spared."""
        if self.fetcher.is_paused or not self._waiting.acquire(blocking=False):
            return None
        try:
            return self.fetcher.refresh(cell).result(self.wait_seconds)
        except (TimeoutError, UpstreamError):
            return None
        finally:
            self._waiting.release()


def _nothing(detail: str, retry_after_seconds: int) -> Problem:
    return Problem("upstream_unavailable", detail, retry_after_seconds=retry_after_seconds)


@functools.cache
def service() -> Service:
    """This process's service, made from the settings when it is first asked for."""
    store = Store(settings.HOLD_SECONDS)
    budget = Budget(
        minute=settings.UPSTREAM_MINUTE_BUDGET,
        hour=settings.UPSTREAM_HOUR_BUDGET,
        day=settings.UPSTREAM_DAY_BUDGET,
        fleet_processes=settings.FLEET_PROCESSES,
    )
    upstream = OpenMeteo(
        settings.OPEN_METEO_URL,
        api_key=settings.OPEN_METEO_API_KEY,
        timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS,
        source=settings.SOURCE,
    )
    popularity = Popularity()
    price = Price(popularity, budget.refreshes_per_second)
    popularity.beside += [price.agree, budget.look]
    conversation = Conversation(settings.UPSTREAM_CONCURRENCY, BATCH_CELLS, settings.UPSTREAM_TIMEOUT_SECONDS)
    return Service(
        store,
        Fetcher(upstream, store, budget, conversation, wait_seconds=DEADLINE_SECONDS, fresh_seconds=FRESH_SECONDS),
        popularity,
        price,
        Allowance(
            budget,
            cells_per_client=settings.COLD_CELLS_PER_CLIENT_PER_HOUR,
            share_per_address=settings.COLD_SHARE_PER_ADDRESS,
        ),
        life_seconds=lambda question: (
            settings.WEATHER_TTL_SECONDS if question.days is None else settings.FORECAST_TTL_SECONDS
        ),
        wait_seconds=DEADLINE_SECONDS,
        waiting=max(1, settings.THREADS - max(4, settings.THREADS // 8)),
    )


def upstream_state() -> Literal["ok", "paused", "down"]:
    """Whether Open-Meteo answers, as this process knows, for /health: paused where nobody asks for a while."""
    fetcher = service().fetcher
    if fetcher.is_failing:
        return "down"
    return "paused" if fetcher.is_paused else "ok"
