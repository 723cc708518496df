"""A simulated service whose cells follow the runs of their models: its own rule, price, plan and budget decide."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from prewarm.runs import plan
from prewarm.runs.plan import Candidate
from tests.benchmarks.simulated_counts import Clock, Counted
from tests.benchmarks.simulated_runs import NoEvidence, Schedules, SimulatedTable
from tests.benchmarks.simulated_seen import HOLD_SECONDS
from tests.benchmarks.simulated_service import SimulatedService
from tests.benchmarks.simulated_users import DAY, FORECAST, KINDS, WEATHER, Array, Whole, World
from tests.support.clocks import ClockOf
from weather.budget.budget import Budget
from weather.budget.price import Price
from weather.budget.refresh_rule import RefreshRule
from weather.budget.run_census import RunCensus
from weather.core import datasets
from weather.core.freshness import LONGEST_SECONDS
from weather.runs.held_times import HeldTimes
from weather.runs.known import KnownRuns
from weather.runs.local_hours import LocalHours
from weathernote import redis

#: A plan that is older is made anew.
PLAN_SECONDS = 600


class RunAwareService(SimulatedService):
    """The service with run times, or without any; `learns` is whether it has the shape of the week from past days."""

    def __init__(
        self,
        world: World,
        name: str,
        budget: Budget,
        counted: Counted,
        schedules: Schedules,
        clock: Clock,
        *,
        learns: bool = True,
        is_known: bool = True,
    ) -> None:
        super().__init__(world, lambda cell: np.zeros(len(cell)), budget, schedules=schedules)
        self.runs_of = schedules
        self.counted = counted
        self.clock = clock
        hours = counted.hours if learns else LocalHours(f"hours:flat:{name}", clock=ClockOf(clock))
        table: Any = SimulatedTable(schedules, clock, is_known=is_known)
        evidence: Any = NoEvidence()
        self.known = KnownRuns(schedules.areas, table, hours, evidence, counted.popularity.counted_seconds)
        self.held_times = HeldTimes(name, HOLD_SECONDS, ClockOf(clock))
        self.census = RunCensus(self.known, counted.popularity, self.held_times)
        self.price = Price(
            {datasets.WEATHER: counted.popularity},
            budget.refresh_weight_per_second,
            {datasets.WEATHER: self.census},
            budget.refresh_weight_of_the_day,
            now=clock,
        )
        self.rule_of_runs = RefreshRule(datasets.WEATHER, self.price, self.known)
        self._unnoted: dict[int, int] = {}
        self._gone_through: dict[str, int] = {}
        self._runs: dict[str, int] = {}
        self._planned: list[int] = []
        self._planned_at = 0.0

    def _due(self, time: Array, cell: Whole, age: Array) -> tuple[Any, Any]:
        due, waits = np.zeros(len(cell), dtype=bool), np.zeros(len(cell), dtype=bool)
        trusted = self.known.trusted(float(time[0]))
        is_trusted = np.array([name in trusted for name in self.runs_of.of_model])[self.runs_of.number[cell]]
        # The rule says the same, but takes longer: what lacks no run is new enough.
        is_new = is_trusted & (age < LONGEST_SECONDS) & (self.runs_of.missed_seconds(cell, time, time - age) == 0)
        for at in np.flatnonzero(np.isfinite(age) & ~is_new):
            place, held = self.world.cells[cell[at]], float(self.held[cell[at]])
            standing = self.rule_of_runs.standing(place, held, float(self.counted.rates[cell[at]]), float(time[at]))
            due[at], waits[at] = standing.is_due, standing.should_wait
        self.refresh_spender = "run_refresh" if self.price.follows_runs() else "refresh"
        return due, waits

    def _fetched(self, cell: int, time: float) -> None:
        super()._fetched(cell, time)
        self._unnoted[cell] = int(time)

    def note_fetches(self) -> None:
        """What is done when a record is held: its cell and time are noted."""
        cells = list(self._unnoted)
        for part in (cells[begin : begin + 1_000] for begin in range(0, len(cells), 1_000)):
            redis.execute(self.held_times.noting({self.world.cells[at]: self._unnoted[at] for at in part}))
        self._unnoted = {}

    # ── ahead of requests ─────────────────────────────────────────────────────────────────────────

    def refresh_ahead(self, now: float) -> None:
        """What the refresher does in a minute: the cells that are worth most, as far as the minute's budget goes."""
        trusted = self.known.trusted(now)
        newest = {model: run.initialised for model, times in trusted.items() if (run := times.run_of(now))}
        news = {model: run for model, run in newest.items() if self._gone_through.get(model) != run}
        if not news:
            return
        if self._runs != news or now - self._planned_at > PLAN_SECONDS:
            due = plan.plan(self._candidates(news), price=self.price.value, seconds_to_next_run=0).refresh
            self._planned = [self.counted.index[candidate.cell] for candidate in due]
            self._runs, self._planned_at = news, now
        granted = self._charge(len(self._planned), "run_refresh", now) if self._planned else 0
        for cell in self._planned[:granted]:
            self._fetched(cell, now)
            self._finished(cell, now)
        del self._planned[:granted]
        if not self._planned:
            self._gone_through |= news

    def _candidates(self, news: dict[str, int]) -> Iterator[Candidate]:
        for cell, rate, fetched_at in self.census.cells():
            if self.known.model_of(cell).name in news and fetched_at is not None:
                now = self.clock.now
                by_runs = self.rule_of_runs.by_runs(cell, fetched_at, rate, now)
                if by_runs and by_runs.age_seconds < LONGEST_SECONDS:
                    yield Candidate(cell, {}, now - fetched_at, rate, by_runs=by_runs)

    def _finished(self, cell: int, now: float) -> None:
        """A refresh ahead of requests writes the two usual answers of the cell too."""
        midnight = now + DAY - (now + self.world.cell_offset[cell]) % DAY
        for kind in (WEATHER, FORECAST):
            key = cell * KINDS + kind
            self.answer[key], self.is_stale[key] = now, False
            ends = now + self.life[kind]
            self.ends[key] = ends if kind == WEATHER else min(ends, midnight)
