"""What a process knows of runs, of the shape of requests and of what refreshes brought; which cells follow runs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from weather.core.cells import Cell
from weather.core.runs.areas import Areas, Model
from weather.core.runs.model_run import UNKNOWN, ModelRun
from weather.core.runs.rate_shape import offset_hours
from weather.core.runs.run_times import RunTimes
from weather.runs.evidence import Evidence
from weather.runs.local_hours import LocalHours
from weather.runs.table import RunTable

#: The half-life of the counts that rates come from (weather/budget/popularity.py).
HALF_LIFE_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class KnownRuns:
    """The runs behind a dataset's records. All is in memory but for `read`, which a loop calls."""

    areas: Areas
    table: RunTable
    hours: LocalHours
    evidence: Evidence
    #: For how many seconds the requests have been counted that rates come from, given now (unix seconds).
    counted_seconds: Callable[[float], float] = lambda now: math.inf

    def read(self) -> None:
        """Takes over from Redis what the fleet knows; without Redis what is known stays."""
        self.table.read()
        self.evidence.read()
        self.hours.learn()

    def model_of(self, cell: Cell) -> Model:
        """The model that answers for the cell, by the table of areas."""
        return self.areas.model_of(cell)

    def model_run(self, cell: Cell, fetched_at: float) -> ModelRun:
        """What a record of the cell, fetched then (unix seconds), comes from.

        Neither is known where refreshes contradict the table of areas.
        """
        model = self.model_of(cell).name
        if self.evidence.contradicts(cell, model):
            return UNKNOWN
        return ModelRun.of(model, self.table.times_of(model), fetched_at)

    def trusted(self, now: float) -> dict[str, RunTimes]:
        """Model → its run times, of those whose runs are known for certain at `now`."""
        known = {model: self.table.times_of(model) for model in self.areas.models}
        return {model: times for model, times in known.items() if times and times.is_trusted(now)}

    def believed(self, now: float) -> dict[str, RunTimes]:
        """Model → its run times, of those whose runs records are judged by at `now`.

        A run that is overdue is among them; refreshes ahead of requests wait until it has come.
        """
        known = {model: self.table.times_of(model) for model in self.areas.models}
        believed = {model: times.believed(now) for model, times in known.items() if times}
        return {model: times for model, times in believed.items() if times}

    def times_for(self, cell: Cell, now: float) -> RunTimes | None:
        """The runs that the cell's record is judged by; None where it is refreshed at intervals.

        That is where run times are not known, or where refreshes contradict the table of areas.
        """
        model = self.model_of(cell)
        times = self.table.times_of(model.name)
        believed = times.believed(now) if times else None
        return None if believed is None or self.evidence.contradicts(cell, model.name) else believed

    def level(self, cell: Cell, rate: float, now: float) -> float:
        """The cell's level in requests per second, given its rate by decayed counts."""
        counted_seconds = self.counted_seconds(now)
        return self.hours.shape.level(rate, offset_hours(cell), now, HALF_LIFE_SECONDS, counted_seconds)

    def expected_requests(
        self, cell: Cell, rate: float, times: RunTimes, now: float, least_level: float = 0.0
    ) -> float:
        """The requests for the cell that are expected until its model's next run.

        The cell's level is taken to be `least_level` at least.
        """
        seconds = self.hours.shape.seconds(offset_hours(cell), now, times.next_expected(now))
        return max(self.level(cell, rate, now), least_level) * seconds
