"""How many calls the cells that follow runs will take until some time, at a price; pure.

Cells alike in model, local time, level and missing runs are taken as one, and their coming runs gone through one by
one, by the rule of weather/core/runs/index.py: a few thousand kinds of cells stand for all.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

from weather.core.freshness.refresh_interval import LONGEST_SECONDS
from weather.core.runs.areas import Model
from weather.core.runs.index import index
from weather.core.runs.rate_shape import RateShape
from weather.core.runs.run_times import RunTimes

#: Levels are taken together in steps, two to each doubling.
STEPS_IN_AN_OCTAVE = 2


class CellOfRuns(NamedTuple):
    """What is known of a cell that follows runs: its model, its offset, its level, and when its record was fetched."""

    model: Model
    offset: int
    #: Requests per second, with the shape of the week taken out.
    level: float
    #: Unix seconds; None where no record is held.
    fetched_at: float | None


class Kind(NamedTuple):
    """What cells are alike in; `step` is the level in steps of an octave."""

    model: Model
    offset: int
    step: int
    missing: int


class Slot(NamedTuple):
    """From one run to the next in a cell's weighted seconds (RateShape.seconds): all, and those before `until`."""

    seconds: float
    seconds_in_time: float


class RunDemand:
    """The cells that follow runs as of `now` (unix seconds)."""

    def __init__(
        self, cells: Iterable[CellOfRuns], times: Mapping[str, RunTimes], shape: RateShape, now: float, until: float
    ) -> None:
        self.now = now
        self.until = until
        self.times = times
        self.shape = shape
        #: How many cells are of each kind.
        self.kinds: dict[Kind, int] = defaultdict(int)
        for cell in cells:
            if cell.fetched_at is not None and cell.level > 0:
                missing = times[cell.model.name].missing(cell.fetched_at, now)
                step = round(STEPS_IN_AN_OCTAVE * math.log2(cell.level))
                self.kinds[Kind(cell.model, cell.offset, step, missing)] += 1

    @property
    def number_of_cells(self) -> int:
        """How many cells it is about."""
        return sum(self.kinds.values())

    def calls(self, price: float) -> float:
        """The calls until `until` at a price in request-seconds."""
        return sum(number * self._calls_of(kind, price) for kind, number in self.kinds.items())

    def _calls_of(self, kind: Kind, price: float) -> float:
        level = 2 ** (kind.step / STEPS_IN_AN_OCTAVE)
        interval = self.times[kind.model.name].interval_seconds
        calls, missing = 0.0, float(kind.missing)
        for at, slot in enumerate(self.slots[kind.model, kind.offset]):
            missing += at > 0
            expected = level * slot.seconds
            worth = index(expected, interval, missing)
            if worth > price:
                calls += 1
                missing = 0.0
                continue
            # Half an interval of the newest missing run has passed when a request is there on average.
            missed_seconds = max(0.0, missing - 0.5) * interval
            if worth + missed_seconds > price or missing * interval >= LONGEST_SECONDS:
                asked = 1 - math.exp(-level * slot.seconds_in_time)
                calls += asked
                missing *= 1 - asked
        return calls

    @cached_property
    def slots(self) -> dict[tuple[Model, int], list[Slot]]:
        """Model and offset → the slot from now to the next run, and those of the runs that come before `until`."""
        return {
            (model, offset): self._slots_of(model, offset)
            for model, offset in {(kind.model, kind.offset) for kind in self.kinds}
        }

    def _slots_of(self, model: Model, offset: int) -> list[Slot]:
        begins, ends = self.now, self.times[model.name].next_expected(self.now)
        slots = [self._slot(offset, begins, ends)]
        while ends < self.until:
            begins, ends = ends, self.times[model.name].usual_after(ends)
            slots.append(self._slot(offset, begins, ends))
        return slots

    def _slot(self, offset: int, begins: float, ends: float) -> Slot:
        in_time = self.shape.seconds(offset, begins, min(ends, self.until))
        return Slot(self.shape.seconds(offset, begins, ends), in_time)
