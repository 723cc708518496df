"""Open-Meteo's answer as JSON text: a pure function of the call and the time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from weather.core.variables import EXTRA_NAMES, HOURLY, KNOWN
from weather.simulator import extras
from weather.simulator.call import DAILY_UNITS, UNITS, Asked
from weather.simulator.daylight import sunrise_and_sunset
from weather.simulator.weather import (
    DAY_SECONDS,
    HOUR_SECONDS,
    QUARTER_SECONDS,
    Place,
    Series,
    hourly,
)

# Texts of numbers, looked up rather than formatted. Negative tenths read the list from its end.
_TENTHS = [f"{tenths / 10:.1f}" for tenths in range(12_000)] + [f"{tenths / 10:.1f}" for tenths in range(-1500, 0)]
_WHOLE = [str(number) for number in range(361)]
_MILLIMETRES = [f"{tenths / 10:.2f}" for tenths in range(3200)]
_TEXTS_BY_DECIMALS = {0: _WHOLE, 1: _TENTHS, 2: _MILLIMETRES}

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


@dataclass(frozen=True)
class _Clock:
    """The hours of an answer: from local midnight of today, in the zone's offset of now for all of them."""

    now: float
    zone: str
    offset: int
    start: int
    days: int
    unixtime: bool

    @classmethod
    def at(cls, asked: Asked, place: Place, now: float) -> "_Clock":
        zone = place.zone if asked.zone == "auto" else asked.zone
        offset = _utc_offset(zone, now)
        start = int(now + offset) // DAY_SECONDS * DAY_SECONDS - offset
        return cls(now, zone, offset, start, asked.days, asked.unixtime)

    @property
    def unit(self) -> str:
        return "unixtime" if self.unixtime else "iso8601"

    @property
    def label_error(self) -> int:
        """Seconds that hours are later than their labels: the real server reads at the offset cut to full hours."""
        return self.offset - math.trunc(self.offset / HOUR_SECONDS) * HOUR_SECONDS

    @property
    def first_hour(self) -> int:
        """The instant of the first row, which the real server labels as `start`."""
        return self.start + self.label_error

    @property
    def quarter(self) -> int:
        return int(self.now) // QUARTER_SECONDS * QUARTER_SECONDS

    def times(self, step: int) -> str:
        return _times(self.start, self.days * DAY_SECONDS // step, step, self.offset, self.unixtime)

    def time(self, at: int) -> str:
        return _times(at, 1, HOUR_SECONDS, self.offset, self.unixtime)


def _utc_offset(zone: str, now: float) -> int:
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    return int(local.replace(tzinfo=UTC).timestamp() - local.timestamp())


@lru_cache(maxsize=1000)
def _times(start: int, count: int, step: int, offset: int, unixtime: bool) -> str:
    instants = range(start, start + count * step, step)
    if unixtime:
        return ",".join(map(str, instants))
    text = "%Y-%m-%d" if step == DAY_SECONDS else "%Y-%m-%dT%H:%M"
    return ",".join(f'"{datetime.fromtimestamp(at + offset, UTC).strftime(text)}"' for at in instants)


def _abbreviation(offset: int) -> str:
    """As the real server writes it whatever the zone's own letters are: `GMT`, `GMT-4`, `GMT+9:30`."""
    if not offset:
        return "GMT"
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"GMT{'-' if offset < 0 else '+'}{hours}" + (f":{minutes:02}" if minutes else "")


def place_texts(asked: Asked, now: float, generation_ms: float = 0.1) -> list[str]:
    """One JSON object as text for each place."""
    return [_place_text(asked, number, place, now, generation_ms) for number, place in enumerate(asked.places)]


def joined(texts: list[str]) -> str:
    """The body: an object for one place, an array for several."""
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


def _place_text(asked: Asked, number: int, place: Place, now: float, generation_ms: float) -> str:
    clock = _Clock.at(asked, place, now)
    latitude, longitude = grid_point(place)
    parts = [
        f'"latitude":{latitude},"longitude":{longitude},"generationtime_ms":{generation_ms}',
        f'"utc_offset_seconds":{clock.offset},"timezone":"{clock.zone}"',
        f'"timezone_abbreviation":"{_abbreviation(clock.offset)}","elevation":{place.elevation}.0',
    ]
    if number:
        parts.append(f'"location_id":{number}')
    if asked.current:
        parts.append(_current_section(asked.current, place, clock))
    if asked.hourly or asked.daily:
        series = hourly(place, clock.first_hour, asked.days * 24, now)
        if asked.hourly:
            parts.append(_hourly_section(asked.hourly, place, series, clock))
        if asked.daily:
            parts.append(_daily_section(asked.daily, series, place, clock))
    return f"{{{','.join(parts)}}}"


def grid_point(place: Place) -> tuple[float, float]:
    """The nearest sixteenth of a degree, which is at most 5 km away and never named 180° east."""
    longitude = round(place.longitude * 16) / 16 + 0.0
    return round(place.latitude * 16) / 16 + 0.0, -180.0 if longitude == 180 else longitude


def _section(name: str, units: dict[str, str], columns: dict[str, str]) -> str:
    unit_texts = ",".join(f'"{column}":"{units[column]}"' for column in columns)
    values = ",".join(f'"{column}":{text}' for column, text in columns.items())
    return f'"{name}_units":{{{unit_texts}}},"{name}":{{{values}}}'


def _hourly_section(names: Sequence[str], place: Place, series: Series, clock: _Clock) -> str:
    columns = {"time": f"[{clock.times(HOUR_SECONDS)}]"}
    for name in names:
        if name in EXTRA_NAMES:
            values = extras.values(name, place, clock.first_hour, series)
            columns[name] = f"[{','.join(extras.text(name, value) for value in values)}]"
            continue
        columns[name] = f"[{','.join(map(_TEXTS[name].__getitem__, series[name]))}]"
    return _section("hourly", UNITS | {"time": clock.unit}, columns)


def _daily_section(names: Sequence[str], series: Series, place: Place, clock: _Clock) -> str:
    columns = {"time": f"[{clock.times(DAY_SECONDS)}]"}
    for name in names:
        columns[name] = f"[{','.join(_daily_texts(name, series, place, clock))}]"
    units = DAILY_UNITS | dict.fromkeys(("time", "sunrise", "sunset"), clock.unit)
    return _section("daily", units, columns)


def _daily_texts(name: str, series: Series, place: Place, clock: _Clock) -> list[str]:
    if name in ("sunrise", "sunset"):
        return [_sun_text(name, place, clock, day) for day in range(clock.days)]
    days = [slice(day * 24, day * 24 + 24) for day in range(clock.days)]
    if name == "wind_direction_10m_dominant":
        return [str(_dominant(series["wind_direction_10m"][day], series["wind_speed_10m"][day])) for day in days]
    source, aggregate = _DAILY[name]
    return [_TEXTS[source][aggregate(series[source][day])] for day in days]


def _sun_text(name: str, place: Place, clock: _Clock, day: int) -> str:
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


def _current_section(names: Sequence[str], place: Place, clock: _Clock) -> str:
    since_hour = (clock.quarter - clock.start) % HOUR_SECONDS
    hour = clock.quarter - since_hour + clock.label_error
    rows = hourly(place, hour, 2, clock.now)
    columns = {"time": clock.time(clock.quarter), "interval": "900"}
    for name in names:
        if name in EXTRA_NAMES:
            both = extras.values(name, place, hour, rows)
            columns[name] = extras.text(name, _between(name, both, since_hour / HOUR_SECONDS))
            continue
        columns[name] = _TEXTS[name][_between(name, rows[name], since_hour / HOUR_SECONDS)]
    return _section("current", UNITS | {"time": clock.unit, "interval": "seconds"}, columns)


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
