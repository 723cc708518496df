"""Air quality made up from place and time: deterministic, smooth, plausible and cheap.

A place has as many people as its position says. Their traffic makes nitrogen dioxide, with a peak in the morning and
one in the evening; the sun makes ozone of it; calm air, which travels east around the globe in thirty days, keeps both
and dust; and each kind of pollen has its season.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from weather.simulator.place import DAY_SECONDS, HOUR_SECONDS, Place
from weather.simulator.synthetic import air_indices

#: Where the European model reaches, in degrees.
EUROPE_LATITUDES, EUROPE_LONGITUDES = (30, 72), (-25, 45)


@dataclass(frozen=True)
class Model:
    """A model of the air: its runs' interval, how late they come, and how far they reach."""

    run_seconds: int
    late_seconds: int
    days: int

    def run(self, now: float) -> int:
        """The start of the newest run that there is at `now`, in unix seconds."""
        return int((now - self.late_seconds) // self.run_seconds) * self.run_seconds

    def end(self, now: float) -> int:
        """The last hour of that run, in unix seconds."""
        return self.run(now) + self.days * DAY_SECONDS


#: Where an answer's values end: those of the pollutants with the global model, which goes on where the European one
#: ends, and those of pollen with the European one. All later rows are null.
GLOBAL = Model(run_seconds=DAY_SECONDS // 2, late_seconds=10 * HOUR_SECONDS, days=5)
EUROPEAN = Model(run_seconds=DAY_SECONDS, late_seconds=10 * HOUR_SECONDS, days=4)

POLLUTANTS = ("pm2_5", "pm10", "nitrogen_dioxide", "ozone")
INDICES = {"european_aqi": air_indices.european, "us_aqi": air_indices.us}


@dataclass(frozen=True)
class _Season:
    """Of a kind of pollen: its middle and half its length in days of the year at 48° N, and its most grains/m³."""

    middle: int
    half: int
    most: int


POLLEN = {
    "alder_pollen": _Season(65, 35, 120),
    "birch_pollen": _Season(112, 26, 400),
    "grass_pollen": _Season(168, 55, 90),
    "ragweed_pollen": _Season(243, 32, 60),
}
#: By how many days a season is later for each degree further north.
_DAYS_PER_DEGREE = 1.5

#: Integers by Open-Meteo's names: indices as they are, all else in tenths; None where there is no value.
Air = dict[str, list[int | None]]

_QUARTERS = 96
_CALM_HOURS = 30 * 24


def _peak(hour: float, at: float, width: float) -> float:
    return math.exp(-((((hour - at + 12) % 24 - 12) / width) ** 2))


# By quarter-hours of solar time, 0 to 1.
_TRAFFIC = [0.8 * _peak(q / 4, 8, 2) + _peak(q / 4, 18.5, 2.8) for q in range(_QUARTERS)]
_OZONE_DAY = [0.5 + 0.5 * math.cos(2 * math.pi * (q / 4 - 15) / 24) for q in range(_QUARTERS)]
_POLLEN_DAY = [0.4 + 0.6 * _peak(q / 4, 13, 5) for q in range(_QUARTERS)]
# By hours of a month, 0 to 1: how still the air is.
_CALM = [
    0.5 + 0.3 * math.sin(2 * math.pi * h * 4 / _CALM_HOURS) + 0.2 * math.sin(2 * math.pi * h * 7 / _CALM_HOURS + 1)
    for h in range(_CALM_HOURS)
]


def is_in_europe(place: Place) -> bool:
    """Whether the place lies in the European model's area."""
    (south, north), (west, east) = EUROPE_LATITUDES, EUROPE_LONGITUDES
    return south <= place.latitude <= north and west <= place.longitude <= east


def hourly(place: Place, start: int, hours: int, now: float) -> Air:
    """The ten variables from `start` (unix seconds) on, as the models' runs of `now` see them."""
    known = range(start, min(start + hours * HOUR_SECONDS, GLOBAL.end(now) + 1), HOUR_SECONDS)
    rows = _pollutants(place, known, GLOBAL.run(now))
    air: Air = {name: [max(map(index, POLLUTANTS, row)) for row in rows] for name, index in INDICES.items()}
    air |= {name: [row[number] for row in rows] for number, name in enumerate(POLLUTANTS)}
    blooming = range(start, min(known.stop, EUROPEAN.end(now) + 1) if is_in_europe(place) else start, HOUR_SECONDS)
    air |= {name: _grains(season, place, blooming) for name, season in POLLEN.items()}
    return {name: column + [None] * (hours - len(column)) for name, column in air.items()}


def _pollutants(place: Place, times: range, run: int) -> list[tuple[int, int, int, int]]:
    """The pollutants' concentrations in tenths of μg/m³ at each of the times."""
    people, rows = _people(place), []
    for time in times:
        quarter, calm, warmth = _quarter(place, time), _calm(place, time), _warmth(place, time)
        # Another run says something else, the more so the further ahead.
        drift = 1 + 0.03 * max(0.0, time - run) / DAY_SECONDS * math.sin(run / 9000 + time / 30_000)
        fine = drift * people * (2.5 + 26 * calm**2 * (1.2 - 0.5 * warmth) + 2 * _TRAFFIC[quarter])
        coarse = fine * 1.25 + drift * (4 + 5 * (1 - calm))
        dioxide = drift * people * (3 + 34 * _TRAFFIC[quarter] * (0.35 + 0.9 * calm))
        ozone = drift * (38 + warmth * (18 + 62 * _OZONE_DAY[quarter] * (0.5 + 0.5 * calm))) - 0.4 * dioxide
        # Ozone is known to the whole μg/m³.
        rows.append((round(10 * fine), round(10 * coarse), round(10 * dioxide), 10 * max(2, round(ozone))))
    return rows


def _grains(season: _Season, place: Place, times: range) -> list[int | None]:
    """Tenths of grains/m³ at each of the times; 0 out of season."""
    middle = season.middle + (place.latitude - 48) * _DAYS_PER_DEGREE
    most = season.most * (1 if place.at_sea else 10)
    column: list[int | None] = []
    for time in times:
        away = (time / DAY_SECONDS - middle + 182.6) % 365.25 - 182.6
        bloom = 1 - (away / season.half) ** 2
        column.append(round(most * bloom * _POLLEN_DAY[_quarter(place, time)] * _calm(place, time)) if bloom > 0 else 0)
    return column


@lru_cache(maxsize=20_000)
def _people(place: Place) -> float:
    """How dirty a place is: 0.3 at sea, 0.5 to 1.9 on land, in waves that both sides of the antimeridian share."""
    if place.at_sea:
        return 0.3
    lon = math.radians(place.longitude)
    return 1.2 + 0.4 * math.sin(place.latitude * 1.3 + lon * 31) + 0.3 * math.sin(place.latitude * 2.9 - lon * 83)


def _quarter(place: Place, time: int) -> int:
    return round(time / 900 + place.longitude / 3.75) % _QUARTERS


def _calm(place: Place, time: int) -> float:
    return _CALM[round(time / HOUR_SECONDS - place.longitude * 2 + place.latitude * 3) % _CALM_HOURS]


def _warmth(place: Place, time: int) -> float:
    """0 in deep winter and at the poles' night, 1 in summer and near the equator."""
    summer = math.cos(2 * math.pi * (time / DAY_SECONDS - 199) / 365.25) * (1 if place.latitude >= 0 else -1)
    far = min(1.0, abs(place.latitude) / 60)
    return 1 - far * (0.5 - 0.5 * summer)
