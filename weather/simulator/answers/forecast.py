"""The forecast: what /v1/forecast answers about a place, as JSON text."""

import math
from collections.abc import Callable, Sequence

from weather.core.variables import EXTRA_NAMES, HOURLY, KNOWN
from weather.simulator.answers.json_text import TENTHS, array, section
from weather.simulator.call import Asked, Product
from weather.simulator.clock import Clock
from weather.simulator.place import DAY_SECONDS, HOUR_SECONDS, Place
from weather.simulator.synthetic import extras
from weather.simulator.synthetic.daylight import sunrise_and_sunset
from weather.simulator.synthetic.weather import Series, hourly

#: What can be asked for, and its unit; that of sunrise and sunset is the format of times.
_UNITS = {name: variable.unit for name, variable in KNOWN.items()}
_DAILY_UNITS = {
    "weather_code": _UNITS["weather_code"],
    "temperature_2m_max": _UNITS["temperature_2m"],
    "temperature_2m_min": _UNITS["temperature_2m"],
    "apparent_temperature_max": _UNITS["apparent_temperature"],
    "apparent_temperature_min": _UNITS["apparent_temperature"],
    "precipitation_sum": _UNITS["precipitation"],
    "precipitation_probability_max": _UNITS["precipitation_probability"],
    "wind_speed_10m_max": _UNITS["wind_speed_10m"],
    "wind_gusts_10m_max": _UNITS["wind_gusts_10m"],
    "wind_direction_10m_dominant": _UNITS["wind_direction_10m"],
    "sunrise": "",
    "sunset": "",
}

# Texts of numbers, looked up rather than formatted.
_WHOLE = [str(number) for number in range(361)]
_MILLIMETRES = [f"{tenths / 10:.2f}" for tenths in range(3200)]
_TEXTS_BY_DECIMALS = {0: _WHOLE, 1: TENTHS, 2: _MILLIMETRES}

_TEXTS = {variable.name: _TEXTS_BY_DECIMALS[variable.decimals] for variable in HOURLY}
_READINGS = {name: variable.reading for name, variable in KNOWN.items()}

#: A daily variable, the hourly one that it comes from, and how.
_DAILY: dict[str, tuple[str, Callable[[list[int]], int]]] = {
    "weather_code": ("weather_code", max),
    "temperature_2m_max": ("temperature_2m", max),
    "temperature_2m_min": ("temperature_2m", min),
    "apparent_temperature_max": ("apparent_temperature", max),
    "apparent_temperature_min": ("apparent_temperature", min),
    "precipitation_sum": ("precipitation", sum),
    "precipitation_probability_max": ("precipitation_probability", max),
    "wind_speed_10m_max": ("wind_speed_10m", max),
    "wind_gusts_10m_max": ("wind_gusts_10m", max),
}


def _sections(asked: Asked, place: Place, clock: Clock) -> list[str]:
    sections = [_current_section(asked.current, place, clock)] if asked.current else []
    if asked.hourly or asked.daily:
        series = hourly(place, clock.first_hour, clock.hours, clock.run)
        if asked.hourly:
            sections.append(_hourly_section(asked.hourly, place, series, clock))
        if asked.daily:
            sections.append(_daily_section(asked.daily, series, place, clock))
    return sections


def _grid_point(place: Place) -> tuple[float, float]:
    """The nearest sixteenth of a degree, which is at most 5 km away and never named 180° east."""
    longitude = round(place.longitude * 16) / 16 + 0.0
    return round(place.latitude * 16) / 16 + 0.0, -180.0 if longitude == 180 else longitude


def _hourly_section(names: Sequence[str], place: Place, series: Series, clock: Clock) -> str:
    columns = {"time": array([clock.times(HOUR_SECONDS)])}
    for name in names:
        if name in EXTRA_NAMES:
            values = extras.values(name, place, clock.first_hour, series)
            columns[name] = array(extras.text(name, value) for value in values)
            continue
        columns[name] = array(map(_TEXTS[name].__getitem__, series[name]))
    return section("hourly", _UNITS | {"time": clock.unit}, columns)


def _daily_section(names: Sequence[str], series: Series, place: Place, clock: Clock) -> str:
    columns = {"time": array([clock.times(DAY_SECONDS)])}
    for name in names:
        columns[name] = array(_daily_texts(name, series, place, clock))
    units = _DAILY_UNITS | dict.fromkeys(("time", "sunrise", "sunset"), clock.unit)
    return section("daily", units, columns)


def _daily_texts(name: str, series: Series, place: Place, clock: Clock) -> list[str]:
    if name in ("sunrise", "sunset"):
        return [_sun_text(name, place, clock, day) for day in range(clock.days)]
    days = [slice(day * 24, day * 24 + 24) for day in range(clock.days)]
    if name == "wind_direction_10m_dominant":
        return [str(_dominant(series["wind_direction_10m"][day], series["wind_speed_10m"][day])) for day in days]
    source, aggregate = _DAILY[name]
    return [_TEXTS[source][aggregate(series[source][day])] for day in days]


def _sun_text(name: str, place: Place, clock: Clock, day: int) -> str:
    both = sunrise_and_sunset(place, clock.start + day * DAY_SECONDS + DAY_SECONDS / 2)
    # In polar day and night the real server answers with the epoch.
    if both is None:
        return "0" if clock.unixtime else '"1970-01-01T00:00"'
    return clock.time(both[name == "sunset"])


def _dominant(directions: list[int], speeds: list[int]) -> int:
    """The direction of the wind's vector mean, in degrees."""
    turns = [math.radians(direction) for direction in directions]
    east = sum(speed * math.sin(turn) for speed, turn in zip(speeds, turns, strict=True))
    north = sum(speed * math.cos(turn) for speed, turn in zip(speeds, turns, strict=True))
    return round(math.degrees(math.atan2(east, north))) % 360


def _current_section(names: Sequence[str], place: Place, clock: Clock) -> str:
    since_hour = (clock.quarter - clock.start) % HOUR_SECONDS
    hour = clock.quarter - since_hour + clock.label_error
    rows = hourly(place, hour, 2, clock.run)
    columns = {"time": clock.time(clock.quarter), "interval": "900"}
    for name in names:
        if name in EXTRA_NAMES:
            both = extras.values(name, place, hour, rows)
            columns[name] = extras.text(name, _between(name, both, since_hour / HOUR_SECONDS))
            continue
        columns[name] = _TEXTS[name][_between(name, rows[name], since_hour / HOUR_SECONDS)]
    return section("current", _UNITS | {"time": clock.unit, "interval": "seconds"}, columns)


def _between(name: str, rows: list[int], share: float) -> int:
    before, after = rows
    reading = _READINGS[name]
    if reading == "ending":
        value = before if share == 0 else after
        # A sum is of the `interval`, a quarter of an hour.
        return round(value / 4) if name == "precipitation" else value
    if reading == "nearest":
        return before if share < 0.5 else after
    if reading == "circular":
        return round(before + ((after - before + 180) % 360 - 180) * share) % 360
    return round(before + (after - before) * share)


FORECAST = Product(
    path="/v1/forecast",
    hourly=_UNITS,
    daily=_DAILY_UNITS,
    usual_days=7,
    most_days=16,
    hourly_kind="SurfacePressureAndHeightVariable",
    grid_point=_grid_point,
    sections=_sections,
)
