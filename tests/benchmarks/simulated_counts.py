"""The virtual time of a simulation, and the popularity that a service learns in it, kept in a real server."""

import numpy as np

from tests.benchmarks.simulated_users import Whole, World
from tests.support.clocks import ClockOf
from weather.budget.popularity import Popularity
from weather.runs.local_hours import LocalHours


class Clock:
    """The virtual time that the services' budgets and popularity go by."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """Popularity, kept in a real server, and the rates that a fleet reads there."""

    def __init__(self, name: str, world: World, clock: Clock) -> None:
        self.hours = LocalHours(f"hours:{name}", clock=ClockOf(clock))
        self.popularity = Popularity(f"popularity:{name}", hours=self.hours, clock=ClockOf(clock))
        self.world = world
        self.rates = np.zeros(len(world.cells))
        self.index = {cell: at for at, cell in enumerate(world.cells)}
        self._is_used = False
        self._seen = np.zeros(len(world.cells), dtype=np.int64)

    def saw(self, cells: Whole) -> None:
        self._is_used |= len(cells) > 0
        self._seen += np.bincount(cells, minlength=len(self._seen))

    def flush(self) -> None:
        for at in np.flatnonzero(self._seen):
            self.popularity.record(self.world.cells[at], int(self._seen[at]))
        self._seen[:] = 0
        self.popularity.flush()

    def read(self) -> None:
        self.hours.learn()
        for start in range(0, len(self.rates) if self._is_used else 0, 5_000):
            for cell, rate in self.popularity.rates(self.world.cells[start : start + 5_000]).items():
                self.rates[self.index[cell]] = rate
