"""Weather made up from place and time: deterministic, smooth, plausible and cheap.

One pattern of fronts, thirty days long and worked out once in quarter-hours, travels east around the globe in thirty
days; a place reads its own stretch of it. What is left to do for an hour is integer arithmetic on tenths, so that a
simulator which shares its processor with what it tests does not disturb the measurement.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from weather.simulator.place import HOUR_SECONDS, QUARTER_SECONDS, Place

RUN_SECONDS = 6 * HOUR_SECONDS
MOST_HOURS = 16 * 24

_PATTERN_QUARTERS = 30 * 96
_QUARTERS_PER_DEGREE = _PATTERN_QUARTERS // 360
_YEAR_HOURS = 8766
_HOURS_BEFORE_RUN = 48
#: A run of longer ago is read as if it were from then.
_OLDEST_RUN_HOURS = 96

Series = dict[str, list[int]]


class WeatherRun(NamedTuple):
    """A model run: the unix seconds that it starts from, and a number by which it differs from others."""

    start: int
    number: int


def usual_run(now: float) -> WeatherRun:
    """The run of `now` where models have no runs of their own: one every six hours."""
    number = int(now // RUN_SECONDS)
    return WeatherRun(number * RUN_SECONDS, number)


@dataclass(frozen=True)
class _Pattern:
    """What the fronts bring, one value a quarter of an hour; long enough to read on past the end of the thirty days."""

    pressure: list[int]  # deviation, 0.1 hPa
    temperature: list[int]  # deviation, 0.1 °C
    spread: list[int]  # temperature above the dew point, 0.1 °C
    cloud: list[int]  # the code of a dry hour: 0 to 3
    precipitation: list[int]  # 0.1 mm
    chance: list[int]  # %
    wind: list[int]  # 0.1 km/h
    gusts: list[int]  # 0.1 km/h
    direction: list[int]  # °, north of the equator
    direction_south: list[int]


def _build_pattern() -> _Pattern:
    built = _Pattern(*([] for _ in range(10)))
    for quarter in range(_PATTERN_QUARTERS):
        turn = 2 * math.pi * quarter / _PATTERN_QUARTERS
        high = (11 * math.sin(6 * turn) + 6 * math.sin(9 * turn + 1.3) + 3.5 * math.sin(15 * turn + 0.4)) / 10
        rising = (66 * math.cos(6 * turn) + 54 * math.cos(9 * turn + 1.3) + 52 * math.cos(15 * turn + 0.4)) / 90
        gusty = math.sin(41 * turn) + 0.7 * math.sin(67 * turn + 1)
        wet = -0.62 * high + 0.2 * abs(rising) + 0.24 * gusty
        wind = 55 + 95 * abs(rising) + 50 * max(0.0, -high) + 15 * gusty
        direction = round(235 + 75 * math.tanh(1.5 * rising) + 60 * max(0.0, high) * math.sin(2 * turn)) % 360
        built.pressure.append(round(115 * high))
        built.temperature.append(round(-34 * rising + 12 * math.sin(4 * turn + 2)))
        built.spread.append(round(max(3.0, 58 - 62 * wet)))
        built.cloud.append(0 if wet < -0.55 else 1 if wet < -0.2 else 2 if wet < 0.2 else 3)
        built.precipitation.append(max(0, round((wet - 0.75) * 55)))
        built.chance.append(round(100 / (1 + math.exp(-(wet - 0.7) * 5))))
        built.wind.append(round(max(8.0, wind)))
        built.gusts.append(round(max(14.0, wind * (1.55 + 0.25 * max(0.0, wet)) + 20)))
        built.direction.append(direction)
        built.direction_south.append(-direction % 360)
    read_on = MOST_HOURS * 4
    return _Pattern(*(column + column[:read_on] for column in vars(built).values()))


def _build_drifts(count: int = 16) -> list[list[int]]:
    """How model runs differ, in tenths of a degree by hours since the run: 0 in its past, more with every day."""
    drifts = []
    for number in range(count):
        drift = [0] * _HOURS_BEFORE_RUN
        for hour in range(MOST_HOURS + _OLDEST_RUN_HOURS):
            wave = math.sin(hour / 6 + number * 2.4) + 0.6 * math.sin(hour / 1.9 + number * 4.1)
            drift.append(round((1.5 + hour * 0.05) * wave))
        drifts.append(drift)
    return drifts


def _day_course(hours: int) -> list[int]:
    """The course of the day in quarter-hours of solar time: 256 at three in the afternoon, -256 at three at night."""
    return [round(256 * math.cos(2 * math.pi * (quarter / 4 - 15) / 24)) for quarter in range(hours * 4)]


def _vapour(tenths: int) -> int:
    """What a humidity of 100 % adds to the apparent temperature (Steadman), in tenths × 128 ÷ 100."""
    celsius = tenths / 10
    return round(3.3 * 6.105 * math.exp(17.27 * celsius / (237.7 + celsius)) * 1.28)


def _by_amount(*steps: tuple[int, int]) -> list[int]:
    """Codes by tenths of a millimetre: `(most, code)` in rising order, the last code from there on."""
    return [next((code for most, code in steps if amount <= most), steps[-1][1]) for amount in range(1000)]


_FRONTS = _build_pattern()
_DRIFTS = _build_drifts()
_DAY = _day_course(MOST_HOURS + 24)
_SEASON = [round(1024 * math.cos(2 * math.pi * (h / 24 - 199) / 365.25)) for h in range(_YEAR_HOURS + MOST_HOURS)]
# Negative temperatures read such a list from its end.
_VAPOUR = [_vapour(tenths) for tenths in range(800)] + [_vapour(tenths) for tenths in range(-1200, 0)]
_HUMIDITY = [max(4, round(100 * math.exp(-0.0065 * spread))) for spread in range(900)] + [100] * 400
_RAIN = _by_amount((1, 51), (2, 53), (4, 55), (20, 61), (50, 63), (999, 65))
_SHOWERS = _by_amount((10, 80), (25, 81), (45, 95), (70, 82), (85, 96), (999, 99))
_SNOW = _by_amount((1, 77), (8, 71), (20, 73), (999, 75))
_SNOW_BELOW_TENTHS = 10
_FOG_FROM_HUMIDITY = 98
_FOG_BELOW_WIND_TENTHS = 80


def hourly(place: Place, start: int, hours: int, run: WeatherRun) -> Series:
    """The ten variables from `start` (seconds UTC) on, as a model run sees them.

    Integers: tenths where Open-Meteo gives one decimal, tenths of a millimetre for precipitation.
    """
    climate = _climate(place)
    fronts = _stretch(place, start, hours)
    drift = _drift(start, hours, run)
    season_from = start // HOUR_SECONDS % _YEAR_HOURS
    solar_from = round((start / QUARTER_SECONDS) + place.longitude / 3.75) % 96
    base, year, day, strength = climate.base, climate.year, climate.day, climate.strength
    rain, breeze, dryness = climate.rain, climate.breeze, climate.day // 2
    suns = [sun * day >> 8 for sun in _DAY[solar_from : solar_from + hours * 4 : 4]]
    seasons = _SEASON[season_from : season_from + hours]
    temperature = [
        base + (season * year >> 10) + sun + (front * strength >> 6) + off
        for season, sun, front, off in zip(seasons, suns, _FRONTS.temperature[fronts], drift, strict=True)
    ]
    humidity = [_HUMIDITY[spread + sun + dryness] for spread, sun in zip(_FRONTS.spread[fronts], suns, strict=True)]
    scale = [64 + off for off in drift]
    wind = [value * breeze * by >> 12 for value, by in zip(_FRONTS.wind[fronts], scale, strict=True)]
    # Drizzle that the climate scales away is no precipitation, and then the code is not that of rain either.
    wet = [value * rain * by >> 12 for value, by in zip(_FRONTS.precipitation[fronts], scale, strict=True)]
    pressures = zip(_FRONTS.pressure[fronts], drift, strict=True)
    pressure = [climate.pressure + (front * strength >> 6) + off for front, off in pressures]
    return {
        "temperature_2m": temperature,
        "relative_humidity_2m": humidity,
        "apparent_temperature": [
            t + (_VAPOUR[t] * rh >> 7) - (speed * 199 >> 10) - 40
            for t, rh, speed in zip(temperature, humidity, wind, strict=True)
        ],
        "precipitation": wet,
        "precipitation_probability": _FRONTS.chance[fronts],
        "weather_code": _codes(wet, temperature, humidity, wind, _FRONTS.cloud[fronts], climate.warm),
        "pressure_msl": pressure,
        "wind_speed_10m": wind,
        "wind_direction_10m": (_FRONTS.direction if place.latitude >= 0 else _FRONTS.direction_south)[fronts],
        "wind_gusts_10m": [value * breeze * by >> 12 for value, by in zip(_FRONTS.gusts[fronts], scale, strict=True)],
    }


def _codes(
    wet: list[int], temperature: list[int], humidity: list[int], wind: list[int], cloud: list[int], warm: bool
) -> list[int]:
    liquid = _SHOWERS if warm else _RAIN
    return [
        (_SNOW[amount] if t < _SNOW_BELOW_TENTHS else liquid[amount])
        if amount
        else sky
        if rh < _FOG_FROM_HUMIDITY or speed > _FOG_BELOW_WIND_TENTHS
        else (48 if t < 0 else 45)
        for amount, t, rh, speed, sky in zip(wet, temperature, humidity, wind, cloud, strict=True)
    ]


@dataclass(frozen=True)
class _Climate:
    base: int  # the year's mean temperature, 0.1 °C
    year: int  # half the way from winter to summer, 0.1 °C; negative south of the equator
    day: int  # half the way from night to day, 0.1 °C
    strength: int  # of fronts, in 64ths
    pressure: int  # 0.1 hPa
    rain: int  # in 64ths
    breeze: int  # in 64ths
    warm: bool


@lru_cache(maxsize=20_000)
def _climate(place: Place) -> _Climate:
    lat, far = place.latitude, abs(place.latitude)
    sunny = math.cos(math.radians(lat))
    mean = 28 - 34 * abs(math.sin(math.radians(lat))) ** 2.4 - 0.0065 * place.elevation
    year = 0.19 * lat * (0.55 if place.at_sea else 1)
    rain = 1.1 * math.exp(-((lat / 15) ** 2)) + 0.9 * math.exp(-(((far - 50) / 18) ** 2)) + 0.25
    return _Climate(
        base=round(mean * 10),
        year=round(year * 10),
        day=round((8 if place.at_sea else 55) * (0.1 + 0.9 * sunny)),
        strength=round(64 * (0.25 + 0.75 * min(1.0, far / 45))),
        pressure=10132 + round(40 * math.cos(math.radians(far * 6)) * -sunny),
        rain=round(64 * rain),
        breeze=round((80 if place.at_sea else 54) * (0.5 + 0.5 * min(1.0, far / 50))),
        warm=mean > 19,
    )


def _stretch(place: Place, start: int, hours: int) -> slice:
    """Where the place's hours lie in the pattern: fronts come from the west and lean back towards the poles."""
    moved = start / QUARTER_SECONDS - place.longitude * _QUARTERS_PER_DEGREE + place.latitude * 9
    first = round(moved) % _PATTERN_QUARTERS
    return slice(first, first + hours * 4, 4)


def _drift(start: int, hours: int, run: WeatherRun) -> list[int]:
    drift = _DRIFTS[run.number % len(_DRIFTS)]
    first = min((start - run.start) // HOUR_SECONDS + _HOURS_BEFORE_RUN, len(drift) - hours)
    return drift[first : first + hours]
