"""Compares our daily and current values with those that Open-Meteo derives from the same hours, within tolerances.

Each comparison returns one line for the report, or raises Differs.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from weather.core import forecast
from weather.core.forecast import DAILY_UNITS
from weather.core.series import Series
from weather.core.variables import FORECAST_DAYS, HOUR_SECONDS, HOURLY, HOURLY_NAMES, Variable
from weather.core.zones import label_error_seconds, zone_of

DAY_SECONDS = 24 * HOUR_SECONDS
#: By how much our sunrise and sunset may differ from Open-Meteo's, which has another formula.
SUN_SECONDS = 180

#: All other daily values are maxima or minima and must be equal. Open-Meteo may sum before it rounds the 24 hours to
#: 0.01 mm, which is up to 0.005 mm an hour, and average directions before it rounds them to degrees.
DAY_TOLERANCES = {
    "precipitation_sum": 24 * 0.005,
    "wind_direction_10m_dominant": 5.0,
    "sunrise": SUN_SECONDS,
    "sunset": SUN_SECONDS,
}

#: We interpolate linearly, Open-Meteo along a curve, and wind by its components. For variables that we take from one of
#: the two hours around, Open-Meteo may interpolate: then the tolerance is added to the range of the two hours.
CURRENT_TOLERANCES = {
    "temperature_2m": 0.5,
    "relative_humidity_2m": 4.0,
    "apparent_temperature": 0.8,
    "precipitation": 0.2,
    "precipitation_probability": 3.0,
    "weather_code": 0.0,
    "pressure_msl": 0.5,
    "wind_speed_10m": 2.0,
    "wind_direction_10m": 20.0,
    "wind_gusts_10m": 2.0,
}
#: Below this the wind's direction is not compared.
LEAST_WIND_KM_PER_H = 5.0


class Differs(Exception):
    """A value of Open-Meteo's is not what this service derives; the text names the first one."""


def days(series: Series, document: Mapping[str, Any]) -> str:
    """Compares the daily columns; the line counts the days that are equal. Raises Differs.

    Left out are days without all 24 hours, days after a change of the clocks, because Open-Meteo's days keep today's
    offset, and days at negative offsets such as Newfoundland's, whose first hour belongs to the day before.
    """
    theirs, offset = document["daily"], document["utc_offset_seconds"]
    ours = forecast.daily(series, document["current"]["time"], FORECAST_DAYS)
    compared = values = 0
    differences: list[str] = []
    for row, start in enumerate(theirs["time"]):
        date = datetime.fromtimestamp(start + offset, UTC).date().isoformat()
        if date not in ours["time"] or not _is_comparable(series, start, offset):
            continue
        compared += 1
        for name in _given(series, start):
            own, reported = ours[name][ours["time"].index(date)], theirs[name][row]
            if name in ("sunrise", "sunset"):
                own, reported = _seconds(own), reported or None  # the epoch stands for no sunrise
            values += 1
            if not _is_near(own, reported, DAY_TOLERANCES.get(name, 0.0), circular=DAILY_UNITS[name] == "°"):
                differences.append(f"{date} {name} {_shown(name, own)}, Open-Meteo says {_shown(name, reported)}")
    _report(differences)
    if not compared:
        raise Differs("not one of them can be compared")
    left_out = f"; {len(theirs['time']) - compared} left out" if compared < len(theirs["time"]) else ""
    return f"{compared} days equal Open-Meteo's own ({values} values{left_out})"


def current(series: Series, document: Mapping[str, Any]) -> str:
    """Compares the current conditions; the line names their time. Raises Differs."""
    theirs = document["current"]
    time = theirs["time"] + label_error_seconds(document["utc_offset_seconds"])
    ours = forecast.current(series, time)
    differences = [
        f"{name} {ours[name]}, Open-Meteo says {theirs[name]!r}"
        for name, variable in zip(HOURLY_NAMES, HOURLY, strict=True)
        if not _is_read_alike(series, variable, time, ours, theirs)
    ]
    if ours["is_day"] not in _possible_days(document["daily"], time):
        differences.append(f"is_day {ours['is_day']}, which is not between Open-Meteo's sunrise and sunset")
    _report(differences)
    return f"{ours['time']} equals Open-Meteo's own within the tolerances"


def formats(series: Series, in_messages: Series) -> str:
    """Compares the hourly columns that came as JSON with those that came as FlatBuffers.

    The line counts the values that are equal. Raises Differs.
    """
    differences: list[str] = []
    compared = 0
    if series.start != in_messages.start or series.hours != in_messages.hours:
        raise Differs("FlatBuffers have other hours than JSON")
    for name in series.columns.keys() & in_messages.columns.keys():
        for row, (value, other) in enumerate(zip(series.columns[name], in_messages.columns[name], strict=True)):
            compared += 1
            if value != other:
                differences.append(f"{name} of hour {row} {value!r}, FlatBuffers say {other!r}")
    _report(differences)
    return f"{compared} values are equal in JSON and in FlatBuffers"


def hours(series: Series, unlabelled: Series) -> str:
    """Compares the hourly columns with those from a call with `timezone=GMT`, whose labels are right.

    The line counts the hours that are equal. Raises Differs.
    """
    first = (unlabelled.start - series.start) // HOUR_SECONDS
    differences: list[str] = []
    compared = 0
    for name, unlabelled_column in unlabelled.columns.items():
        column = series.columns[name]
        for row, reported in enumerate(unlabelled_column):
            if not 0 <= first + row < len(column):
                continue
            compared += 1
            if column[first + row] != reported:
                moment = datetime.fromtimestamp(unlabelled.start + row * HOUR_SECONDS, UTC)
                differences.append(f"{moment:%Y-%m-%dT%H:%MZ} {name} {column[first + row]!r}, GMT says {reported!r}")
    _report(differences)
    if not compared:
        raise Differs("not one of them can be compared")
    return f"{compared // len(unlabelled.columns)} hours equal those of GMT ({compared} values)"


def utc_offset_seconds(zone: str, moment: float) -> int:
    """The offset from UTC of an IANA zone at `moment` (unix seconds); raises UnknownZone."""
    offset = datetime.fromtimestamp(moment, zone_of(zone)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _report(differences: Sequence[str]) -> None:
    if differences:
        more = f" (and {len(differences) - 1} more)" if differences[1:] else ""
        raise Differs(differences[0] + more)


def _is_comparable(series: Series, start: int, offset: int) -> bool:
    same_clock = all(utc_offset_seconds(series.timezone, moment) == offset for moment in (start, start + DAY_SECONDS))
    first_of_the_day = same_clock and label_error_seconds(offset) >= 0
    return first_of_the_day and 0 <= _first_row(series, start) <= len(series.columns["temperature_2m"]) - 24


def _first_row(series: Series, start: int) -> int:
    """The first row that is not before the start of a day."""
    return -((series.start - start) // HOUR_SECONDS)


def _given(series: Series, start: int) -> Iterator[str]:
    """The names of the daily columns for whose day, beginning at `start`, the series has all 24 hours."""
    first = _first_row(series, start)
    for name in DAILY_UNITS:
        # The longest: precipitation_probability_max begins with precipitation too.
        source = max((hourly for hourly in HOURLY_NAMES if name.startswith(hourly)), key=len, default=None)
        if name != "time" and (source is None or None not in series.columns[source][first : first + 24]):
            yield name


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e11  # larger numbers are neither weather nor a time


def _is_near(own: Any, reported: Any, tolerance: float, *, circular: bool = False) -> bool:
    if own is None or not _is_number(reported):
        return own is None and reported is None
    distance = abs((reported - own + 180) % 360 - 180) if circular else abs(reported - own)
    return bool(distance <= tolerance + 1e-6)  # 18.3 - 18.2 is a little more than 0.1


def _is_read_alike(
    series: Series, variable: Variable, time: int, ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> bool:
    own, reported, tolerance = ours[variable.name], theirs[variable.name], CURRENT_TOLERANCES[variable.name]
    if variable.name == "precipitation":
        # Ours is the sum of the hour that ends, Open-Meteo's that of the last `interval` seconds.
        return _is_near(own if own is None else own * theirs["interval"] / HOUR_SECONDS, reported, tolerance)
    if variable.reading == "circular":
        if (ours["wind_speed_10m"] or 0.0) < LEAST_WIND_KM_PER_H:
            return True
        return _is_near(own, reported, tolerance, circular=True)
    if variable.reading == "linear" or own is None or not _is_number(reported):
        return _is_near(own, reported, tolerance)
    row, seconds = divmod(time - series.start, HOUR_SECONDS)
    around = [value for value in series.columns[variable.name][row : row + 1 + (seconds > 0)] if value is not None]
    return bool(min(around) - tolerance <= reported <= max(around) + tolerance)


def _possible_days(daily: Mapping[str, Any], time: int) -> set[bool]:
    """The values that `is_day` may have by Open-Meteo's sunrise and sunset; both, if one is near or missing."""
    for start, rise, set_ in zip(daily["time"], daily["sunrise"], daily["sunset"], strict=True):
        if start <= time < start + DAY_SECONDS and _is_number(rise) and _is_number(set_) and rise < set_:
            return {rise <= time + slack < set_ for slack in (-SUN_SECONDS, SUN_SECONDS)}
    return {False, True}


def _seconds(iso: str | None) -> float | None:
    return None if iso is None else datetime.fromisoformat(iso).timestamp()


def _shown(name: str, value: Any) -> str:
    if name in ("sunrise", "sunset") and _is_number(value):
        return f"{datetime.fromtimestamp(value, UTC):%H:%M} UTC"
    return repr(value)
