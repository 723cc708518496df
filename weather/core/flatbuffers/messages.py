"""Open-Meteo's FlatBuffers: how an answer about one place is written.

The schema is that of openmeteo-sdk (`WeatherApiResponse`), whose classes read only. So messages are written here by its
fields' numbers, with whole columns put in as bytes.
"""

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from flatbuffers import Builder
from openmeteo_sdk.Model import Model

from weather.core.flatbuffers.message_names import Identity


@dataclass(frozen=True, slots=True)
class Column:
    """A variable's values, null as None; moments, in unix seconds, if `is_time`."""

    identity: Identity
    unit: int
    values: Sequence[float | None]
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Columns whose rows begin at `start`, one each `interval` seconds; `end` is after the last. Times are unix."""

    start: int
    end: int
    interval: int
    columns: Sequence[Column]
    #: Whether each column is one value rather than a row of them.
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """An answer about one place; the names of the zone are None for GMT."""

    latitude: float
    longitude: float
    elevation: float | None
    generation_ms: float
    location_id: int
    utc_offset_seconds: int
    timezone: str | None
    timezone_abbreviation: str | None
    current: Section | None = None
    daily: Section | None = None
    hourly: Section | None = None


def packed(message: Message) -> bytes:
    """The message with its length before it: 4 bytes, little-endian. Values are float32, NaN for None."""
    builder = Builder(4096)
    texts = [text and builder.CreateString(text) for text in (message.timezone, message.timezone_abbreviation)]
    sections = [section and _section(builder, section) for section in (message.current, message.daily, message.hourly)]
    builder.StartObject(15)
    elevation = nan if message.elevation is None else message.elevation
    floats = (message.latitude, message.longitude, elevation, message.generation_ms)
    for slot, value in enumerate(floats):
        builder.PrependFloat32Slot(slot, value, 0.0)
    builder.PrependInt64Slot(4, message.location_id, 0)
    builder.PrependUint8Slot(5, Model.best_match, 0)
    builder.PrependInt32Slot(6, message.utc_offset_seconds, 0)
    for slot, offset in enumerate((*texts, *sections), start=7):
        if offset:
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.FinishSizePrefixed(builder.EndObject())
    return bytes(builder.Output())


def _section(builder: Builder, section: Section) -> int:
    columns = [_column(builder, column, is_current=section.is_current) for column in section.columns]
    builder.StartVector(4, len(columns), 4)
    for column in reversed(columns):
        builder.PrependUOffsetTRelative(column)
    variables = builder.EndVector()
    builder.StartObject(4)
    builder.PrependInt64Slot(0, section.start, 0)
    builder.PrependInt64Slot(1, section.end, 0)
    builder.PrependInt32Slot(2, section.interval, 0)
    builder.PrependUOffsetTRelativeSlot(3, variables, 0)
    end: int = builder.EndObject()
    return end


def _column(builder: Builder, column: Column, *, is_current: bool) -> int:
    vector = 0 if is_current else _vector(builder, column)
    builder.StartObject(13)
    builder.PrependUint8Slot(0, column.identity.variable, 0)
    builder.PrependUint8Slot(1, column.unit, 0)
    if is_current:
        (value,) = column.values
        builder.PrependFloat32Slot(2, nan if value is None else value, 0.0)
    else:
        builder.PrependUOffsetTRelativeSlot(4 if column.is_time else 3, vector, 0)
    builder.PrependInt16Slot(5, column.identity.altitude, 0)
    builder.PrependUint8Slot(6, column.identity.aggregation, 0)
    end: int = builder.EndObject()
    return end


def _vector(builder: Builder, column: Column) -> int:
    """The values as a vector of float32, or of int64 for moments."""
    size = 8 if column.is_time else 4
    if column.is_time:
        data = struct.pack(f"<{len(column.values)}q", *(int(value or 0) for value in column.values))
    else:
        data = _floats([nan if value is None else value for value in column.values])
    builder.StartVector(size, len(column.values), size)
    builder.head = head = builder.Head() - len(data)
    builder.Bytes[head : head + len(data)] = data
    end: int = builder.EndVector()
    return end


def _floats(values: Sequence[float]) -> bytes:
    # An array is made in a third of the time of struct.pack with as many arguments, but in the machine's byte order.
    floats = array("f", values)
    return floats.tobytes() if struct.pack("=H", 1) == b"\1\0" else struct.pack(f"<{len(values)}f", *values)
