"""When the runs of weather models come in a simulation, which cells they are about, and what is known of them when.

A run comes its model's usual delay after its hour, mostly some minutes later, now and then hours, and sometimes not at
all: lateness is drawn from a Pareto distribution, whose tail is heavy.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tests.benchmarks.simulation.counts import Clock
from tests.benchmarks.simulation.users import DAY, Array, Whole
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.runs.areas import Area, Areas, Model
from weather.core.runs.regions import Box
from weather.core.runs.run_times import KEPT_SECONDS, Run, RunTimes

HOUR = 3600
#: A run's usual delay, as a part of the hours between runs; long models take no longer than six hours.
USUAL_DELAY, LONGEST_DELAY_SECONDS = 0.7, 6 * HOUR
#: Lateness: mostly below ten minutes, above an hour for one run in fifty; at most an interval.
LATE_SECONDS, LATE_SHAPE = 180.0, 1.3
MISSED = 0.01
#: The poller asks once a minute around the expected time.
POLL_SECONDS = 60


@dataclass
class Schedule:
    """The runs of a model: all that will come, in order, and when each is settled."""

    model: Model
    runs: Sequence[Run]
    settled: Array = field(init=False)
    _available: list[int] = field(init=False)
    _known: tuple[int, int, RunTimes] | None = None

    def __post_init__(self) -> None:
        self.settled = np.array([run.settled for run in self.runs], dtype=float)
        self._available = [run.available for run in self.runs]

    def times(self, now: float) -> RunTimes:
        """What the poller has told by `now`."""
        number = bisect_right(self._available, now - POLL_SECONDS)
        seen_at = int(now // 600) * 600
        if self._known is None or self._known[:2] != (number, seen_at):
            known = [run for run in reversed(self.runs[:number]) if run.available > now - KEPT_SECONDS]
            self._known = number, seen_at, RunTimes(self.model.interval_seconds, tuple(known), seen_at)
        return self._known[2]


class Schedules:
    """The schedules of the models that cells have, and what a record lacks of them."""

    def __init__(self, areas: Areas, cells: Sequence[Cell], start: float, days: int, chance: np.random.Generator):
        self.areas = areas
        names = [areas.model_of(cell).name for cell in cells]
        self.of_model = {
            name: Schedule(areas.models[name], _runs(areas.models[name], start, days, chance))
            for name in sorted(set(names))
        }
        self.number = np.array([list(self.of_model).index(name) for name in names])

    def missed_seconds(self, cell: Whole, time: Array, fetched_at: Array) -> Array:
        """For how long a newer run than a record's had been there and settled, by the truth."""
        missed = np.zeros(len(cell))
        for number, schedule in enumerate(self.of_model.values()):
            some = self.number[cell] == number
            first = np.searchsorted(schedule.settled, fetched_at[some], side="right")
            settled = np.append(schedule.settled, np.inf)[first]
            missed[some] = np.maximum(0.0, time[some] - settled)
        return missed

    def has_news(self, cell: int, fetched_at: float, time: float) -> bool:
        """Whether a run was settled between two fetches of a cell."""
        settled = list(self.of_model.values())[self.number[cell]].settled
        return bool(np.searchsorted(settled, time, side="right") > np.searchsorted(settled, fetched_at, side="right"))


def areas_of(runs: str) -> Areas:
    """The models' own areas for `area`; for a number of hours one model of the whole globe that runs as often."""
    if runs == "area":
        if WEATHER.areas is None:
            raise ValueError("weather has no areas")
        return WEATHER.areas
    return Areas((Area(Model(f"every_{runs}_hours", int(runs) * HOUR), Box()),))


def _runs(model: Model, start: float, days: int, chance: np.random.Generator) -> list[Run]:
    interval = model.interval_seconds
    delay = min(USUAL_DELAY * interval, LONGEST_DELAY_SECONDS)
    begins = range(int(start) - 3 * DAY, int(start) + days * DAY, interval)
    late = np.minimum(LATE_SECONDS * chance.pareto(LATE_SHAPE, len(begins)), interval)
    comes = chance.random(len(begins)) >= MISSED
    runs = [Run(at, int(at + delay + by)) for at, by, there in zip(begins, late, comes, strict=True) if there]
    # A run that a later one overtakes is of no use to anybody.
    return [run for run, after in pairwise([*runs, Run(2**40, 2**40)]) if run.available < after.available]


class SimulatedTable:
    """What a process would know of run times at the simulation's time; nothing at all where they are not to be had."""

    def __init__(self, schedules: Schedules, clock: Clock, *, is_known: bool = True) -> None:
        self.schedules = schedules
        self.clock = clock
        self.is_known = is_known

    def times_of(self, model: str) -> RunTimes | None:
        schedule = self.schedules.of_model.get(model) if self.is_known else None
        return schedule.times(self.clock.now) if schedule else None


class NoEvidence:
    """The areas are right in a simulation."""

    def contradicts(self, cell: Cell, model: str) -> bool:
        return False
