"""The cells that are asked for, each with what its refreshes depend on: read from Redis, a thousand at a time."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from weather.budget.popularity import ASKED_TWICE, STEPS_IN_AN_OCTAVE, Popularity
from weather.core.cells import Cell
from weather.core.freshness.refresh_interval import Rates
from weather.core.runs.demand import CellOfRuns, RunDemand
from weather.core.runs.rate_shape import offset_hours
from weather.runs.held_times import HeldTimes
from weather.runs.known import KnownRuns
from weathernote import redis
from weathernote.threads import give_way

_CELLS_AT_ONCE = 500
#: What is done with a cell takes some ten microseconds, and answers from the cache are not to wait for 500 of them.
_CELLS_IN_A_ROW = 10


class CountedCell(NamedTuple):
    """A cell, its requests per second, and when its record was fetched (unix seconds), None if none is known."""

    cell: Cell
    rate: float
    fetched_at: float | None


@dataclass(frozen=True, slots=True)
class RunCensus:
    """A dataset's popular cells beside the runs of their models."""

    known: KnownRuns
    popularity: Popularity
    held: HeldTimes

    def follows_any(self, now: float) -> bool:
        """Whether the runs of any model are known."""
        return bool(self.known.believed(now))

    def cells(self) -> Iterator[CountedCell]:
        """The cells that were asked for more than once lately, the most popular first. Raises RedisDown."""
        least = ASKED_TWICE * self.popularity.rate_of_one
        start = 0
        while some := self.popularity.ranked(start, _CELLS_AT_ONCE):
            fetched_at = redis.fetch_one(self.held.fetched_at(some))
            for at, (cell, rate) in enumerate(some.items()):
                if rate < least:
                    return
                if at % _CELLS_IN_A_ROW == 0:
                    give_way()
                yield CountedCell(cell, rate, fetched_at.get(cell))
            start += _CELLS_AT_ONCE

    def demand(self, now: float, until: float) -> tuple[RunDemand, Rates]:
        """What the cells that follow runs ask for until then, and the rates of those that have intervals.

        Raises RedisDown without Redis.
        """
        known, shape, believed = self.known, self.known.hours.shape, self.known.believed(now)
        following: list[CellOfRuns] = []
        others: Counter[int] = Counter()
        for cell, rate, fetched_at in self.cells():
            # What is believed may change meanwhile: another thread reads the run times.
            if known.model_of(cell).name not in believed or known.times_for(cell, now) is None:
                others[round(STEPS_IN_AN_OCTAVE * math.log2(rate))] += 1
                continue
            level = known.level(cell, rate, now)
            following.append(CellOfRuns(known.model_of(cell), offset_hours(cell), level, fetched_at))
        demand = RunDemand(following, believed, shape, now, until)
        return demand, [(2 ** (step / STEPS_IN_AN_OCTAVE), number) for step, number in others.items()]
