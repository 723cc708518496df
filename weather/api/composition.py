"""The parts of the service, made from the settings: those that all datasets share, and those of each dataset."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Self

from django.conf import settings

from weather.api.answer_cache import AnswerCache, memory_of_answers
from weather.api.run_parts import RunParts
from weather.budget.allowance import Allowance
from weather.budget.budget import Budget
from weather.budget.payment import Payments
from weather.budget.popularity import Popularity
from weather.budget.price import Price
from weather.budget.refresh_rule import RefreshRule
from weather.core import answers
from weather.core.answers import Answer, Question
from weather.core.datasets import Dataset
from weather.core.runs.model_run import UNKNOWN
from weather.core.series import Series
from weather.fetching.admission import ColdAdmission
from weather.fetching.fetch_queue import FetchQueue
from weather.fetching.known_cells import KnownCells
from weather.fetching.opening import Opening
from weather.fetching.round import Round
from weather.fetching.store import Store, memory_of_records
from weather.fetching.worker import Workers
from weather.runs.local_hours import LocalHours
from weather.upstream.client import OpenMeteo
from weathernote import redis
from weathernote.redis import RedisClock
from weathernote.redis.outages.memory import Memory

#: All that a request may take, from its arrival to the last moment at which Open-Meteo may still answer.
DEADLINE_SECONDS = 6.0
#: A batch is parsed while hits are served: more cells in a call would show in their latency, and save little.
BATCH_CELLS = 100
#: A record that was fetched within these seconds is not asked for again.
FRESH_SECONDS = 600
#: What a region without REGION is called where regions are counted.
UNNAMED_REGION = "unnamed"
#: What people ask for now: with it 1,000 of 8,000 cells had three requests of four, where the day's had two.
RECENT_HALF_LIFE_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Shared:
    """What a process has once for all datasets: one budget, one price, one bound of waiting requests."""

    budget: Budget
    allowance: Allowance
    popularity: Mapping[Dataset, Popularity]
    price: Price
    #: Taken by each request that waits for Open-Meteo: some threads are always left to those who need not wait.
    waiting: threading.BoundedSemaphore
    #: Held during a call without Redis, when no lease keeps the calls of this process apart.
    calling_alone: threading.Lock
    #: Of the datasets whose models are known.
    runs: Mapping[Dataset, RunParts] = field(default_factory=dict)
    #: What the process remembers for the time without Redis: bounded for all datasets together.
    answers: Memory[Answer] = field(default_factory=memory_of_answers)
    records: Memory[bytes] = field(default_factory=memory_of_records)

    @classmethod
    def from_settings(cls, datasets: Sequence[Dataset]) -> Self:
        """The parts that the settings ask for, for these datasets with their extra variables."""
        clock = RedisClock()
        budget = Budget(
            minute=settings.UPSTREAM_MINUTE_BUDGET,
            hour=settings.UPSTREAM_HOUR_BUDGET,
            day=settings.UPSTREAM_DAY_BUDGET,
            fleet_processes=settings.FLEET_PROCESSES,
            region=settings.REGION or ("" if redis.is_one_server() else UNNAMED_REGION),
            clock=clock,
        )
        hours = {dataset: LocalHours(clock=clock) for dataset in datasets if dataset.areas}
        popularity = {dataset: _popularity(dataset, clock, hours.get(dataset)) for dataset in datasets}
        runs = {dataset: RunParts.of(dataset, popularity[dataset], counted) for dataset, counted in hours.items()}
        allowance = Allowance(
            budget,
            cells_per_client=settings.COLD_CELLS_PER_CLIENT_PER_HOUR,
            share_per_address=settings.COLD_SHARE_PER_ADDRESS,
            # It counts cells of all datasets together, so each counts as one of the heaviest.
            weight_of_a_cell=max(dataset.weight_of_a_cell for dataset in datasets),
            clock=clock,
        )
        waiting = threading.BoundedSemaphore(max(1, settings.THREADS - max(4, settings.THREADS // 8)))
        price = Price(
            popularity,
            budget.refresh_weight_per_second,
            {dataset: one.census for dataset, one in runs.items()},
            budget.refresh_weight_of_the_day,
        )
        return cls(budget, allowance, popularity, price, waiting, threading.Lock(), runs)


def _popularity(dataset: Dataset, clock: RedisClock, hours: LocalHours | None) -> Popularity:
    recent = None
    if dataset.recent_popularity_key:
        recent = Popularity(dataset.recent_popularity_key, half_life_seconds=RECENT_HALF_LIFE_SECONDS, clock=clock)
    return Popularity(dataset.popularity_key, recent=recent, hours=hours, clock=clock)


@dataclass(slots=True)
class Parts:
    """All that a process answers questions about one dataset with; `dataset` has its extra variables."""

    dataset: Dataset
    budget: Budget
    price: Price
    rule: RefreshRule
    popularity: Popularity
    cache: AnswerCache
    store: Store
    queue: FetchQueue
    round: Round
    workers: Workers
    admission: ColdAdmission
    runs: RunParts | None = None
    now: Callable[[], float] = time

    @classmethod
    def of(cls, dataset: Dataset, shared: Shared) -> Self:
        """The parts for a dataset with its extra variables."""
        budget, weight_of_a_cell = shared.budget, dataset.weight_of_a_cell
        store = Store(dataset, settings.HOLD_SECONDS, shared.records)
        popularity, runs = shared.popularity[dataset], shared.runs.get(dataset)
        rule = RefreshRule(dataset, shared.price, runs.known if runs else None)
        queue = FetchQueue(
            dataset.queue_key,
            settings.UPSTREAM_CONCURRENCY,
            BATCH_CELLS,
            settings.UPSTREAM_TIMEOUT_SECONDS,
            refreshes_late=dataset.refreshes_late,
        )
        payments = Payments(budget, weight_of_a_cell, dataset.name)
        round_ = Round(
            open_meteo(dataset),
            store,
            payments,
            budget,
            queue,
            KnownCells(store, is_due=rule.is_due, rate_of=popularity.request_rate),
            Opening(queue, store, payments),
            weight_of_a_cell=weight_of_a_cell,
            fresh_seconds=FRESH_SECONDS,
            spender_of=rule.spender,
            evidence=runs.known.evidence if runs else None,
        )
        workers = Workers(round_, queue, budget, wait_seconds=DEADLINE_SECONDS, calling_alone=shared.calling_alone)
        admission = ColdAdmission(
            workers,
            budget,
            shared.allowance,
            dataset=dataset.name,
            weight_of_a_cell=weight_of_a_cell,
            wait_seconds=DEADLINE_SECONDS,
            waiting=shared.waiting,
        )
        cache = AnswerCache(dataset, shared.answers)
        return cls(
            dataset, budget, shared.price, rule, popularity, cache, store, queue, round_, workers, admission, runs
        )

    def life_seconds(self, question: Question) -> int:
        """How long the finished answer to a question lives."""
        seconds: int = getattr(settings, question.kind.life_setting)
        return seconds

    def derive(self, question: Question, series: Series, now: float, *, stale: bool) -> Answer:
        """The answer derived from the series for the minute of `now` (unix seconds); it says its model and run."""
        model_run = self.runs.known.model_run(question.cell, series.fetched_at) if self.runs else UNKNOWN
        return answers.derive(question, series, now, self.life_seconds(question), stale=stale, model_run=model_run)


def open_meteo(dataset: Dataset) -> OpenMeteo:
    """A client of Open-Meteo for a dataset, by the settings."""
    return OpenMeteo(
        getattr(settings, dataset.url_setting),
        dataset,
        api_key=settings.OPEN_METEO_API_KEY,
        timeout_seconds=settings.UPSTREAM_TIMEOUT_SECONDS,
        source=settings.SOURCE,
        answer_format=settings.OPEN_METEO_FORMAT,
    )
