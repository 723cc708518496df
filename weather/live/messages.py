"""What a phone may say on a stream, and what it is told; pure."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from weather.core.answers import Question
from weather.core.cells import Cell, latitude_tenths, longitude_tenths
from weather.core.datasets import WEATHER
from weather.core.units import BY_NAME, Name
from weathernote.http.parameters import Errors
from weathernote.http.problems import Problem, invalid_parameters

#: The longest message that a phone may send, in bytes.
LONGEST_BYTES = 16_384
_POSITIONS = {"lat": latitude_tenths, "lon": longitude_tenths}
_TYPES = ("subscribe", "unsubscribe")


class Asked(NamedTuple):
    """A message of a phone: the question that it wants answered from now on, or no more."""

    question: Question
    is_subscription: bool


def read(text: str | None) -> Asked:
    """The message in a text, None for bytes that are no text; raises Problem (400), which names what is wrong."""
    body = _object(text)
    errors: Errors = []
    kind = body.get("type")
    if kind not in _TYPES:
        errors.append(("type", f"must be {' or '.join(_TYPES)}"))
    lat, lon = (_tenths(body, name, errors) for name in _POSITIONS)
    units = _units(body, errors)
    if errors:
        raise invalid_parameters(errors)
    return Asked(Question(WEATHER, Cell(lat, lon), None, units), kind == "subscribe")


def weather_text(cell: Cell, etag: str, text: bytes) -> str:
    """An answer as a message for a WebSocket; `text` is that of /weather."""
    place = f'"latitude":{cell.latitude},"longitude":{cell.longitude}'
    return f'{{"type":"weather",{place},"etag":{json.dumps(etag)},"weather":{text.decode()}}}'


def problem_text(cell: Cell | None, details: Mapping[str, Any]) -> str:
    """A problem as a message for a WebSocket; it is about no cell where none could be read."""
    place = {"latitude": cell and cell.latitude, "longitude": cell and cell.longitude}
    return _json({"type": "problem", **place, "problem": details})


def weather_event(etag: str, text: bytes) -> bytes:
    """An answer as a server-sent event; `text` is that of /weather, which has no line break."""
    return b"event: weather\nid: %s\ndata: %s\n\n" % (etag.encode(), text)


def problem_event(details: Mapping[str, Any]) -> bytes:
    """A problem as a server-sent event, without an ID: the phone keeps that of its last answer."""
    return b"event: problem\ndata: %s\n\n" % _json(details).encode()


def retry_event(milliseconds: int) -> bytes:
    """Tells a page's EventSource how long to wait before it comes back after a break."""
    return b"retry: %d\n\n" % milliseconds


#: A comment, which keeps a stream of events open that has nothing to tell.
PING_EVENT = b": ping\n\n"


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _object(text: str | None) -> dict[str, Any]:
    try:
        body = json.loads(text or "", object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise invalid_parameters([("message", "must be a JSON object, in text, that names nothing twice")])
    return body


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a name stands twice")
    return named


def _tenths(body: Mapping[str, Any], name: str, errors: Errors) -> int:
    text = body.get(name)
    if not isinstance(text, str) or not text:
        errors.append((name, "is missing" if text in (None, "") else 'must be a text, such as "40.7128"'))
        return 0
    try:
        return _POSITIONS[name](text)
    except ValueError as invalid:
        errors.append((name, str(invalid)))
        return 0


def _units(body: Mapping[str, Any], errors: Errors) -> Name:
    named = body.get("units", "metric")
    for name in BY_NAME:
        if named == name:
            return name
    errors.append(("units", f"must be {' or '.join(BY_NAME)}"))
    return "metric"


def too_many_cells(most: int) -> Problem:
    """A 400 for a subscription beyond the cells that a stream may have."""
    return invalid_parameters([("message", f"is about one place more than the {most} that a stream may have")])


def not_subscribed() -> Problem:
    """A 400 for the end of a subscription that is none."""
    return invalid_parameters([("message", "is about a place that is not subscribed")])
