"""The best that is to be had for the missed age: the rule of runs with true rates, the true runs and a price a day.

It knows how often each cell is asked for in each hour, on average or even how often it will be, when each run will
come, and the price at which the calls of the day come to the budget. So each day is paid from its own budget, as a
service's is: what was left undone on one is the next one's. Written anew for arrays, by steps of ten minutes; it shares
no code with the service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tests.benchmarks.simulation.runs import Schedules
from tests.benchmarks.simulation.users import DAY, Array, Traffic
from weather.core.freshness.refresh_interval import LONGEST_SECONDS

STEP = 600
HOUR = 3600
STEPS_A_DAY = DAY // STEP
_HALVINGS = 18
_LOWEST_PRICE, _HIGHEST_PRICE = 60.0, 1e11


@dataclass
class OracleSeen:
    """The calls of the measured days' each, and the mean missed age in seconds: of all requests, and by local hour."""

    calls: float
    mean_missed: float
    p99_missed: float
    by_hour: Array


class _Records(NamedTuple):
    """What each cell's record lacks, since when (seconds from the start), and its age; all cells are cold at first."""

    missing: Array
    since: Array
    age: Array


@dataclass
class _Day:
    """A day at a price: what it leaves, its calls, and the missed age summed and the requests by local hour."""

    after: _Records
    calls: int
    missed: Array
    asked: Array
    ages: list[Array]


class Oracle:
    """The requests of some days, the last `measured` of which count.

    `by_local_hour` are the requests that are expected for each cell in each local hour (cells × 24); without it the
    requests of each hour are known beforehand.
    """

    def __init__(
        self,
        schedules: Schedules,
        offsets: Array,
        days: Sequence[Traffic],
        measured: int,
        by_local_hour: Array | None = None,
    ) -> None:
        start, steps, cells = days[0].start, len(days) * STEPS_A_DAY, len(offsets)
        self.days, self.measured = len(days), measured
        self.requests = np.zeros((cells, steps), dtype=np.int32)
        for day in days:
            np.add.at(self.requests, (day.cell, ((day.time - start) // STEP).astype(int)), 1)
        self.hour = ((start + np.arange(steps) * STEP + offsets[:, None]) % DAY // HOUR).astype(np.int8)
        if by_local_hour is None:
            by_hour = self.requests.reshape(cells, -1, HOUR // STEP).sum(2).repeat(HOUR // STEP, 1) * (STEP / HOUR)
        else:
            by_hour = np.take_along_axis(by_local_hour, self.hour, axis=1) * (STEP / HOUR)
        self.until = np.concatenate([np.zeros((cells, 1)), np.cumsum(by_hour, axis=1)], axis=1)
        models = list(schedules.of_model.values())
        self.model, self.interval = schedules.number, np.array([one.model.interval_seconds for one in models])
        #: Model, step → runs that come before its end; the next run's step.
        self.comes = np.stack([np.histogram((m.settled - start) // STEP, np.arange(steps + 1))[0] for m in models])
        self.next = np.full((len(models), steps), steps)
        for step in range(steps - 2, -1, -1):
            self.next[:, step] = np.where(self.comes[:, step + 1] > 0, step + 1, self.next[:, step + 1])

    def best(self, budget: float) -> OracleSeen:
        """What is seen if each day has the price at which its calls come to the budget, in calls."""
        cells = len(self.requests)
        records = _Records(np.ones(cells), np.zeros(cells), np.full(cells, np.inf))
        seen: list[_Day] = []
        for number in range(self.days):
            day = self._day(records, number, self._price(records, number, budget))
            records = day.after
            seen.append(day)
        measured = seen[-self.measured :]
        missed, asked = np.sum([(day.missed, day.asked) for day in measured], axis=0)
        p99 = float(np.quantile(np.concatenate([age for day in measured for age in day.ages]), 0.99))
        calls = sum(day.calls for day in measured) / self.measured
        return OracleSeen(calls, float(missed.sum() / asked.sum()), p99, missed / np.maximum(asked, 1))

    def _price(self, records: _Records, number: int, budget: float) -> float:
        low, high = _LOWEST_PRICE, _HIGHEST_PRICE
        for _ in range(_HALVINGS):
            middle = float(np.sqrt(low * high))
            low, high = (middle, high) if self._day(records, number, middle).calls > budget else (low, middle)
        return high

    def _day(self, records: _Records, number: int, price: float) -> _Day:
        """The day at a price in request-seconds."""
        missing, since, age = records
        interval, of_cell = self.interval[self.model].astype(float), np.arange(len(self.requests))
        calls, missed, asked = 0, np.zeros(24), np.zeros(24)
        ages: list[Array] = []
        for step in range(number * STEPS_A_DAY, (number + 1) * STEPS_A_DAY):
            comes = self.comes[self.model, step]
            since = np.where((missing == 0) & (comes > 0), step * STEP, since)
            missing = missing + comes
            expected = self.until[of_cell, self.next[self.model, step]] - self.until[:, step]
            worth = expected * interval * missing * (missing + 1) / 2
            requests = self.requests[:, step]
            late = np.where(missing > 0, step * STEP + STEP / 2 - since, 0.0)
            is_there, is_cold = requests > 0, np.isinf(age)
            go = ~is_cold & (missing > 0) & ((worth > price) & (comes > 0) | is_there & (worth + late > price))
            go |= is_there & (age >= LONGEST_SECONDS)
            calls += int(go.sum())
            shown = np.where(go & ((comes > 0) | is_cold), 0.0, late)
            missed += np.bincount(self.hour[:, step], weights=shown * requests, minlength=24)
            asked += np.bincount(self.hour[:, step], weights=requests, minlength=24)
            if number >= self.days - self.measured:
                ages.append(np.repeat(shown, requests))
            missing, age = np.where(go, 0.0, missing), np.where(go, 0.0, age + STEP)
        return _Day(_Records(missing, since, age), calls, missed, asked, ages)
