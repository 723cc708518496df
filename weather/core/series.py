"""The hourly series of a cell, and how it is read: at a moment, hour by hour, and by local days.

Which variables a series has, and what else an answer shows, is declared in weather/core/datasets/.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from weather.core.units import Units
from weather.core.variables import HOUR_SECONDS, Variable
from weather.core.zones import zone_of

HOURS_SHOWN = 48
#: By how much the date of one zone may begin before that of another.
EARLIER_HOURS = 26
#: How long before its fetch a record may begin.
EARLIEST_START_SECONDS = 3 * 86_400

#: A daily value: its name, the hourly variable that it is derived from, and the function of that variable's values.
Aggregate = tuple[str, Variable, Callable[[list[float]], float]]


@dataclass(frozen=True, slots=True)
class Series:
    """Open-Meteo's forecast for one cell: hourly columns from `start` on, one row an hour, no hour left out."""

    latitude: float  # the weather model's own point, degrees
    longitude: float
    elevation: float | None  # metres
    timezone: str  # IANA
    start: int  # unix seconds of the first row, a full hour of UTC
    columns: Mapping[str, Sequence[float | None]]  # by Open-Meteo's names, all of one length
    fetched_at: int  # unix seconds
    source: str  # "open-meteo" or "simulator"

    @property
    def hours(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def column(self, variable: Variable) -> Sequence[float | None]:
        """The variable's values by row, in its own unit; empty where the series does not have it."""
        return self.columns.get(variable.name, ())

    def available(self, variables: Iterable[Variable]) -> tuple[Variable, ...]:
        """The subset of `variables` that the series has a column for, in their order."""
        return tuple(variable for variable in variables if variable.name in self.columns)


def with_earlier_rows(new: Series, held: Series) -> Series:
    """The new series with the rows of the one held before it from up to EARLIER_HOURS before its own first.

    A day of another time zone may have begun before the place's own, with which an answer of Open-Meteo begins. Rows of
    another source or of another point of the weather model are not joined, and none makes a record that begins earlier
    than a record may.
    """
    oldest = new.fetched_at - EARLIEST_START_SECONDS
    first = max(held.start, new.start - EARLIER_HOURS * HOUR_SECONDS, -(-oldest // HOUR_SECONDS) * HOUR_SECONDS)
    rows = (new.start - first) // HOUR_SECONDS
    begin = (first - held.start) // HOUR_SECONDS
    if _origin(new) != _origin(held) or not new.columns.keys() <= held.columns.keys():
        return new
    if rows <= 0 or begin + rows > held.hours:
        return new
    columns = {name: [*held.columns[name][begin : begin + rows], *column] for name, column in new.columns.items()}
    return replace(new, start=first, columns=columns)


def values_at(series: Series, variables: Iterable[Variable], now: float, units: Units) -> dict[str, object]:
    """`time`, the ISO 8601 minute that `now` (unix seconds) lies in, and the value of each variable at it.

    A value is null before the series' first local day and after its last row.
    """
    minute = int(now // 60)
    zone = zone_of(series.timezone)
    row, seconds = divmod(minute * 60 - series.start, HOUR_SECONDS)
    if is_before_first_row(series, minute * 60):
        row, seconds = 0, 0
    values: dict[str, object] = {"time": iso(minute * 60, zone)}
    for variable in variables:
        values[variable.name] = _reading(variable, series.column(variable), row, seconds, units)
    return values


def hour_times(series: Series, now: float, days: int) -> range:
    """The unix seconds of the hours to show: from the one that `now` lies in on, at a full hour of UTC.

    There are 48, or as many as there are to the end of the last of `days` local days.
    """
    zone = zone_of(series.timezone)
    start = series.start + int((now - series.start) // HOUR_SECONDS) * HOUR_SECONDS
    return range(start, midnight(today(now, zone) + timedelta(days), zone), HOUR_SECONDS)[:HOURS_SHOWN]


def hours_from(
    series: Series, variables: Iterable[Variable], now: float, times: range, units: Units
) -> dict[str, list[Any]]:
    """`time` (ISO 8601) and a column for each variable, with a row for each of `hour_times`.

    A value is null where the series has no row for it.
    """
    zone = zone_of(series.timezone)
    first = (times.start - series.start) // HOUR_SECONDS
    rows = [*range(first, first + len(times))]
    if is_before_first_row(series, now):
        rows[0] = 0
    columns: dict[str, list[Any]] = {"time": [iso(time, zone) for time in times]}
    shown = units.shown
    for variable in variables:
        column = series.column(variable)
        columns[variable.name] = [shown(variable, column[row]) if 0 <= row < len(column) else None for row in rows]
    return columns


@dataclass(frozen=True, slots=True)
class LocalDays:
    """Consecutive local dates: `midnights` has one more than `dates`; `spans` are each day's rows of the series."""

    dates: Sequence[date]
    midnights: Sequence[int]  # unix seconds
    spans: Sequence[slice]


def local_days(series: Series, now: float, days: int) -> LocalDays:
    """`days` dates in the series' time zone from today on; a row belongs to the local date of its time."""
    zone = zone_of(series.timezone)
    dates = [today(now, zone) + timedelta(day) for day in range(days + 1)]
    midnights = [midnight(day, zone) for day in dates]
    # Rounded up: if the zone is not a full hour off UTC, midnight falls between two rows, and the later is the first.
    first_rows = [max(0, -((series.start - start) // HOUR_SECONDS)) for start in midnights]
    return LocalDays(dates[:-1], midnights, [slice(*rows) for rows in pairwise(first_rows)])


def aggregated(
    series: Series,
    aggregates: Iterable[Aggregate],
    spans: Sequence[slice],
    units: Units,
    *,
    of_whole_spans: bool = False,
) -> dict[str, list[Any]]:
    """Name of the aggregate → its value for each of `spans` (slices of rows); null if no row has a value.

    With `of_whole_spans` it is null if a single row has none.
    """
    least = [span.stop - span.start if of_whole_spans else 1 for span in spans]
    columns = {}
    for name, variable, aggregate in aggregates:
        column = series.column(variable)
        given = [[value for value in column[span] if value is not None] for span in spans]
        columns[name] = [
            units.shown(variable, aggregate(values)) if values and len(values) >= rows else None
            for values, rows in zip(given, least, strict=True)
        ]
    return columns


def is_before_first_row(series: Series, now: float) -> bool:
    """Whether `now` lies after the first day's local midnight and before the first row, which then is used.

    Open-Meteo's answers begin at local midnight; where the zone is not a full hour off UTC, the first row is later.
    """
    zone = zone_of(series.timezone)
    after_midnight = series.start - midnight(today(series.start, zone), zone)
    return after_midnight < HOUR_SECONDS and -after_midnight <= now - series.start < 0


def next_midnight(timezone: str, now: float) -> int:
    """When the present date ends in an IANA zone, in unix seconds; UnknownZone if there is no such zone."""
    zone = zone_of(timezone)
    return midnight(today(now, zone) + timedelta(1), zone)


def iso(seconds: int, zone: ZoneInfo) -> str:
    """Unix seconds as ISO 8601 with the zone's offset."""
    return datetime.fromtimestamp(seconds, zone).isoformat()


def today(now: float, zone: ZoneInfo) -> date:
    """The date that the zone's clock shows at `now` (unix seconds)."""
    return datetime.fromtimestamp(now, zone).date()


def midnight(day: date, zone: ZoneInfo) -> int:
    """When a local date begins, in unix seconds.

    Where the clock shows midnight twice it is the first one, where it leaps over midnight the moment of the leap.
    """
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _origin(series: Series) -> tuple[object, ...]:
    return series.source, series.latitude, series.longitude, series.elevation


def _reading(variable: Variable, column: Sequence[float | None], row: int, seconds: int, units: Units) -> float | None:
    """The variable `seconds` after `row`, by its `variables.Reading`.

    Halfway, the nearest hour is the later one, and between opposite directions the wind turns counter-clockwise.
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
