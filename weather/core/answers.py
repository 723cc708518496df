"""The finished answer: the JSON text that a phone gets and Redis stores, and how it is read back.

The first and last fields have fixed positions: the cell at the beginning identifies the answer, and the values that
HTTP headers need are read from the end, just after `units`. A field that a release adds stands between the cell and
`units`, and may be missing: during a rolling deploy instances of two releases read each other's answers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

import orjson
from blake3 import blake3

from weather.core.answer_shape import TIME, zone_of_answer
from weather.core.cells import Cell
from weather.core.datasets import UNUSUAL_LIFE_SECONDS, AnswerKind, Dataset
from weather.core.runs.model_run import UNKNOWN, ModelRun
from weather.core.series import Series, next_midnight
from weather.core.units import BY_NAME, Name
from weather.core.variables import Variable
from weather.core.windows import CLOCK_SLACK_SECONDS

ATTRIBUTION = "Weather data by Open-Meteo.com (https://open-meteo.com/), CC BY 4.0"
#: A stale answer expires after a minute, so that clients soon get the refreshed one.
STALE_LIFE_SECONDS = 60

_CACHED, _FETCHED = b'"cached":true,"stale":', b'"cached":false,"stale":'
_TIME = TIME.encode()
_TAIL = re.compile(
    rb'"cached":true,"stale":(true|false),"source":"[a-z-]{1,20}","fetched_at":"('
    + _TIME
    + rb')","expires_at":"('
    + _TIME
    + rb')","attribution":'
    + re.escape(orjson.dumps(ATTRIBUTION))
    + rb"}\Z"
)
_LONGEST_TAIL = 300
#: The longest life that a setting can give an answer.
_LONGEST_LIFE_SECONDS = 86_400


@dataclass(frozen=True)
class Question:
    """What a client asks about a cell: of which dataset, how many days (None: it names none), in which units."""

    dataset: Dataset
    cell: Cell
    days: int | None = None
    units: Name = "metric"

    @cached_property
    def kind(self) -> AnswerKind:
        """The kind of answer that it asks for."""
        return self.dataset.kind(self.days)

    @cached_property
    def key(self) -> str:
        """The answer's key in Redis."""
        key = self.kind.key_of(self.cell, self.days)
        return key if self.units == "metric" else f"{key}:units:{self.units}"

    def stored_seconds(self, life_seconds: int) -> int:
        """How long Redis stores an answer that lives `life_seconds`: at most a minute for an unusual number of days."""
        is_usual = self.days in (None, self.kind.usual_days)
        return life_seconds if is_usual else min(life_seconds, UNUSUAL_LIFE_SECONDS)


@dataclass(frozen=True)
class Answer:
    """A finished answer. `text` is UTF-8 JSON in its `"cached": true` form; times are unix seconds."""

    text: bytes
    stale: bool
    fetched_at: int
    expires_at: int
    #: Unix seconds at which the local day that the answer begins with ends; None for current conditions.
    midnight: int | None

    @property
    def fetched_text(self) -> bytes:
        """The text in its `"cached": false` form, for the request that caused an upstream call."""
        return self.text.replace(_CACHED, _FETCHED, 1)

    @cached_property
    def etag(self) -> str:
        """A weak entity tag; the `"cached": false` form has the tag of the `"cached": true` one."""
        return f'W/"{blake3(self.text).hexdigest(length=8)}"'


def derive(
    question: Question,
    series: Series,
    now: float,
    life_seconds: int,
    *,
    stale: bool,
    model_run: ModelRun = UNKNOWN,
) -> Answer:
    """The answer derived from the series for the minute that `now` (unix seconds) lies in.

    It lives `life_seconds`; a stale one at most a minute, and one with days not past the cell's next midnight. It says
    which `model_run` the series comes from; null for what is not known of it.
    """
    kind = question.kind
    expires_at = int(now) + (min(life_seconds, STALE_LIFE_SECONDS) if stale else life_seconds)
    midnight = next_midnight(series.timezone, now) if kind.ends_at_midnight else None
    if midnight is not None:
        expires_at = min(expires_at, midnight)
    units, days = BY_NAME[question.units], question.days or kind.usual_days or 0
    extras = series.available(question.dataset.optional)
    body: dict[str, Any] = {
        "latitude": question.cell.latitude,
        "longitude": question.cell.longitude,
        "grid": {"latitude": series.latitude, "longitude": series.longitude, "elevation": series.elevation},
        "model": model_run.model,
        "run": None if model_run.run is None else _utc(model_run.run),
        "timezone": series.timezone,
        **{section.name: section.derive(series, now, days, units, extras) for section in kind.sections},
        "units": _units(kind, question.units, extras),
        "cached": True,
        "stale": stale,
        "source": series.source,
        "fetched_at": _utc(series.fetched_at),
        "expires_at": _utc(expires_at),
        "attribution": ATTRIBUTION,
    }
    return Answer(_json(body), stale, series.fetched_at, expires_at, midnight)


def read(question: Question, text: bytes, now: float, extras: tuple[Variable, ...] = ()) -> Answer | None:
    """The answer in a text from Redis; None if it does not answer this question, is malformed or has expired.

    None too if it lacks the `extras` that this instance shows: an instance with other settings wrote it. All of the
    text is checked, because one malformed answer would make the JSON of an answer about several cells invalid.
    """
    tail = _TAIL.search(text, max(0, len(text) - _LONGEST_TAIL))
    if tail is None or not text.startswith(_head(question.cell)):
        return None
    if extras and not text.endswith(_units_text(question.kind, question.units, extras), 0, tail.start()):
        return None
    try:
        fetched_at, expires_at = _unix(tail[2]), _unix(tail[3])
        zone = zone_of_answer(text, question.kind.sections)
    except (ValueError, RecursionError):  # OtherShape, and dates that no calendar has
        return None
    midnight = _midnight_after(zone, int(now // 900)) if question.kind.ends_at_midnight else None
    if not now < expires_at <= now + _LONGEST_LIFE_SECONDS + CLOCK_SLACK_SECONDS:
        return None
    if fetched_at > now + CLOCK_SLACK_SECONDS:
        return None
    return Answer(text, tail[1] == b"true", fetched_at, expires_at, midnight)


def prolonged(question: Question, answer: Answer, now: float) -> Answer | None:
    """An expired answer as a stale one that lives another minute; None once the day that it begins with is over."""
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
def _units(kind: AnswerKind, units: Name, extras: tuple[Variable, ...]) -> dict[str, str]:
    return kind.units(extras, BY_NAME[units])


@lru_cache(maxsize=64)
def _units_text(kind: AnswerKind, units: Name, extras: tuple[Variable, ...]) -> bytes:
    """The field of an answer just before those that `_TAIL` matches."""
    return b'"units":%s,' % _json(_units(kind, units, extras))


def _json(body: Mapping[str, Any]) -> bytes:
    return orjson.dumps(body)


@lru_cache(maxsize=4096)
def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=4096)
def _unix(text: bytes) -> int:
    return int(datetime.fromisoformat(text.decode()).timestamp())


@lru_cache(maxsize=4096)
def _midnight_after(zone: str, quarter: int) -> int:
    # In every zone midnight falls on a quarter of an hour, so the result is the same for all of the quarter.
    return next_midnight(zone, quarter * 900)
