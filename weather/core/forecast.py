"""The weather that a phone is shown, derived from a cell's hourly series: now, the coming hours, the days."""

from collections.abc import Sequence
from itertools import pairwise
from math import atan2, cos, degrees, hypot, radians, sin
from statistics import fmean
from typing import Any

from weather.core.series import Aggregate, Series, aggregated, hour_times, hours_from, iso, local_days, values_at
from weather.core.sun import Sun
from weather.core.units import METRIC, Units
from weather.core.variables import HOURLY, KNOWN, Variable
from weather.core.zones import zone_of


def _sum(amounts: list[float]) -> float:
    return round(sum(amounts), 2)


#: The daily values that are derived from one of the ten variables.
AGGREGATES: tuple[Aggregate, ...] = (
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
#: The extra variables that Open-Meteo has a daily value of, under Open-Meteo's name for it.
EXTRA_AGGREGATES: tuple[Aggregate, ...] = (
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
    """Name → unit of hourly values and of the current conditions, with those of the `extras`."""
    return {"time": "iso8601"} | {variable.name: units.unit(variable) for variable in (*HOURLY, *extras)}


def daily_units(extras: Sequence[Variable] = (), units: Units = METRIC) -> dict[str, str]:
    """Name → unit of daily values, with those derived from the `extras`."""
    return (
        {"time": "iso8601"}
        | {name: units.unit(variable) for name, variable, _ in AGGREGATES}
        | {"wind_direction_10m_dominant": "°", "sunrise": "iso8601", "sunset": "iso8601"}
        | {name: units.unit(variable) for name, variable, _ in EXTRA_AGGREGATES if variable in extras}
    )


HOURLY_UNITS = hourly_units()
DAILY_UNITS = daily_units()


def current(series: Series, now: float, units: Units = METRIC, extras: Sequence[Variable] = ()) -> dict[str, object]:
    """Name → value of the conditions of the minute that `now` (unix seconds) lies in, with `time` and `is_day`.

    `extras` are the further variables that are shown, all of which the series has. A value is null before the series'
    first local day and after its last row.
    """
    values = values_at(series, (*HOURLY, *extras), now, units)
    values["is_day"] = Sun(series.latitude, series.longitude).is_up(int(now // 60))
    return values


def hourly(
    series: Series, now: float, days: int, units: Units = METRIC, extras: Sequence[Variable] = ()
) -> dict[str, list[Any]]:
    """Name → column of the present hour and those after it, with `time` and `is_day`.

    There are 48 rows, or as many as there are to the end of the last of `days` local days; null where the series has
    no row.
    """
    times = hour_times(series, now, days)
    columns = hours_from(series, (*HOURLY, *extras), now, times, units)
    sun = Sun(series.latitude, series.longitude)
    columns["is_day"] = [sun.is_up(time // 60) for time in times]
    return columns


def daily(
    series: Series, now: float, days: int, units: Units = METRIC, extras: Sequence[Variable] = ()
) -> dict[str, list[Any]]:
    """Name → column of `days` local days from today on; a day without values is null, as is a sunrise that is none."""
    zone = zone_of(series.timezone)
    local = local_days(series, now, days)
    columns: dict[str, list[Any]] = {"time": [day.isoformat() for day in local.dates]}
    columns |= aggregated(series, AGGREGATES, local.spans, units)
    speeds, directions = (series.columns.get(name, ()) for name in ("wind_speed_10m", "wind_direction_10m"))
    columns["wind_direction_10m_dominant"] = [
        dominant_direction(speeds[span], directions[span]) for span in local.spans
    ]
    sun = Sun(series.latitude, series.longitude)
    suns = [sun.rise_and_set(start // 60, end // 60) for start, end in pairwise(local.midnights)]
    columns["sunrise"] = [None if rise is None else iso(rise * 60, zone) for rise, _ in suns]
    columns["sunset"] = [None if set_ is None else iso(set_ * 60, zone) for _, set_ in suns]
    further = (aggregate for aggregate in EXTRA_AGGREGATES if aggregate[1] in extras)
    return columns | aggregated(series, further, local.spans, units)


def dominant_direction(speeds: Sequence[float | None], directions: Sequence[float | None]) -> int | None:
    """The direction in degrees of the sum of the hours' wind vectors; null where they cancel out or there are none.

    This is Open-Meteo's own rule (GenericDailyCalculator.swift in its public source). Tests compare it with the rule
    only: no recorded answer has both the hourly directions of a day and the dominant one.
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
