"""What the clients of a simulated service saw, and what it cost."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from tests import settings
from tests.benchmarks.simulation.users import DAY, Array

HOLD_SECONDS = settings.HOLD_SECONDS
#: Ages are counted in steps of so many seconds.
AGE_STEP = 30


@dataclass
class Seen:
    """What the clients of one day saw, and what it cost."""

    requests: int = 0
    found: int = 0
    called: int = 0  # requests that waited for a call
    refused: int = 0  # cold cells for which there was no budget
    stale: int = 0  # answers from a record that was due
    weight: int = 0
    cold: int = 0  # the part of the weight that cold cells took
    expired: int = 0  # cold cells that had been held, until their record's life ended
    starved: int = 0  # the part of these whose refresh had been wanted in time, and denied
    fetches: Counter[int] = field(default_factory=Counter)  # of each cell
    unchanged: int = 0  # fetches of held cells that brought nothing new
    ages: Array = field(default_factory=lambda: np.zeros((HOLD_SECONDS + DAY) // AGE_STEP))
    oldest: float = 0.0
    #: For how long a newer run had been there: how often in steps, and seconds and requests by local hour.
    missed: Array = field(default_factory=lambda: np.zeros((HOLD_SECONDS + DAY) // AGE_STEP))
    missed_by_hour: Array = field(default_factory=lambda: np.zeros((2, 24)))

    def aged(self, ages: Array) -> None:
        if len(ages):
            self.ages += np.bincount((ages // AGE_STEP).astype(int), minlength=len(self.ages))
            self.oldest = max(self.oldest, float(ages.max()))

    def missed_for(self, missed: Array, local_time: Array) -> None:
        if len(missed):
            self.missed += np.bincount((missed // AGE_STEP).astype(int), minlength=len(self.missed))
            hours = (local_time % DAY // 3600).astype(int)
            self.missed_by_hour[0] += np.bincount(hours, weights=missed, minlength=24)
            self.missed_by_hour[1] += np.bincount(hours, minlength=24)

    @property
    def mean_missed(self) -> float:
        """The mean missed age of all answers, in seconds."""
        return float(self.missed_by_hour[0].sum() / max(1, self.missed_by_hour[1].sum()))

    def missed_quantile(self, part: float) -> float:
        return float(np.searchsorted(np.cumsum(self.missed), part * self.missed.sum())) * AGE_STEP

    def older_than(self, seconds: float) -> int:
        """The answers from a record that is older."""
        return int(self.ages[int(seconds // AGE_STEP) :].sum())

    @property
    def mean(self) -> float:
        return float(self.ages @ ((np.arange(len(self.ages)) + 0.5) * AGE_STEP) / max(1, self.ages.sum()))

    def quantile(self, part: float) -> float:
        return float(np.searchsorted(np.cumsum(self.ages), part * self.ages.sum()) + 1) * AGE_STEP
