"""Refreshes cells when their model has a new run: ahead of requests, those worth most first, staff's cities before all.

Each serving process has a refresher, and one of the fleet acts: the one that has the lease, so that one plans, which
reads thousands of cells. It works under prewarm's lock, which a run of prewarm takes over, since it does the same by
the same code.
"""

import functools
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from prewarm.cities.views import cities_cache
from prewarm.runs import lock, plan, run_candidates
from prewarm.runs.lock import Lock
from prewarm.runs.plan import Batch, Candidate
from prewarm.runs.work import Work
from weather.api.run_parts import RunParts
from weather.api.service import Service, service
from weather.budget.day_line import COLD_RESERVE
from weather.core.cells import Cell
from weather.core.windows import WINDOW_SECONDS
from weather.runs import refreshed_runs
from weather.runs.probes import Probes
from weathernote import redis
from weathernote.http.problems import Problem
from weathernote.redis import RedisDown, owned_key, without_redis

LEASE_KEY = "runs:refresher"
#: A step and the pause after it end well before.
LEASE_SECONDS = 60
STEP_SECONDS = 10
#: A step ends after these seconds, and the next one goes on.
MOST_SECONDS = 20
#: Cells in one call: a larger answer would be parsed while hits wait.
BATCH_CELLS = 20
#: A plan that is older is made anew: the price and the requests are others by then.
PLAN_SECONDS = 600
#: Between two looks at what is worth a probe, each of which reads all cells.
PROBES_SECONDS = 600
MOST_PROBES = 10

#: Cell → the name of staff's city in it.
Cities = Mapping[Cell, str]


class Refresher:
    """The refresher of one process, for a service with model runs. `cities` gives staff's cities."""

    def __init__(self, service: Service, runs: RunParts, cities: Callable[[], Cities]) -> None:
        self.service = service
        self.runs = runs
        self.cities = cities
        self.probes = Probes(
            runs.known.evidence, service.budget.budgets["day"], weight_of_a_cell=service.dataset.weight_of_a_cell
        )
        self._batches: list[Batch] = []
        self._runs: dict[str, int] = {}
        self._planned_at = 0.0
        self._probed_at = 0.0
        self._name = secrets.token_hex(8)

    def step(self) -> None:
        """Goes on with the refreshes for the runs that the fleet has not gone through, for MOST_SECONDS at most."""
        now = self.service.now()
        try:
            trusted = self.runs.known.trusted(now)
            # Until the price is known nothing is too dear, and the day's budget would go to whatever lacks a run.
            if not trusted or not self.service.price.is_known:
                return
            if not self._takes_the_lease():
                return
            news = refreshed_runs.news(trusted, now)
            if not news and 0 <= now - self._probed_at < PROBES_SECONDS:
                return
            with lock.held(name=lock.REFRESHER) as held:
                if held is not None:
                    self._refresh(news, held)
        except RedisDown:
            self._batches = []

    @without_redis(returns=None)
    def release(self) -> None:
        """Lets another process act at once, as this one ends."""
        redis.execute(owned_key.releasing(LEASE_KEY, self._token))

    def _takes_the_lease(self) -> bool:
        (is_ours,) = redis.execute(owned_key.taking(LEASE_KEY, self._token, LEASE_SECONDS * 1000))
        return bool(is_ours)

    @property
    def _token(self) -> str:
        return f"{self._name}:{os.getpid()}"  # a forked child has the same name

    def _refresh(self, news: dict[str, int], held: Lock) -> None:
        if not self._batches or self._runs != news or not 0 <= self.service.now() - self._planned_at <= PLAN_SECONDS:
            self._plan(news)
        work = Work(self.service, pause_seconds=self._pause_seconds(), stop_reason=self._stop_reason(held))
        while self._batches and not work.check_stop():
            # What was fetched since the plan was made has the run.
            work.fresh_seconds = int(self.service.now() - self._planned_at)
            # Out of the list first: one that raises an error must not come up again and again.
            batch = self._next_batch()
            done: list[int] = []
            work.refresh([batch], done.append)
            if sum(done) < len({candidate.cell for candidate in batch.candidates}):
                self._batches.insert(0, batch)  # the budget refused it, or the step ended
                return
        if not self._batches:
            refreshed_runs.note(news, self._planned_at)

    def _next_batch(self) -> Batch:
        """Takes the next batch out of the list: of it one cell only while calls fail, as one that fails is given up."""
        batch = self._batches.pop(0)
        first, *others = batch.candidates
        if others and self.service.budget.is_failing():
            self._batches.insert(0, replace(batch, candidates=others))
            return replace(batch, candidates=[first])
        return batch

    def _plan(self, news: dict[str, int]) -> None:
        now = self.service.now()
        due: list[Candidate] = []
        if news:
            candidates = run_candidates.of_models(self.service, self.runs, news, self.cities())
            following = [one for one in candidates if one.by_runs is not None]
            due = plan.plan(following, price=self.service.price.value, seconds_to_next_run=0).refresh
        if not 0 <= now - self._probed_at < PROBES_SECONDS:
            self._probed_at = now
            due += run_candidates.worth_a_probe(self.service, self.runs, self.probes, MOST_PROBES)
        self._batches = list(plan.batches(due, BATCH_CELLS, force=False))
        self._planned_at, self._runs = now, news

    def _pause_seconds(self) -> float:
        """The pause after a call for each of its cells: so refreshes come to their part of the minute's budget."""
        of_a_minute = self.service.budget.budgets["minute"] * (1 - COLD_RESERVE) / self.service.round.weight_of_a_cell
        return WINDOW_SECONDS["minute"] / of_a_minute

    def _stop_reason(self, held: Lock) -> Callable[[], str]:
        ends = self.service.now() + MOST_SECONDS

        def reason() -> str:
            if held.is_lost:
                return "the lock is another's"
            return "the next step goes on" if self.service.now() >= ends else ""

        return reason


@functools.cache
def refresher() -> Refresher | None:
    """This process's refresher; None where the models of weather are not known."""
    own = service()
    return Refresher(own, own.runs, staffs_cities) if own.runs else None


def step() -> None:
    """A step of this process's refresher, if it has one."""
    if one := refresher():
        one.step()


def release() -> None:
    """Ends the part of this process's refresher, if it has one."""
    if one := refresher():
        one.release()


def staffs_cities() -> Cities:
    """The active cities in staff's order, as this process or Redis remembers them; none where they cannot be read."""
    cache = cities_cache()
    try:
        listing = cache.answer(redis.fetch_one(cache.lookup())).listing
    except Problem:
        return {}
    cities = json.loads(listing.text)["cities"]
    return {Cell.parse(f"{one['latitude']:.5f}", f"{one['longitude']:.5f}"): one["name"] for one in cities}
