"""From what Open-Meteo said about a place to what a phone is shown: current conditions, hours and days."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import atan2, cos, degrees, hypot, radians, sin
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

from weather.core.sun import Sun
from weather.core.units import METRIC, Units
from weather.core.variables import EXTRA, HOUR_SECONDS, HOURLY, KNOWN, Variable
from weather.core.zones import zone_of

HOURS_SHOWN = 48


def _sum(amounts: list[float]) -> float:
    return round(sum(amounts), 2)


_Aggregate = tuple[str, Variable, Callable[[list[float]], float]]

#: A day's value, the hourly variable that it is taken from, and how.
_AGGREGATES: tuple[_Aggregate, ...] = (
    ("weather_code", KNOWN["weather_code"], max),
    ("temperature_2m_max", KNOWN["temperature_2m"], max),
    ("temperature_2m_min", KNOWN["temperature_2m"], min),
    ("apparent_temperature_max", KNOWN["apparent_temperature"], max),
    ("apparent_temperature_min", KNOWN["apparent_temperature"], min),
    ("precipitation_sum", KNOWN["precipitation"], _sum),
    ("precipitation_probability_max", KNOWN["precipitation_probability"], max),
    ("wind_speed_10m_max", KNOWN["wind_speed_10m"], max),
    ("wind_gusts_10m_max", KNOWN["wind_gusts_10m"], max),
)
#: The same of further variables, where a day has a value of its own in Open-Meteo's own words.
_EXTRA_AGGREGATES: tuple[_Aggregate, ...] = (
    ("uv_index_max", KNOWN["uv_index"], max),
    ("cloud_cover_mean", KNOWN["cloud_cover"], fmean),
    ("visibility_min", KNOWN["visibility"], min),
    ("rain_sum", KNOWN["rain"], _sum),
    ("showers_sum", KNOWN["showers"], _sum),
    ("snowfall_sum", KNOWN["snowfall"], _sum),
    ("sunshine_duration", KNOWN["sunshine_duration"], _sum),
    ("cape_max", KNOWN["cape"], max),
)


def hourly_units(extras: Sequence[Variable] = (), units: Units = METRIC) -> dict[str, str]:
    """The unit of each value of an hour by its name, also of the present conditions."""
    return {"time": "iso8601"} | {variable.name: units.unit(variable) for variable in (*HOURLY, *extras)}


def daily_units(extras: Sequence[Variable] = (), units: Units = METRIC) -> dict[str, str]:
    """The unit of each value of a day by its name."""
    return (
        {"time": "iso8601"}
        | {name: units.unit(variable) for name, variable, _ in _AGGREGATES}
        | {"wind_direction_10m_dominant": "°", "sunrise": "iso8601", "sunset": "iso8601"}
        | {name: units.unit(variable) for name, variable, _ in _EXTRA_AGGREGATES if variable in extras}
    )


CURRENT_UNITS = HOURLY_UNITS = hourly_units()
DAILY_UNITS = daily_units()


@dataclass(frozen=True, slots=True)
class Series:
    """What Open-Meteo said about one place: hourly columns from `start` on, one row an hour, without gaps."""

    latitude: float  # the weather model's own point, degrees
    longitude: float
    elevation: float | None  # metres
    timezone: str  # IANA
    start: int  # unix seconds of the first row, a full hour of UTC
    columns: Mapping[str, Sequence[float | None]]  # by Open-Meteo's names, all of one length
    fetched_at: int  # unix seconds
    source: str  # "open-meteo" or "simulator"


def extras_of(series: Series) -> tuple[Variable, ...]:
    """The further variables that the series has beside the ten."""
    return tuple(variable for variable in EXTRA if variable.name in series.columns)


def current(series: Series, now: float, units: Units = METRIC) -> dict[str, object]:
    """The conditions of the minute that `now` lies in; null before its first day and after its last row."""
    minute = int(now // 60)
    zone = zone_of(series.timezone)
    row, seconds = divmod(minute * 60 - series.start, HOUR_SECONDS)
    if _first_row_stands(series, minute * 60, zone):
        row, seconds = 0, 0
    answer: dict[str, object] = {"time": _iso(minute * 60, zone)}
    for variable in (*HOURLY, *extras_of(series)):
        answer[variable.name] = _reading(variable, series.columns.get(variable.name, ()), row, seconds, units)
    answer["is_day"] = Sun(series.latitude, series.longitude).is_up(minute)
    return answer


def hourly(series: Series, now: float, days: int, units: Units = METRIC) -> dict[str, list[Any]]:
    """The present hour and those after it: 48, or to the end of the last of `days` local days; null without a row."""
    zone = zone_of(series.timezone)
    first = int((now - series.start) // HOUR_SECONDS)
    start, end = series.start + first * HOUR_SECONDS, _midnight(_today(now, zone) + timedelta(days), zone)
    times = range(start, end, HOUR_SECONDS)[:HOURS_SHOWN]
    sun = Sun(series.latitude, series.longitude)
    answer: dict[str, list[Any]] = {"time": [_iso(time, zone) for time in times]}
    shown = units.shown
    rows = [*range(first, first + len(times))]
    if _first_row_stands(series, now, zone):
        rows[0] = 0
    for variable in (*HOURLY, *extras_of(series)):
        column = series.columns.get(variable.name, ())
        answer[variable.name] = [shown(variable, column[row]) if 0 <= row < len(column) else None for row in rows]
    answer["is_day"] = [sun.is_up(time // 60) for time in times]
    return answer


def daily(series: Series, now: float, days: int, units: Units = METRIC) -> dict[str, list[Any]]:
    """`days` local days from today on; a row belongs to the date of its instant, a day without values is null."""
    zone = zone_of(series.timezone)
    dates = [_today(now, zone) + timedelta(day) for day in range(days + 1)]
    midnights = [_midnight(day, zone) for day in dates]
    # Rounded up: where midnight falls between two rows, as the offset is no whole hour, the day begins with the later.
    first_rows = [max(0, -((series.start - midnight) // HOUR_SECONDS)) for midnight in midnights]
    spans = [slice(*rows) for rows in pairwise(first_rows)]
    answer: dict[str, list[Any]] = {"time": [day.isoformat() for day in dates[:-1]]}

    def add(aggregates: Iterable[_Aggregate]) -> None:
        for name, variable, aggregate in aggregates:
            column = series.columns.get(variable.name, ())
            given = [[value for value in column[span] if value is not None] for span in spans]
            answer[name] = [units.shown(variable, aggregate(values)) if values else None for values in given]

    add(_AGGREGATES)
    speeds, directions = (series.columns.get(name, ()) for name in ("wind_speed_10m", "wind_direction_10m"))
    answer["wind_direction_10m_dominant"] = [_dominant_direction(speeds[span], directions[span]) for span in spans]
    sun = Sun(series.latitude, series.longitude)
    suns = [sun.rise_and_set(start // 60, end // 60) for start, end in pairwise(midnights)]
    answer["sunrise"] = [None if rise is None else _iso(rise * 60, zone) for rise, _ in suns]
    answer["sunset"] = [None if set_ is None else _iso(set_ * 60, zone) for _, set_ in suns]
    add(aggregate for aggregate in _EXTRA_AGGREGATES if aggregate[1].name in series.columns)
    return answer


def next_midnight(timezone: str, now: float) -> int:
    """When the present date ends in an IANA zone, in unix seconds; UnknownZone if there is no such zone."""
    zone = zone_of(timezone)
    return _midnight(_today(now, zone) + timedelta(1), zone)


def _reading(variable: Variable, column: Sequence[float | None], row: int, seconds: int, units: Units) -> float | None:
    """The variable `seconds` after `row`, as `variables.Reading` says.

    Half way the nearest hour is the later one, and a wind that turns to the opposite side turns counter-clockwise.
    """
    next_row = row + 1 if seconds else row
    if row < 0 or next_row >= len(column):
        return None
    before, after = column[row], column[next_row]
    if not seconds or variable.reading == "ending":
        return units.shown(variable, after)
    if variable.reading == "nearest":
        return units.shown(variable, after if 2 * seconds >= HOUR_SECONDS else before)
    if before is None or after is None:
        return None
    passed = seconds / HOUR_SECONDS
    if variable.reading == "circular":
        return round(before + ((after - before + 180) % 360 - 180) * passed) % 360
    return units.between(variable, before + (after - before) * passed)


def _first_row_stands(series: Series, now: float, zone: ZoneInfo) -> bool:
    """Whether `now` lies between a local midnight off the full hour and the first row, so that this row is used.

    Open-Meteo's answers begin at local midnight; where the offset is not a whole hour, their first row comes after.
    """
    after_midnight = series.start - _midnight(_today(series.start, zone), zone)
    return after_midnight < HOUR_SECONDS and -after_midnight <= now - series.start < 0


def _dominant_direction(speeds: Sequence[float | None], directions: Sequence[float | None]) -> int | None:
    """The direction of the sum of the hours' wind vectors; null where they cancel out or there are none.

    This is Open-Meteo's own rule (GenericDailyCalculator.swift in its public source). Held to the rule only: no
    recorded answer of whole days has both the hourly directions and the dominant one.
    """
    east = north = 0.0
    for speed, direction in zip(speeds, directions, strict=False):
        if speed is None or direction is None:
            continue
        east += speed * sin(radians(direction))
        north += speed * cos(radians(direction))
    if hypot(east, north) < 1e-9:
        return None
    return round(degrees(atan2(east, north))) % 360


def _iso(seconds: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(seconds, zone).isoformat()


def _today(now: float, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(now, zone).date()


def _midnight(day: date, zone: ZoneInfo) -> int:
    """Where the clock shows midnight twice the first one, where it leaps over midnight the moment of the leap."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
