"""The answer about one place, worked out from its held series: sections of columns, not yet written in any format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from weather.core.forecast import dominant_direction
from weather.core.series import LocalDays, Series, aggregated, is_before_first_row, local_days, values_at
from weather.core.sun import Sun
from weather.core.units import WRITTEN_DECIMALS, Units
from weather.core.variables import HOUR_SECONDS, Variable
from weather.openmeteo_api.clock import DAY_SECONDS, QUARTER_SECONDS, Clock, next_hour
from weather.openmeteo_api.form import AUTO, Form
from weather.openmeteo_api.names import ALL, IS_DAY, SUMS, DailyValue
from weather.openmeteo_api.units import units_of

_QUARTERS_OF_AN_HOUR = HOUR_SECONDS // QUARTER_SECONDS


@dataclass(frozen=True, slots=True)
class Column:
    """The values of a section under one name; moments are in unix seconds, whatever their unit."""

    name: str
    unit: str
    decimals: int
    values: Sequence[float | None]
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Columns and the times of their rows, in unix seconds; `interval` is the seconds between two rows.

    A name that was asked for twice has the same column twice.
    """

    name: Literal["current", "hourly", "daily"]
    times: Sequence[int]
    interval: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered about one place. `timezone` is the zone's name, as is `clock.name`."""

    series: Series
    clock: Clock
    sections: tuple[Section, ...]


def answer_of(form: Form, zone: str, series: Series, now: float) -> Answer:
    """The answer to a form about the place of the series, for `now` in unix seconds.

    `zone` is the form's one for this place. A value is null where the series has none.
    """
    clock = Clock.at(series.timezone if zone == AUTO else zone, now)
    units = units_of(form.temperature, form.wind_speed, form.precipitation)
    sections = []
    if form.current:
        sections.append(_current(form.current, series, clock, units))
    if form.hourly:
        times = clock.hours_of_days(form.days) if form.hours is None else clock.hours_from_now(form.hours)
        sections.append(_hourly(form.hourly, series, times, clock.now, units))
    if form.daily:
        sections.append(_daily(form, series, clock, units))
    return Answer(series, clock, tuple(sections))


def time_unit_of(form: Form) -> str:
    """The unit of times as Open-Meteo names it."""
    return "unixtime" if form.unixtime else "iso8601"


def _decimals(variable: Variable, unit: str) -> int:
    return WRITTEN_DECIMALS.get(unit, variable.decimals)


# ── current and hourly ────────────────────────────────────────────────────────────────────────────


def _current(names: Sequence[str], series: Series, clock: Clock, units: Units) -> Section:
    at = clock.quarter
    variables = {name: ALL.hourly[name] for name in names}
    values = values_at(series, {one for one in variables.values() if one is not IS_DAY}, at, units)

    def column(name: str) -> Column:
        variable = variables[name]
        unit = units.unit(variable)
        decimals = _decimals(variable, unit)
        value = _is_day(series, at) if variable is IS_DAY else _of_quarter(variable, values[variable.name], decimals)
        return Column(name, unit, decimals, (value,))

    return Section("current", (at,), QUARTER_SECONDS, _columns(names, column))


def _columns(names: Sequence[str], column: Callable[[str], Column]) -> tuple[Column, ...]:
    """The column of each name, worked out once however often it was asked for."""
    by_name = {name: column(name) for name in dict.fromkeys(names)}
    return tuple(by_name[name] for name in names)


def _of_quarter(variable: Variable, value: object, decimals: int) -> float | None:
    """A current value; of an hour's amount the part that falls in a quarter of it."""
    if not isinstance(value, int | float):
        return None
    return round(value / _QUARTERS_OF_AN_HOUR, decimals) if variable.name in SUMS else value


def _hourly(names: Sequence[str], series: Series, times: range, now: float, units: Units) -> Section:
    # In the part of an hour after a local midnight the first row stands for the hour before it, as in `current`.
    first = series.start - HOUR_SECONDS if is_before_first_row(series, now) else series.start

    def column(name: str) -> Column:
        variable = ALL.hourly[name]
        unit = units.unit(variable)
        values = _days_and_nights(series, times) if variable is IS_DAY else _rows(series, variable, times, first, units)
        return Column(name, unit, _decimals(variable, unit), values)

    return Section("hourly", times, HOUR_SECONDS, _columns(names, column))


def _rows(series: Series, variable: Variable, times: range, first: int, units: Units) -> list[float | None]:
    """The variable's values at these full hours of UTC; null before the hour `first` and after the last row.

    Where `first` is before the first row, that row stands.
    """
    column = series.column(variable)
    begin = (times.start - series.start) // HOUR_SECONDS
    earlier = min(len(times), max(0, -begin))
    held = list(column[max(0, begin) : max(0, begin + len(times))])
    before = [column[0] if time >= first and column else None for time in times[:earlier]]
    values = before + held
    if units.unit(variable) != variable.unit:
        values = [units.shown(variable, value) for value in values]
    return values + [None] * (len(times) - len(values))


def _is_day(series: Series, at: int) -> int:
    return int(Sun(series.latitude, series.longitude).is_up(at // 60))


def _days_and_nights(series: Series, times: Sequence[int]) -> list[float | None]:
    sun = Sun(series.latitude, series.longitude)
    return [int(sun.is_up(time // 60)) for time in times]


# ── daily ─────────────────────────────────────────────────────────────────────────────────────────


def _daily(form: Form, series: Series, clock: Clock, units: Units) -> Section:
    in_zone = replace(series, timezone=clock.name)
    local = local_days(in_zone, clock.now, form.days)
    spans = _whole_spans(series, local)
    time_unit = time_unit_of(form)

    def column(name: str) -> Column:
        value = ALL.daily[name]
        unit = time_unit if value.is_time else units.unit(value.variable)
        values = _DERIVATIONS[value.derivation](value, in_zone, local.midnights, spans, units)
        return Column(name, unit, _decimals(value.variable, unit), values, value.is_time)

    return Section("daily", tuple(local.midnights[:-1]), DAY_SECONDS, _columns(form.daily, column))


def _whole_spans(series: Series, local: LocalDays) -> list[slice]:
    """Each day's rows; none of a day that began before the series did, whose values would be those of its rest."""
    return [
        span if next_hour(midnight) >= series.start else slice(0, 0)
        for midnight, span in zip(local.midnights, local.spans, strict=False)
    ]


def _aggregate(
    value: DailyValue, series: Series, midnights: Sequence[int], spans: Sequence[slice], units: Units
) -> Sequence[float | None]:
    if value.aggregate is None:
        return ()
    return aggregated(series, [value.aggregate], spans, units)[value.aggregate[0]]


def _dominant(
    value: DailyValue, series: Series, midnights: Sequence[int], spans: Sequence[slice], units: Units
) -> Sequence[float | None]:
    speeds, directions = (series.columns.get(name, ()) for name in ("wind_speed_10m", "wind_direction_10m"))
    return [dominant_direction(speeds[span], directions[span]) for span in spans]


def _sun(
    value: DailyValue, series: Series, midnights: Sequence[int], spans: Sequence[slice], units: Units
) -> Sequence[float | None]:
    """Sunrise or sunset around the noon of each date, or the seconds of daylight.

    Where the sun does not rise or set, Open-Meteo gives the date's two midnights in polar day, and its first one twice
    in polar night (calculateSunRiseSet in its public source).
    """
    sun, found = Sun(series.latitude, series.longitude), []
    for begin, end in pairwise(midnights):
        rise, set_, daylight_seconds = sun.around_noon(begin // 60)
        if value.derivation == "daylight":
            found.append(round(daylight_seconds, 2))
        elif value.derivation == "sunrise":
            found.append(begin if rise is None else rise * 60)
        else:
            found.append(set_ * 60 if set_ is not None else end if daylight_seconds > 0 else begin)
    return found


_DERIVATIONS: dict[str, Callable[..., Sequence[float | None]]] = {
    "aggregate": _aggregate,
    "dominant": _dominant,
    "sunrise": _sun,
    "sunset": _sun,
    "daylight": _sun,
}
