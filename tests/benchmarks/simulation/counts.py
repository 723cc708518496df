"""The virtual time of a simulation, and the popularity that a service learns in it.

In a real server, or in an array that counts the same and takes a world's cells in a moment.
"""

import math
from collections import Counter

import numpy as np

from tests.benchmarks.simulation.users import Array, Whole, World
from tests.support.clocks import ClockOf
from weather.budget.popularity import ASKED_TWICE, MOST_OCTAVES, STEPS_IN_AN_OCTAVE, Popularity
from weather.core.cells import Cell
from weather.core.runs.rate_shape import offset_hours
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


class ArrayPopularity:
    """The decayed counts of `Popularity`, of a world's cells in their order."""

    def __init__(self, cells: int, clock: Clock, half_life_seconds: float = 12 * 3600) -> None:
        self.clock = clock
        self.half_life_seconds = half_life_seconds
        self.rate_of_one = math.log(2) / half_life_seconds
        self._scores = np.zeros(cells)
        self._since: float | None = None

    def count(self, requests: Whole) -> None:
        """Adds the requests of just now for each cell."""
        if self._since is None and requests.any():
            self._since = self.clock()
        if self._since is not None:
            self._scores += requests * 2 ** ((self.clock() - self._since) / self.half_life_seconds)

    def rates(self) -> Array:
        """The requests per second of each cell."""
        if self._since is None:
            return np.zeros(len(self._scores))
        return self._scores * (2 ** ((self._since - self.clock()) / self.half_life_seconds) * self.rate_of_one)

    def counted_seconds(self, now: float) -> float:
        """For how long requests have been counted; infinite before any were."""
        return math.inf if self._since is None else now - self._since

    def census(self) -> list[tuple[float, int]]:
        """What `Popularity.census` says: pairs of a rate and how many cells have about this rate."""
        rates = np.sort(self.rates())
        least = ASKED_TWICE * self.rate_of_one
        if not len(rates) or not rates[-1]:
            return []
        octaves = min(math.log2(max(1.0, rates[-1] / least)), MOST_OCTAVES)
        steps = math.ceil(STEPS_IN_AN_OCTAVE * octaves) + 1
        bounds = least * 2 ** (np.arange(steps + 1) / STEPS_IN_AN_OCTAVE)
        cells = -np.diff(len(rates) - np.searchsorted(rates, bounds))
        middle = 2 ** (0.5 / STEPS_IN_AN_OCTAVE)
        return [(float(bound * middle), int(number)) for bound, number in zip(bounds, cells, strict=False) if number]


class ArrayCounted:
    """As `Counted`, but only the requests of each hour of the week are kept in a real server."""

    def __init__(self, name: str, world: World, clock: Clock) -> None:
        self.hours = LocalHours(f"hours:{name}", clock=ClockOf(clock))
        self.popularity = ArrayPopularity(len(world.cells), clock)
        self.rates = np.zeros(len(world.cells))
        self.offset = np.array([offset_hours(cell) for cell in world.cells])
        self._seen = np.zeros(len(world.cells), dtype=np.int64)

    def saw(self, cells: Whole) -> None:
        self._seen += np.bincount(cells, minlength=len(self._seen))

    def flush(self) -> None:
        self.popularity.count(self._seen)
        # One cell of each offset stands for all of them: they are counted in the same hour.
        of_offset = {offset: int(self._seen[self.offset == offset].sum()) for offset in np.unique(self.offset).tolist()}
        self.hours.count(Counter({Cell(0, 150 * offset): number for offset, number in of_offset.items() if number}))
        self._seen[:] = 0

    def read(self) -> None:
        self.hours.learn()
        self.rates[:] = self.popularity.rates()
