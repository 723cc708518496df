"""The best that is to be had for the missed age: the rule of runs with the true rates, the true runs and one price.

It knows how often each cell will be asked for in each hour, when each run will come, and the price at which a day's
calls come to the budget. Written anew for arrays, by steps of ten minutes; it shares no code with the service.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.simulated_runs import Schedules
from tests.benchmarks.simulated_users import DAY, Array, Traffic
from weather.core.freshness import LONGEST_SECONDS

STEP = 600
HOUR = 3600
_HALVINGS = 22


@dataclass
class OracleSeen:
    """The calls of the measured days' each, and the mean missed age in seconds: of all requests, and by local hour."""

    calls: float
    mean_missed: float
    p99_missed: float
    by_hour: Array


class Oracle:
    """The requests of some days, the last `measured` of which count."""

    def __init__(self, schedules: Schedules, offsets: Array, days: Sequence[Traffic], measured: int) -> None:
        start, steps, cells = days[0].start, len(days) * DAY // STEP, len(offsets)
        self.steps, self.from_step, self.measured = steps, (len(days) - measured) * DAY // STEP, measured
        self.requests = np.zeros((cells, steps), dtype=np.int32)
        for day in days:
            np.add.at(self.requests, (day.cell, ((day.time - start) // STEP).astype(int)), 1)
        by_hour = self.requests.reshape(cells, -1, HOUR // STEP).sum(2).repeat(HOUR // STEP, 1) * (STEP / HOUR)
        self.until = np.concatenate([np.zeros((cells, 1)), np.cumsum(by_hour, axis=1)], axis=1)
        models = list(schedules.of_model.values())
        self.model, self.interval = schedules.number, np.array([one.model.interval_seconds for one in models])
        #: Model, step → runs that come before its end; the next run's step.
        self.comes = np.stack([np.histogram((m.settled - start) // STEP, np.arange(steps + 1))[0] for m in models])
        self.next = np.full((len(models), steps), steps)
        for step in range(steps - 2, -1, -1):
            self.next[:, step] = np.where(self.comes[:, step + 1] > 0, step + 1, self.next[:, step + 1])
        self.hour = ((start + np.arange(steps) * STEP + offsets[:, None]) % DAY // HOUR).astype(np.int8)

    def best(self, budget: float) -> OracleSeen:
        """What is seen at the price at which the calls come to the budget of a day, in calls."""
        low, high = 60.0, 1e11
        for _ in range(_HALVINGS):
            middle = float(np.sqrt(low * high))
            low, high = (middle, high) if self.seen(middle).calls > budget else (low, middle)
        return self.seen(high, with_p99=True)

    def seen(self, price: float, *, with_p99: bool = False) -> OracleSeen:
        """What is seen at a price in request-seconds."""
        cells = len(self.requests)
        missing, since, age = np.ones(cells), np.zeros(cells), np.full(cells, np.inf)
        interval, calls, missed, asked = self.interval[self.model].astype(float), 0, np.zeros(24), np.zeros(24)
        ages: list[Array] = []
        for step in range(self.steps):
            comes = self.comes[self.model, step]
            since = np.where((missing == 0) & (comes > 0), step * STEP, since)
            missing = missing + comes
            expected = self.until[np.arange(cells), self.next[self.model, step]] - self.until[:, step]
            worth = expected * interval * missing * (missing + 1) / 2
            requests = self.requests[:, step]
            late = np.where(missing > 0, step * STEP + STEP / 2 - since, 0.0)
            is_there = requests > 0
            go = (missing > 0) & ((worth > price) & (comes > 0) | is_there & (worth + late > price))
            go |= is_there & (age >= LONGEST_SECONDS)
            if step >= self.from_step:
                calls += int(go.sum())
                shown = np.where(go & (comes > 0), 0.0, late)
                hours = self.hour[:, step]
                missed += np.bincount(hours, weights=shown * requests, minlength=24)
                asked += np.bincount(hours, weights=requests, minlength=24)
                if with_p99:
                    ages.append(np.repeat(shown, requests))
            missing, age = np.where(go, 0.0, missing), np.where(go, 0.0, age + STEP)
        by_hour = missed / np.maximum(asked, 1)
        p99 = float(np.quantile(np.concatenate(ages), 0.99)) if ages else 0.0
        return OracleSeen(calls / self.measured, float(missed.sum() / asked.sum()), p99, by_hour)
