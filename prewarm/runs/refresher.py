"""Refreshes cells when their model has a new run: ahead of requests, those worth most first, staff's cities before all.

Each serving process has a refresher, and one of the fleet acts at a time: the one that holds prewarm's lock. A run of
prewarm takes the lock over, since it does the same by the same code.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from time import time

from prewarm.cities.views import cities_cache
from prewarm.runs import lock, plan
from prewarm.runs.plan import CITY_RATE, Batch, Candidate
from prewarm.runs.survey import by_runs
from prewarm.runs.work import Work
from weather.api.service import Service
from weather.budget.day_line import COLD_RESERVE
from weather.budget.run_census import CountedCell
from weather.core.cells import Cell
from weather.core.runs.run_times import RunTimes
from weather.runs.known import KnownRuns
from weather.runs.probes import Probes
from weather.runs.refreshed_runs import RefreshedRuns
from weathernote import redis
from weathernote.http.problems import Problem
from weathernote.redis import RedisDown

log = logging.getLogger(__name__)

STEP_SECONDS = 10
#: Cells in one call: a larger answer would be parsed while hits wait.
BATCH_CELLS = 20
#: A step ends after these seconds, so that a run of prewarm waits no longer.
MOST_SECONDS = 20
#: A plan that is older is made anew: the price and the requests are others by then.
PLAN_SECONDS = 600
#: Between two looks at what is worth a probe, each of which reads all cells.
PROBES_SECONDS = 600
MOST_PROBES = 10


class Refresher:
    """The refresher of one process, for a service whose dataset has models; `cities` gives staff's cities by name."""

    def __init__(
        self, service: Service, known: KnownRuns, cities: Callable[[], dict[Cell, str]], now: Callable[[], float] = time
    ) -> None:
        self.service = service
        self.known = known
        self.cities = cities
        self.now = now
        self.refreshed = RefreshedRuns()
        self.probes = Probes(
            known.evidence, service.budget.budgets["day"], weight_of_a_cell=service.dataset.weight_of_a_cell
        )
        self._planned: list[Batch] = []
        self._planned_at = 0.0
        self._runs: dict[str, int] = {}
        self._looked_at = 0.0

    def step(self) -> None:
        """Goes on with the plan for the newest runs, if there are any that were not gone through, for MOST_SECONDS."""
        try:
            news = self.refreshed.news(self.known.trusted(self.now()), self.now())
            if not news and self.now() - self._looked_at < PROBES_SECONDS:
                return
            with lock.held(name=lock.REFRESHER) as held:
                if held is not None:
                    self._go_on(news, held)
        except RedisDown:
            self._planned = []

    def _go_on(self, news: dict[str, int], held: lock.Lock) -> None:
        if not self._planned or self._runs != news or self.now() - self._planned_at > PLAN_SECONDS:
            self._plan(news)
        began = self.now()

        def stop_reason() -> str:
            if held.is_lost:
                return "the lock is another's"
            return "another step goes on" if self.now() - began > MOST_SECONDS else ""

        weight_per_second = self.service.budget.budgets["minute"] * (1 - COLD_RESERVE) / 60
        work = Work(self.service, pause_seconds=self.service.round.weight_of_a_cell / weight_per_second, stop_reason=stop_reason)
        while self._planned and not work.check_stop():
            # What was fetched since the plan was made has the run.
            work.fresh_seconds = int(self.now() - self._planned_at)
            work.refresh(self._planned[:1], lambda done: None)
            if work.was_refused:
                return
            del self._planned[:1]
        if not self._planned and news:
            self.refreshed.note(news)

    def _plan(self, news: dict[str, int]) -> None:
        """Plans the refresh of the cells of models with news, and now and then of a few others as probes."""
        now = self.now()
        named = self.cities()
        candidates = list(self._candidates(news, named)) if news else []
        due = plan.plan(candidates, price=self.service.price.value, seconds_to_next_run=0).refresh
        if now - self._looked_at >= PROBES_SECONDS:
            self._looked_at = now
            due += self._probes(now)
        slot_of = self.service.queue.slot_of
        self._planned = list(plan.batches(due, BATCH_CELLS, slot_of, force=False))
        self._planned_at, self._runs = now, news

    def _candidates(self, news: Collection[str], named: dict[Cell, str]) -> Iterator[Candidate]:
        seen: set[Cell] = set()
        for counted in self._counted():
            seen.add(counted.cell)
            if candidate := self._candidate(counted, news, named):
                yield candidate
        quiet = [cell for cell in named if cell not in seen]
        for part in range(0, len(quiet), 500):
            cells = quiet[part : part + 500]
            fetched_at = redis.fetch_one(self.service.census.held.fetched_at(cells))
            for cell in cells:
                if candidate := self._candidate(CountedCell(cell, CITY_RATE, fetched_at.get(cell)), news, named):
                    yield candidate
