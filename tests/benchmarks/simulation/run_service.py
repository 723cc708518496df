"""A simulated service whose cells follow the runs of their models: its own rule, price, plan and budget decide."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tests.benchmarks.simulation.counts import ArrayCounted, Clock
from tests.benchmarks.simulation.demand_arrays import ArrayDemand
from tests.benchmarks.simulation.rules import square_root_rule
from tests.benchmarks.simulation.run_arrays import RunStates, lacking, levels, next_expected, weighted_seconds
from tests.benchmarks.simulation.runs import NoEvidence, Schedules, SimulatedTable
from tests.benchmarks.simulation.service import SimulatedService
from tests.benchmarks.simulation.users import DAY, FORECAST, KINDS, WEATHER, Array, Whole, World
from tests.support.clocks import ClockOf
from weather.budget.budget import Budget
from weather.budget.popularity import ASKED_TWICE
from weather.budget.popularity import STEPS_IN_AN_OCTAVE as RATE_STEPS
from weather.budget.price import Price
from weather.core import datasets
from weather.core.freshness.refresh_interval import Rates
from weather.core.runs.demand import STEPS_IN_AN_OCTAVE, Kind, RunDemand
from weather.core.runs.run_times import RunTimes
from weather.runs.known import KnownRuns
from weather.runs.local_hours import LocalHours
from weather.runs.refreshed_runs import DAY_BEGINS_SECONDS

#: A plan that is older is made anew.
PLAN_SECONDS = 600


class RunAwareService(SimulatedService):
    """The service with run times, or without any; `learns` is whether it has the shape of the week from past days."""

    def __init__(
        self,
        world: World,
        name: str,
        budget: Budget,
        counted: ArrayCounted,
        schedules: Schedules,
        clock: Clock,
        *,
        learns: bool = True,
        is_known: bool = True,
    ) -> None:
        hours = counted.hours if learns else LocalHours(f"hours:flat:{name}", clock=ClockOf(clock))
        table: Any = SimulatedTable(schedules, clock, is_known=is_known)
        evidence: Any = NoEvidence()
        self.known = KnownRuns(schedules.areas, table, hours, evidence, counted.popularity.counted_seconds)
        census: Any = self
        popularity: Any = counted.popularity
        self.price = Price(
            {datasets.WEATHER: popularity},
            budget.refresh_weight_per_second,
            {datasets.WEATHER: census},
            budget.refresh_weight_of_the_day,
            now=clock,
        )
        by_age = square_root_rule(counted.rates, lambda: self.price.value)
        super().__init__(world, by_age, budget, schedules=schedules)
        self.runs_of = schedules
        self.models = list(schedules.of_model.values())
        self.counted = counted
        self._is_by_runs = np.zeros(len(self.models), dtype=bool)
        self._gone_through: dict[str, tuple[int, int]] = {}
        self._runs: dict[str, tuple[int, int]] = {}
        self._planned = np.zeros(0, dtype=np.int64)
        self._planned_at = 0.0

    def states(self, cell: Whole, rate: Array, now: Array) -> RunStates:
        """The records of cells beside the runs of their models, each at a time of its own."""
        age = now - self.held[cell]
        some = RunStates(np.zeros(len(cell)), np.zeros(len(cell)), age, np.ones(len(cell)), np.zeros(len(cell)))
        until = now.copy()
        for at, times in self._believed(float(now[0]) if len(now) else 0.0).items():
            its = self.runs_of.number[cell] == at
            held = self.held[cell[its]]
            some.missing[its], some.missed_seconds[its] = lacking(times, held, now[its])
            some.interval_seconds[its] = times.interval_seconds
            until[its] = next_expected(times, now[its])
        offset, shape = self.counted.offset[cell], self.known.hours.shape
        level = self.levels(rate, offset, now)
        return replace(some, expected_requests=level * weighted_seconds(shape, offset, now, until))

    def levels(self, rate: Array, offset: Whole, now: Array) -> Array:
        counted_seconds = self.counted.popularity.counted_seconds(float(now[0])) if len(now) else 0.0
        return levels(self.known.hours.shape, rate, offset, now, counted_seconds)

    def _believed(self, now: float) -> Mapping[int, RunTimes]:
        """The number of each model that is judged by runs, and these."""
        believed = self.known.believed(now)
        return {at: believed[one.model.name] for at, one in enumerate(self.models) if one.model.name in believed}

    def _due(self, time: Array, cell: Whole, age: Array) -> tuple[Any, Any]:
        due, waits = super()._due(time, cell, age)
        believed = list(self._believed(float(time[0])))
        by_runs = np.isin(self.runs_of.number[cell], believed)
        held = np.flatnonzero(by_runs & np.isfinite(age))
        some = self.states(cell[held], self.counted.rates[cell[held]], time[held])
        due[held], waits[held] = some.is_due(self.price.value, is_asked=True), some.should_wait
        self._is_by_runs = np.isin(np.arange(len(self.models)), believed)
        return due, waits

    def _spenders(self, cell: Whole, age: Array) -> Any:
        return np.where(self._is_by_runs[self.runs_of.number[cell]], "run_refresh", "refresh")

    # ── the census that the price comes from ──────────────────────────────────────────────────────

    def follows_any(self, now: float) -> bool:
        return bool(self.known.believed(now))

    def demand(self, now: float, until: float) -> tuple[RunDemand, Rates]:
        """What `RunCensus.demand` says."""
        rates, believed = self.counted.popularity.rates(), self._believed(now)
        asked = np.flatnonzero(rates >= ASKED_TWICE * self.counted.popularity.rate_of_one)
        by_runs = np.isin(self.runs_of.number[asked], list(believed))
        others = Counter(np.rint(RATE_STEPS * np.log2(rates[asked[~by_runs]])).astype(int).tolist())
        cell = asked[by_runs]
        cell = cell[np.isfinite(self.held[cell])]
        at = np.full(len(cell), now)
        missing = self.states(cell, rates[cell], at).missing
        step = np.rint(STEPS_IN_AN_OCTAVE * np.log2(self.levels(rates[cell], self.counted.offset[cell], at)))
        kinds = np.stack([self.runs_of.number[cell], self.counted.offset[cell], step, missing]).astype(int)
        alike, number = np.unique(kinds, axis=1, return_counts=True)
        times = {self.models[at].model.name: one for at, one in believed.items()}
        demand = ArrayDemand([], times, self.known.hours.shape, now, until)
        for (model, offset, steps, lacked), cells in zip(alike.T.tolist(), number.tolist(), strict=True):
            demand.kinds[Kind(self.models[model].model, offset, steps, lacked)] = cells
        return demand, [(2 ** (rate_step / RATE_STEPS), cells) for rate_step, cells in others.items()]

    # ── ahead of requests ─────────────────────────────────────────────────────────────────────────

    def refresh_ahead(self, now: float) -> None:
        """What the refresher does in a minute: the cells that are worth most, as far as the minute's budget goes."""
        news = self._news(now)
        if not news or not self.price.is_known:
            return
        if self._runs != news or now - self._planned_at > PLAN_SECONDS:
            self._planned, self._runs, self._planned_at = self.worth_a_refresh(list(news), now), news, now
        # What was fetched since the plan was made has the run.
        self._planned = self._planned[self.held[self._planned] < self._planned_at]
        granted = self._charge(len(self._planned), "run_refresh", now) if len(self._planned) else 0
        for cell in self._planned[:granted].tolist():
            self._fetched(cell, now)
            self._finished(cell, now)
        self._planned = self._planned[granted:]
        if not len(self._planned):
            self._gone_through |= news

    def _news(self, now: float) -> dict[str, tuple[int, int]]:
        """Model → its newest run and the day whose price it is gone through by, as weather/runs/refreshed_runs.py."""
        day = int(now - DAY_BEGINS_SECONDS) // DAY
        runs = {model: run for model, times in self.known.trusted(now).items() if (run := times.run_of(now))}
        newest = {model: (run.initialised, day) for model, run in runs.items()}
        return {model: one for model, one in newest.items() if self._gone_through.get(model) != one}

    def worth_a_refresh(self, models: list[str], now: float) -> Whole:
        """The cells of these models that prewarm/runs/plan.py would have refreshed, in its order."""
        rates = self.counted.popularity.rates()
        numbers = [at for at, one in enumerate(self.models) if one.model.name in models]
        asked = rates >= ASKED_TWICE * self.counted.popularity.rate_of_one
        cell = np.flatnonzero(asked & np.isin(self.runs_of.number, numbers) & (now - self.held < self.hold_seconds))
        some = self.states(cell, rates[cell], np.full(len(cell), now))
        due = np.flatnonzero(some.is_due(self.price.value, is_asked=False))
        return cell[due[np.argsort(-some.worth[due], kind="stable")]]

    def _finished(self, cell: int, now: float) -> None:
        """A refresh ahead of requests writes the two usual answers of the cell too."""
        midnight = now + DAY - math.fmod(now + self.world.cell_offset[cell], DAY)
        for kind in (WEATHER, FORECAST):
            key = cell * KINDS + kind
            self.answer[key], self.is_stale[key] = now, False
            ends = now + self.life[kind]
            self.ends[key] = ends if kind == WEATHER else min(ends, midnight)
