"""The calls that cells by runs will take at a price, for all kinds of cells at once: as `RunDemand`, but in arrays."""

from functools import cached_property

import numpy as np

from tests.benchmarks.simulation.users import Array
from weather.core.freshness.refresh_interval import LONGEST_SECONDS
from weather.core.runs.demand import STEPS_IN_AN_OCTAVE, RunDemand


class ArrayDemand(RunDemand):
    """A `RunDemand` that goes through its kinds of cells side by side."""

    def calls(self, price: float) -> float:
        """The calls until `until` at a price in request-seconds."""
        number, missing, level, interval, slots = self._arrays
        missing, calls = missing.copy(), np.zeros(len(number))
        for at in range(slots.shape[1]):
            is_there = ~np.isnan(slots[:, at, 0])
            missing += (at > 0) & is_there
            expected, in_time = (level * np.where(is_there, seconds, 0.0) for seconds in slots[:, at].T)
            worth = expected * interval * missing * (missing + 1) / 2
            goes = is_there & (worth > price)
            missed_seconds = np.maximum(0.0, missing - 0.5) * interval
            is_due = (worth + missed_seconds > price) | (missing * interval >= LONGEST_SECONDS)
            asked = np.where(is_there & is_due & ~goes, 1 - np.exp(-in_time), 0.0)
            calls += goes + asked
            missing = np.where(goes, 0.0, missing * (1 - asked))
        return float(number @ calls)

    @cached_property
    def _arrays(self) -> tuple[Array, Array, Array, Array, Array]:
        kinds = list(self.kinds)
        longest = max((len(one) for one in self.slots.values()), default=0)
        slots = np.full((len(kinds), longest, 2), np.nan)
        for at, kind in enumerate(kinds):
            some = self.slots[kind.model, kind.offset]
            slots[at, : len(some)] = some
        return (
            np.array(list(self.kinds.values()), dtype=float),
            np.array([kind.missing for kind in kinds], dtype=float),
            2.0 ** (np.array([kind.step for kind in kinds], dtype=float) / STEPS_IN_AN_OCTAVE),
            np.array([self.times[kind.model.name].interval_seconds for kind in kinds], dtype=float),
            slots,
        )
