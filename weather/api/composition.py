"""The parts of the service, made from the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Self

from django.conf import settings

from weather.api.answer_cache import AnswerCache
from weather.api.misses import Misses
from weather.budget.allowance import Allowance
from weather.budget.budget import Budget
from weather.budget.payment import Payments
from weather.budget.popularity import Popularity
from weather.budget.price import Price
from weather.core.answers import Question
from weather.core.datasets import WEATHER
from weather.fetching.admission import ColdAdmission
from weather.fetching.fetch_queue import FetchQueue
from weather.fetching.round import Round
from weather.fetching.store import Store
from weather.fetching.worker import Workers
from weather.upstream.client import OpenMeteo
from weathernote.redis import RedisClock

#: All that a request may take, from its arrival to the last moment at which Open-Meteo may still answer.
DEADLINE_SECONDS = 6.0
#: A batch is parsed while hits are served: more cells in a call would show in their latency, and save little.
BATCH_CELLS = 100
#: A record that was fetched within these seconds is not asked for again.
FRESH_SECONDS = 600
#: What people ask for now: with it 1,000 of 8,000 cells had three requests of four, where the day's had two.
RECENT_HALF_LIFE_SECONDS = 1800


def open_meteo() -> OpenMeteo:
    """A client of Open-Meteo by the settings."""
    return OpenMeteo(
        settings.OPEN_METEO_URL,
        WEATHER.with_extras(settings.EXTRA_VARIABLES),
        api_key=settings.OPEN_METEO_API_KEY,
        timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS,
        source=settings.SOURCE,
    )


@dataclass(slots=True)
class Parts:
    """All that a process answers questions with."""

    cache: AnswerCache
    misses: Misses
    store: Store
    budget: Budget
    popularity: Popularity
    price: Price
    queue: FetchQueue
    round: Round
    workers: Workers
    admission: ColdAdmission
    #: How long the finished answer to a question lives.
    life_seconds: Callable[[Question], int]
    now: Callable[[], float] = time

    @classmethod
    def from_settings(cls) -> Self:
        """The parts that the settings ask for, each given to those that use it."""
        dataset = WEATHER.with_extras(settings.EXTRA_VARIABLES)
        weight_of_a_cell = dataset.weight_of_a_cell
        clock = RedisClock()
        budget = Budget(
            minute=settings.UPSTREAM_MINUTE_BUDGET,
            hour=settings.UPSTREAM_HOUR_BUDGET,
            day=settings.UPSTREAM_DAY_BUDGET,
            fleet_processes=settings.FLEET_PROCESSES,
            clock=clock,
        )
        recent = Popularity("popularity:now", half_life_seconds=RECENT_HALF_LIFE_SECONDS, clock=clock)
        popularity = Popularity(recent=recent, clock=clock)
        price = Price(popularity, lambda: budget.refresh_weight_per_second() / weight_of_a_cell)
        cache, store = AnswerCache(dataset), Store(dataset, settings.HOLD_SECONDS)
        queue = FetchQueue(
            dataset.queue_key, settings.UPSTREAM_CONCURRENCY, BATCH_CELLS, settings.UPSTREAM_TIMEOUT_SECONDS
        )
        payments = Payments(budget, weight_of_a_cell)
        round_ = Round(
            open_meteo(),
            store,
            payments,
            budget,
            queue,
            weight_of_a_cell=weight_of_a_cell,
            fresh_seconds=FRESH_SECONDS,
        )
        workers = Workers(round_, queue, budget, wait_seconds=DEADLINE_SECONDS)
        admission = _admission(workers, budget, weight_of_a_cell)
        misses = Misses(cache, store, queue, workers, popularity, price, admission, _life_seconds, time)
        return cls(cache, misses, store, budget, popularity, price, queue, round_, workers, admission, _life_seconds)


def _admission(workers: Workers, budget: Budget, weight_of_a_cell: float) -> ColdAdmission:
    allowance = Allowance(
        budget,
        cells_per_client=settings.COLD_CELLS_PER_CLIENT_PER_HOUR,
        share_per_address=settings.COLD_SHARE_PER_ADDRESS,
        weight_of_a_cell=weight_of_a_cell,
        clock=budget.clock,
    )
    # Some threads are always left to those who need not wait.
    slots = max(1, settings.THREADS - max(4, settings.THREADS // 8))
    return ColdAdmission(
        workers, budget, allowance, weight_of_a_cell=weight_of_a_cell, wait_seconds=DEADLINE_SECONDS, slots=slots
    )


def _life_seconds(question: Question) -> int:
    seconds: int = getattr(settings, question.kind.life_setting)
    return seconds
