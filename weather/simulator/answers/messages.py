"""Open-Meteo's answer as FlatBuffers, made from its JSON, so that a fault in a document is one in its message too."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import nan
from typing import Any

from weather.core.flatbuffers.message_names import DAILY, HOURLY, UNITS, Identity
from weather.core.flatbuffers.messages import Column, Message, Section, packed
from weather.simulator.place import DAY_SECONDS, HOUR_SECONDS

CONTENT_TYPE = "application/octet-stream"
_INTERVALS = {"hourly": HOUR_SECONDS, "daily": DAY_SECONDS}
#: In place of what has no number in the schema.
_UNKNOWN = 0


def messages_of(texts: list[str]) -> bytes:
    """The body for JSON objects about each place: a message for each, after its length."""
    return b"".join(map(_message, texts))


def _message(text: str) -> bytes:
    try:
        document = json.loads(text)
    except ValueError:  # nan, as for a point outside of a model's area
        document = {}
    offset = document.get("utc_offset_seconds", 0)
    zone = document.get("timezone")
    is_gmt = zone == "GMT"
    return packed(
        Message(
            latitude=document.get("latitude", nan),
            longitude=document.get("longitude", nan),
            elevation=document.get("elevation"),
            generation_ms=document.get("generationtime_ms", 0.0),
            location_id=document.get("location_id", 0),
            utc_offset_seconds=offset,
            timezone=None if is_gmt else zone,
            timezone_abbreviation=None if is_gmt else document.get("timezone_abbreviation"),
            **{
                name: _section(name, document, offset)
                for name in ("current", "hourly", "daily")
                if isinstance(document.get(name), dict)
            },
        )
    )


def _section(name: str, document: Mapping[str, Any], offset: int) -> Section:
    values, units = dict(document[name]), document[f"{name}_units"]
    identities = DAILY if name == "daily" else HOURLY
    time = values.pop("time")
    is_current = name == "current"
    interval = values.pop("interval", _INTERVALS.get(name, 0))
    times = [_seconds(one, offset) for one in ([time] if is_current else time)]
    columns = [
        _column(identities.get(column, Identity(_UNKNOWN)), units.get(column), given, offset, is_current=is_current)
        for column, given in values.items()
    ]
    start = times[0] if times else 0
    return Section(start, start + len(times) * interval, interval, columns, is_current)


def _column(identity: Identity, unit: str | None, given: Any, offset: int, *, is_current: bool) -> Column:
    number = UNITS.get(unit or "", _UNKNOWN)
    if identity in (DAILY["sunrise"], DAILY["sunset"]):
        return Column(identity, number, [_seconds(one, offset) for one in given], is_time=True)
    values = [given] if is_current else given
    return Column(identity, number, [one if isinstance(one, int | float) else None for one in values])


def _seconds(label: int | str, offset: int) -> int:
    if isinstance(label, int):
        return label
    return int(datetime.fromisoformat(label).replace(tzinfo=UTC).timestamp()) - offset
