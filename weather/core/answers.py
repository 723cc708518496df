"""The finished answer: the JSON text that a phone gets and that Redis keeps, and how it is read back.

Its first and last fields stand at fixed places, so that a hit needs no JSON decoding: the cell at the
beginning proves whose answer it is, and what the headers need is read from the end.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

from blake3 import blake3

from weather.core import forecast
from weather.core.answer_shape import zone_of_answer
from weather.core.cells import Cell
from weather.core.series import Series, next_midnight
from weather.core.units import BY_NAME, Name
from weather.core.variables import Variable

ATTRIBUTION = "Weather data by Open-Meteo.com (https://open-meteo.com/), CC BY 4.0"
#: Nobody waits longer than this to see the refresh that a stale answer is waiting for.
STALE_LIFE_SECONDS = 60

_CACHED, _FETCHED = b'"cached":true,"stale":', b'"cached":false,"stale":'
_TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_TAIL = re.compile(
    rb'"cached":true,"stale":(true|false),"source":"[a-z-]{1,20}","fetched_at":"('
    + _TIME
    + rb')","expires_at":"('
    + _TIME
    + rb')","attribution":'
    + re.escape(json.dumps(ATTRIBUTION).encode())
    + rb"}\Z"
)
_LONGEST_TAIL = 300
#: The longest life that a setting can give an answer, and by how much another instance's clock may be ahead.
_LONGEST_LIFE_SECONDS, _CLOCK_SLACK_SECONDS = 86_400, 3600


@dataclass(frozen=True)
class Question:
    """What a phone asks about a cell: its weather, or its forecast for `days` days, and in which units."""

    cell: Cell
    days: int | None = None
    units: Name = "metric"

    @cached_property
    def key(self) -> str:
        """The answer's name in Redis."""
        if self.units == "imperial":
            return f"{Question(self.cell, self.days).key}:units:imperial"
        if self.days is None:
            return f"weather:{self.cell.key}"
        return f"forecast:{self.cell.key}:days:{self.days}"


@dataclass(frozen=True)
class Answer:
    """A finished answer. `text` is UTF-8 JSON in its `"cached": true` form; times are unix seconds."""

    text: bytes
    stale: bool
    fetched_at: int
    expires_at: int
    #: When the day that a forecast begins with is over in its cell; none for /weather.
    midnight: int | None

    @property
    def fetched_text(self) -> bytes:
        """The same answer for those for whom Open-Meteo was asked."""
        return self.text.replace(_CACHED, _FETCHED, 1)

    @cached_property
    def etag(self) -> str:
        """Weak, and the same for both forms."""
        return f'W/"{blake3(self.text).hexdigest(length=8)}"'


def derive(question: Question, series: Series, now: float, life_seconds: int, *, stale: bool) -> Answer:
    """Works the answer out from what Open-Meteo said, for the minute that `now` lies in.

    It lives `life_seconds`, but a stale one at most a minute and a forecast not past its cell's midnight.
    """
    expires_at = int(now) + (min(life_seconds, STALE_LIFE_SECONDS) if stale else life_seconds)
    midnight = None
    units = BY_NAME[question.units]
    parts: dict[str, Any]
    if question.days is None:
        parts = {"current": forecast.current(series, now, units)}
    else:
        midnight = next_midnight(series.timezone, now)
        expires_at = min(expires_at, midnight)
        parts = {
            "daily": forecast.daily(series, now, question.days, units),
            "hourly": forecast.hourly(series, now, question.days, units),
        }
    body = {
        "latitude": question.cell.latitude,
        "longitude": question.cell.longitude,
        "grid": {"latitude": series.latitude, "longitude": series.longitude, "elevation": series.elevation},
        "timezone": series.timezone,
        **parts,
        "units": _units(question.days is None, question.units, forecast.extras_of(series)),
        "cached": True,
        "stale": stale,
        "source": series.source,
        "fetched_at": _utc(series.fetched_at),
        "expires_at": _utc(expires_at),
        "attribution": ATTRIBUTION,
    }
    return Answer(_json(body), stale, series.fetched_at, expires_at, midnight)


def read(question: Question, text: bytes, now: float, extras: tuple[Variable, ...] = ()) -> Answer | None:
    """The answer in `text` as Redis kept it; None where it is not one to this question, or has ended.

    None too where it is without the `extras` that this instance shows, as one of other settings may have written it.
    The whole text is looked at: one that is no JSON would spoil a call about several places for all of them.
    """
    tail = _TAIL.search(text, max(0, len(text) - _LONGEST_TAIL))
    if tail is None or not text.startswith(_head(question.cell)):
        return None
    if extras and not text.endswith(_units_text(question.days is None, question.units, extras), 0, tail.start()):
        return None
    try:
        fetched_at, expires_at = _unix(tail[2]), _unix(tail[3])
        zone = zone_of_answer(text, is_forecast=question.days is not None)
    except (ValueError, RecursionError):  # OtherShape, and dates that no calendar has
        return None
    midnight = None if question.days is None else _midnight_after(zone, int(now // 900))
    if not now < expires_at <= now + _LONGEST_LIFE_SECONDS + _CLOCK_SLACK_SECONDS:
        return None
    if fetched_at > now + _CLOCK_SLACK_SECONDS:
        return None
    return Answer(text, tail[1] == b"true", fetched_at, expires_at, midnight)


def prolonged(question: Question, answer: Answer, now: float) -> Answer | None:
    """An answer that has ended, as a stale one for a minute more; None once the day that it begins with is over."""
    expires_at = int(now) + STALE_LIFE_SECONDS
    if answer.midnight is not None:
        expires_at = min(expires_at, answer.midnight)
    tail = _TAIL.search(answer.text)
    if tail is None or expires_at <= now:
        return None
    start, end = answer.text[: tail.start(1)], answer.text[tail.end(3) :]
    text = start + b"true" + answer.text[tail.end(1) : tail.start(3)] + _utc(expires_at).encode() + end
    return replace(answer, text=text, stale=True, expires_at=expires_at)


def _head(cell: Cell) -> bytes:
    return b'{"latitude":%s,"longitude":%s,' % (str(cell.latitude).encode(), str(cell.longitude).encode())


@lru_cache(maxsize=64)
def _units(is_current: bool, units: Name, extras: tuple[Variable, ...]) -> dict[str, str]:
    hourly = forecast.hourly_units(extras, BY_NAME[units])
    return hourly if is_current else forecast.daily_units(extras, BY_NAME[units]) | hourly


@lru_cache(maxsize=64)
def _units_text(is_current: bool, units: Name, extras: tuple[Variable, ...]) -> bytes:
    """How an answer ends before what it says of itself."""
    return b'"units":%s,' % _json(_units(is_current, units, extras))


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=4096)
def _unix(text: bytes) -> int:
    return int(datetime.fromisoformat(text.decode()).timestamp())


@lru_cache(maxsize=4096)
def _midnight_after(zone: str, quarter: int) -> int:
    # All zones' midnights lie on quarters of an hour, so one look serves all answers of the quarter.
    return next_midnight(zone, quarter * 900)
