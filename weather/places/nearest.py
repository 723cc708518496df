"""The place that people would name for a position: the least distance ÷ √population within 60 km; pure."""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

from weather.core.cells import great_circle_km

FARTHEST_KM = 60.0
#: The least population of each level, the most populous first; chosen by trial for the least time.
LEVELS = (300_000, 60_000, 0)
_KM_OF_A_DEGREE = great_circle_km(0, 0, 1, 0)
#: What rounding could cut from a reach: a millimetre.
_MARGIN_KM = 1e-6
_SOUTHERNMOST, _NORTHERNMOST = -900, 900


class Site(NamedTuple):
    """Where a place lies, in degrees, how many people live there, and the number that names it."""

    latitude: float
    longitude: float
    population: int
    number: int


class Named(NamedTuple):
    """The site that is named for a position, and how far away it lies."""

    number: int
    distance_km: float


class Index:
    """Sites by tenths of a degree and by population.

    The large places are looked at first. The best of them bounds how far away a smaller one can be and still win: in
    a city that is a kilometre or two, so that hardly any of its quarters is looked at.
    """

    def __init__(self, levels: Sequence["Level"]) -> None:
        self.levels = levels

    @classmethod
    def of(cls, sites: Iterable[Site]) -> "Index":
        """The index of these sites."""
        # From here on by whole columns, which for 34,000 sites is three times as fast.
        placed = [(math.floor(site[0] * 10), *site) for site in sites]
        placed.sort(key=itemgetter(2))
        placed.sort(key=itemgetter(0))  # in each row from west to east
        levels = []
        for least in LEVELS:
            if level := [site for site in placed if site[3] >= least]:
                levels.append(Level.of(level))
                placed = [site for site in placed if site[3] < least]
        return cls(levels)

    def nearest(self, latitude: float, longitude: float) -> Named | None:
        """The site that is named for a position in degrees, of two alike the smaller number; None if none is near."""
        best = (math.inf, 0, math.inf)
        for level in self.levels:
            for at in level.within(latitude, longitude, min(FARTHEST_KM, best[0] * level.largest_root)):
                distance_km = great_circle_km(latitude, longitude, level.latitudes[at], level.longitudes[at])
                if distance_km <= FARTHEST_KM:
                    best = min(best, (distance_km / level.roots[at], level.numbers[at], distance_km))
        _, number, distance_km = best
        return Named(number, distance_km) if distance_km <= FARTHEST_KM else None


class Level:
    """Sites of like population in rows of a tenth of latitude, each from west to east, as arrays of numbers.

    Degrees, roots of populations, the numbers that name them, and where each row begins, the southernmost first.
    """

    def __init__(
        self,
        latitudes: "array[float]",
        longitudes: "array[float]",
        roots: "array[float]",
        numbers: "array[int]",
        starts: "array[int]",
    ) -> None:
        self.latitudes, self.longitudes = latitudes, longitudes
        self.roots, self.numbers, self.starts = roots, numbers, starts
        self.largest_root = max(roots)

    @classmethod
    def of(cls, sites: list[tuple[int, float, float, int, int]]) -> "Level":
        """The level of (row, latitude, longitude, population, number) in the order of rows and longitudes."""
        rows, latitudes, longitudes, populations, numbers = zip(*sites, strict=True)
        return cls(
            array("d", latitudes),
            array("d", longitudes),
            # Where nobody has told how many live there, one does: it is named only where nothing else is near.
            array("d", map(math.sqrt, map(max, populations, repeat(1)))),
            array("I", numbers),
            array("I", [bisect_left(rows, row) for row in range(_SOUTHERNMOST, _NORTHERNMOST + 2)]),
        )

    @property
    def arrays(self) -> tuple["array[Any]", ...]:
        """What it is made of, in the order of its arguments."""
        return self.latitudes, self.longitudes, self.roots, self.numbers, self.starts

    def within(self, latitude: float, longitude: float, reach_km: float) -> Iterator[int]:
        """Where in the arrays the sites within `reach_km` of a position are, and some that are a little farther."""
        north = (reach_km + _MARGIN_KM) / _KM_OF_A_DEGREE
        east = _half_width(latitude, north)
        # The window of longitudes may go on behind the antimeridian.
        turns = (0.0,) if east >= 180 else (0.0, -360.0 if longitude > 0 else 360.0)
        for row in range(_row(latitude - north), _row(latitude + north) + 1):
            begin, end = self.starts[row - _SOUTHERNMOST], self.starts[row - _SOUTHERNMOST + 1]
            for turn in turns if begin < end else ():
                first = bisect_left(self.longitudes, longitude + turn - east, begin, end)
                yield from range(first, bisect_right(self.longitudes, longitude + turn + east, first, end))


def _row(latitude: float) -> int:
    return max(_SOUTHERNMOST, min(_NORTHERNMOST, math.floor(latitude * 10)))


def _half_width(latitude: float, radius: float) -> float:
    """How many degrees east and west a circle of `radius` degrees about a position reaches; 360 if about a pole."""
    if abs(latitude) + radius >= 90:
        return 360.0
    # Where the circle all but touches a pole, rounding may take the quotient past 1.
    return math.degrees(math.asin(min(1.0, math.sin(math.radians(radius)) / math.cos(math.radians(latitude)))))
