"""The service on a virtual clock: its own rules, budget and popularity decide; answers have no content, only times.

Many services live through the same day side by side. What happens most, an answer found under its key, is counted by
numpy; wherever an answer has ended, the project's own code says what is due, what it may cost and how long it lives.
"""

from collections import Counter
from typing import Any

import numpy as np

from tests import settings
from tests.benchmarks.simulation.rules import Rule
from tests.benchmarks.simulation.runs import Schedules
from tests.benchmarks.simulation.seen import HOLD_SECONDS, Seen
from tests.benchmarks.simulation.users import DAY, FORECAST, KINDS, UNUSUAL, WEATHER, Array, Whole, World
from weather.budget.budget import Budget, Denied
from weather.budget.quota import SPENDERS, Spender
from weather.core import datasets
from weather.core.answers import STALE_LIFE_SECONDS
from weather.core.datasets import UNUSUAL_LIFE_SECONDS, Dataset
from weather.core.freshness import refresh_interval

LIFE_SECONDS = {
    WEATHER: settings.WEATHER_TTL_SECONDS,
    FORECAST: settings.FORECAST_TTL_SECONDS,
    UNUSUAL: UNUSUAL_LIFE_SECONDS,
}
AIR_LIFE_SECONDS = dict.fromkeys(range(KINDS), settings.AIR_QUALITY_TTL_SECONDS)
#: Length of a window in seconds → number of the window → the weight spent in it.
Spent = dict[int, Counter[int]]


class SimulatedService:
    """One service and its edge, if it has one. Before each step `rule` says how old each cell may grow.

    It answers about one dataset, whose cells weigh 1 each. One that answers about another shares its budget and what is
    `spent` of it.
    """

    def __init__(
        self,
        world: World,
        rule: Rule,
        budget: Budget | None,
        *,
        dataset: Dataset = datasets.WEATHER,
        edge: bool = False,
        spent: Spent | None = None,
        schedules: Schedules | None = None,
    ) -> None:
        self.world = world
        self.rule = rule
        self.hold_seconds = HOLD_SECONDS
        self.schedules = schedules
        self.budget = budget
        self.refresh_spender: Spender = "late_refresh" if dataset.refreshes_late else "refresh"
        life_seconds = LIFE_SECONDS if dataset is datasets.WEATHER else AIR_LIFE_SECONDS
        self.life = np.array([life_seconds[kind] for kind in range(KINDS)], dtype=float)
        if edge:  # it goes by the answer's own end, which is no nearer for unusual days
            self.life[UNUSUAL] = settings.FORECAST_TTL_SECONDS
        cells = len(world.cells)
        self.held = np.full(cells, -np.inf)  # when the cell was fetched
        self.ends = np.full(cells * KINDS, -np.inf)  # when the finished answer ends
        self.answer = np.full(cells * KINDS, np.nan)  # when what it is made of was fetched; nan: refused
        self.is_stale = np.zeros(cells * KINDS, dtype=bool)  # whether what it is made of was due
        self.is_denied = np.zeros(cells, dtype=bool)  # a refresh is wanted that had no budget
        self.no_refresh_before: dict[Spender, float] = dict.fromkeys(SPENDERS, 0.0)
        self.seen = Seen()
        self.spent = spent or {60: Counter(), 3600: Counter(), DAY: Counter()}

    def step(self, time: Array, cell: Whole, kind: Whole, until: float) -> Whole:
        """Lives through a minute's requests; gives the cells of those for which no answer was found."""
        self.seen.requests += len(time)
        key = cell * KINDS + kind
        waiting = np.arange(len(time))
        asked: list[Whole] = []
        while True:
            live = time[waiting] < self.ends[key[waiting]]
            found = key[waiting[live]]
            self.seen.stale += int(np.count_nonzero(self.is_stale[found]))
            self._found(time[waiting[live]], found)
            waiting = waiting[~live]
            if not len(waiting):
                return np.concatenate(asked) if asked else np.zeros(0, dtype=np.int64)
            _, first = np.unique(key[waiting], return_index=True)
            first.sort()
            events = waiting[first]
            asked.append(cell[events])
            self._ended(time[events], cell[events], kind[events], until)
            waiting = np.delete(waiting, first)

    def _found(self, time: Array, key: Whole) -> None:
        is_there = ~np.isnan(self.answer[key])
        self.seen.refused += int(np.count_nonzero(~is_there))
        self.seen.found += int(np.count_nonzero(is_there))
        self._aged(time[is_there], key[is_there] // KINDS, self.answer[key[is_there]])

    def _aged(self, time: Array, cell: Whole, fetched_at: Array) -> None:
        self.seen.aged(time - fetched_at)
        if self.schedules:
            missed = self.schedules.missed_seconds(cell, time, fetched_at)
            self.seen.missed_for(missed, time + self.world.cell_offset[cell])

    def _ended(self, time: Array, cell: Whole, kind: Whole, until: float) -> None:
        """The first request for each answer after its end, in the order of their times."""
        fetched_at = self.held[cell]
        age = time - fetched_at
        cold = age >= HOLD_SECONDS
        due, waits = self._due(time, cell, age)
        due &= ~cold
        refused = np.zeros(len(time), dtype=bool)
        called = np.zeros(len(time), dtype=bool)
        wall = False
        for at in np.flatnonzero(cold):
            if time[at] - self.held[cell[at]] < HOLD_SECONDS:  # just fetched, for another kind of answer
                continue
            wall = wall or not self._charge(1, "cold", time[at])
            if wall:
                refused[at] = True
            else:
                self.seen.expired += int(np.isfinite(self.held[cell[at]]))
                self.seen.starved += int(self.is_denied[cell[at]])
                self._fetched(cell[at], time[at])
                called[at] = True
        if due.any():
            self._refresh(time, cell, age, waits, np.flatnonzero(due), called)
            due &= ~((self.held[cell] > fetched_at) & (self.held[cell] < time))  # refreshed by another kind just before
        stale = due & ~called  # who does not wait sees what was held before
        made_of = np.where((self.held[cell] <= time) & ~stale, self.held[cell], fetched_at)
        self.seen.called += int(called.sum())
        self.seen.refused += int(refused.sum())
        self.seen.stale += int(stale.sum())
        self._aged(time[~refused], cell[~refused], made_of[~refused])
        life = np.where(stale, np.minimum(self.life[kind], STALE_LIFE_SECONDS), self.life[kind])
        midnight = time + DAY - (time + self.world.cell_offset[cell]) % DAY
        ends = np.where(kind == WEATHER, time + life, np.minimum(time + life, midnight))
        key = cell * KINDS + kind
        self.answer[key] = np.where(refused, np.nan, made_of)
        self.is_stale[key] = stale
        self.ends[key] = np.where(refused, until, ends)  # who asks again within the minute is refused again

    def _due(self, time: Array, cell: Whole, age: Array) -> tuple[Any, Any]:
        """Whether each cell's record is due, and whether a request would wait for its refresh."""
        interval = self.rule(cell)
        waits = age > np.maximum(refresh_interval.WORTH_A_WAIT_SECONDS, 2 * interval)
        return refresh_interval.is_due(age, interval), waits  # type: ignore[arg-type]  # it takes arrays as well

    def _refresh(self, time: Array, cell: Whole, age: Array, waits: Any, due: Whole, called: Any) -> None:
        """The due cells go out in one call, each once, as far as the pace allows; records that end soon come first."""
        self.is_denied[cell[due]] = True
        now = float(time[due[-1]])
        _, first = np.unique(cell[due], return_index=True)
        once = due[np.sort(first)]
        spenders = self._spenders(cell[once], age[once])
        groups = [(spender, once[spenders == spender]) for spender in SPENDERS]
        for spender, some in groups:
            if not len(some) or now < self.no_refresh_before[spender]:
                continue
            for at in some[: self._charge(len(some), spender, now)]:
                self._fetched(cell[at], time[at])
                called[at] = waits[at]

    def _spenders(self, cell: Whole, age: Array) -> Any:
        """Who pays for the refresh of each cell: records that end soon are never refreshed late."""
        is_ending = refresh_interval.is_ending(age)  # type: ignore[arg-type]  # it takes arrays as well
        return np.where(is_ending, "refresh", self.refresh_spender)

    def _fetched(self, cell: int, time: float) -> None:
        self.seen.fetches[cell] += 1
        if self.schedules and np.isfinite(self.held[cell]):
            self.seen.unchanged += not self.schedules.has_news(cell, self.held[cell], time)
        self.held[cell], self.is_denied[cell] = time, False

    def _charge(self, weight: int, spender: Spender, now: float) -> int:
        granted = weight
        if self.budget:
            said = self.budget.charge(weight, spender, least=1)
            if isinstance(said, Denied):
                if spender != "cold":
                    self.no_refresh_before[spender] = now + said.retry_after_seconds
                return 0
            granted = said.weight
        self.seen.weight += granted
        self.seen.cold += granted if spender == "cold" else 0
        for seconds, windows in self.spent.items():
            windows[int(now // seconds)] += granted
        return granted

    def most_spent(self, seconds: int) -> int:
        return max(self.spent[seconds].values(), default=0)
