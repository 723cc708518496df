"""An answer for a question: found finished in Redis, derived from what is held, or fetched."""

import threading
from collections.abc import Callable
from time import time
from typing import Literal, NamedTuple

from django.conf import settings

from weather.budget.allowance import Allowance
from weather.budget.budget import Budget
from weather.budget.popularity import Popularity
from weather.budget.price import Price
from weather.core import answers, freshness
from weather.core.answers import Answer, Question
from weather.core.datasets import WEATHER
from weather.core.series import Series
from weather.fetching.admission import Asker, Waiting
from weather.fetching.fetch_queue import Conversation
from weather.fetching.store import LONGEST_PAST_SECONDS, Store
from weather.fetching.worker import Fetcher
from weather.upstream.client import OpenMeteo
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
#: What people ask for now: with it 1,000 of 8,000 cells had three requests of four, where the day's had two.
RECENT_HALF_LIFE_SECONDS = 1800


class Served(NamedTuple):
    """An answer, where it came from, and whether Redis keeps it now."""

    answer: Answer
    origin: Origin
    kept: bool


#: Where no throttle told who asks, all are one.
NOBODY = Asker("nobody", "nobody")


class Service:
    """Joins the rooms below it."""

    def __init__(
        self,
        store: Store,
        fetcher: Fetcher,
        popularity: Popularity,
        price: Price,
        waiting: Waiting,
        *,
        life_seconds: Callable[[Question], int],
        now: Callable[[], float] = time,
    ) -> None:
        self.store = store
        self.fetcher = fetcher
        self.popularity = popularity
        self.price = price
        self.waiting = waiting
        self.life_seconds = life_seconds
        self.now = now

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
            return self._past(question, reply) or self._new(question, asker)
        age, interval = self.now() - held.fetched_at, self.price.interval_seconds(rate)
        if not freshness.is_due(age, interval):
            return self._derived(question, held, "derived")
        if self.store.is_gone(reply):
            return self._due_without_redis(question, held, age)
        if freshness.should_wait(age, interval) and (
            fetched := self.waiting.for_a_refresh(question.cell, with_redis=True)
        ):
            return self._derived(question, fetched, "fetched")
        self.fetcher.refresh(question.cell)
        return self._derived(question, held, "stale")

    def _due_without_redis(self, question: Question, held: Series, age: float) -> Served:
        # Every process would ask for itself: what it knows is good enough for a while.
        if age > LONGEST_PAST_SECONDS and (fetched := self.waiting.for_a_refresh(question.cell, with_redis=False)):
            return self._derived(question, fetched, "fetched")
        return self._derived(question, held, "stale")

    def _new(self, question: Question, asker: Asker) -> Served:
        return self._derived(question, self.waiting.for_a_new_place(question.cell, asker), "fetched")

    def _past(self, question: Question, reply: Reply) -> Served | None:
        past = self.store.past(question, reply)
        return None if past is None else Served(past, "stale", kept=False)

    def _derived(self, question: Question, series: Series, origin: Origin) -> Served:
        answer = answers.derive(question, series, self.now(), self.life_seconds(question), stale=origin == "stale")
        return Served(answer, origin, kept=self.store.finish(question, answer))


def open_meteo() -> OpenMeteo:
    """A client of Open-Meteo by the settings."""
    return OpenMeteo(
        settings.OPEN_METEO_URL,
        WEATHER.with_extras(settings.EXTRA_VARIABLES),
        api_key=settings.OPEN_METEO_API_KEY,
        timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS,
        source=settings.SOURCE,
    )


_service: Service | None = None
_making = threading.Lock()


def service() -> Service:
    """This process's service, made from the settings when it is first asked for."""
    return _service or _made_once()


def forget_service() -> None:
    """For tests, which change the settings."""
    global _service
    _service = None


def _made_once() -> Service:
    global _service
    # Two threads that come first at once must not get a fetcher each.
    with _making:
        _service = _service or _from_settings()
        return _service


def _from_settings() -> Service:
    dataset = WEATHER.with_extras(settings.EXTRA_VARIABLES)
    weight_of_a_cell = dataset.weight_of_a_place
    store = Store(dataset, settings.HOLD_SECONDS)
    budget = Budget(
        minute=settings.UPSTREAM_MINUTE_BUDGET,
        hour=settings.UPSTREAM_HOUR_BUDGET,
        day=settings.UPSTREAM_DAY_BUDGET,
        fleet_processes=settings.FLEET_PROCESSES,
    )
    popularity = Popularity(recent=Popularity("popularity:now", half_life_seconds=RECENT_HALF_LIFE_SECONDS))
    price = Price(popularity, lambda: budget.refreshes_per_second() / weight_of_a_cell)
    conversation = Conversation(settings.UPSTREAM_CONCURRENCY, BATCH_CELLS, settings.UPSTREAM_TIMEOUT_SECONDS)
    fetcher = Fetcher(
        open_meteo(),
        store,
        budget,
        conversation,
        wait_seconds=DEADLINE_SECONDS,
        fresh_seconds=FRESH_SECONDS,
        weight_of_a_cell=weight_of_a_cell,
    )
    allowance = Allowance(
        budget,
        cells_per_client=settings.COLD_CELLS_PER_CLIENT_PER_HOUR,
        share_per_address=settings.COLD_SHARE_PER_ADDRESS,
        weight_of_a_cell=weight_of_a_cell,
    )
    # Some threads are always left to those who need not wait.
    places = max(1, settings.THREADS - max(4, settings.THREADS // 8))
    waiting = Waiting(fetcher, allowance, wait_seconds=DEADLINE_SECONDS, places=places)
    return Service(
        store,
        fetcher,
        popularity,
        price,
        waiting,
        life_seconds=lambda question: getattr(settings, question.kind.life_setting),
    )


def upstream_state(*, ask_redis: bool) -> Literal["ok", "paused", "down"]:
    """Whether Open-Meteo answers the fleet, for /health: down after failures, paused while it wants to be left alone.

    Without asking Redis, as this process last heard.
    """
    budget = service().fetcher.budget
    if ask_redis:
        budget.read_pause()
    if budget.is_failing:
        return "down"
    return "paused" if budget.pause_seconds() > 0 else "ok"
