"""A series packed small for Redis: a header as JSON and each column as steps between rows, compressed.

The version is part of the field's name in Redis, not of the bytes (store.py), so that two versions of
the code can keep their records side by side.
"""

import json
import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate

from weather.forecast import Series
from weather.variables import HOURLY

VERSION = "1"
_LENGTH = struct.Struct("<H")
_LONGEST_HEADER = 4096
_NULL = -32768
_SCALES = {variable.name: 10**variable.decimals for variable in HOURLY}


class Unreadable(ValueError):
    """The bytes are not a packed series."""


def pack(series: Series) -> bytes:
    """`series` in 2 to 4 kB. Values keep the decimals that Open-Meteo gives them with."""
    header = {
        "latitude": series.latitude,
        "longitude": series.longitude,
        "elevation": series.elevation,
        "timezone": series.timezone,
        "start": series.start,
        "fetched_at": series.fetched_at,
        "source": series.source,
        "columns": list(series.columns),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    # High and low bytes lie apart: the high ones are nearly all alike and compress to nothing.
    steps = array("h")
    for name, column in series.columns.items():
        steps.extend(_steps(column, _SCALES[name]))
    raw = _little_endian(steps).tobytes()
    return zlib.compress(_LENGTH.pack(len(text)) + text + raw[::2] + raw[1::2], 6)


def unpack(packed: bytes) -> Series:
    """The series that `pack` packed; Unreadable for anything else."""
    try:
        raw = zlib.decompress(packed)
        (length,) = _LENGTH.unpack_from(raw)
        begin = _LENGTH.size + length
        header = json.loads(raw[_LENGTH.size : begin])
        names = header.pop("columns")
        interleaved = bytearray(len(raw) - begin)
        half = len(interleaved) // 2
        interleaved[::2] = raw[begin : begin + half]
        interleaved[1::2] = raw[begin + half :]
        steps = array("h")
        steps.frombytes(interleaved)
        _little_endian(steps)
        rows = len(steps) // len(names)
        if rows * len(names) != len(steps):
            raise ValueError("columns of different lengths")
        columns = {name: _column(steps[i * rows : (i + 1) * rows], _SCALES[name]) for i, name in enumerate(names)}
        return Series(columns=columns, **header)
    except (zlib.error, struct.error, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise Unreadable(str(error)) from error


def fetched_at(packed: bytes) -> int:
    """When what `pack` packed was fetched, without unpacking the rest; Unreadable for anything else."""
    try:
        raw = zlib.decompressobj().decompress(packed, _LONGEST_HEADER)
        (length,) = _LENGTH.unpack_from(raw)
        return int(json.loads(raw[_LENGTH.size : _LENGTH.size + length])["fetched_at"])
    except (zlib.error, struct.error, ValueError, KeyError, TypeError) as error:
        raise Unreadable(str(error)) from error


def _steps(column: Sequence[float | None], scale: int) -> list[int]:
    last = 0
    steps = []
    for value in column:
        if value is None:
            steps.append(_NULL)
            continue
        scaled = round(value * scale)
        steps.append(scaled - last)
        last = scaled
    return steps


def _column(steps: Sequence[int], scale: int) -> list[float | None]:
    if _NULL not in steps:
        values = accumulate(steps)
        return list(values) if scale == 1 else [value / scale for value in values]
    last = 0
    column: list[float | None] = []
    for step in steps:
        if step == _NULL:
            column.append(None)
            continue
        last += step
        column.append(last if scale == 1 else last / scale)
    return column


def _little_endian(steps: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        steps.byteswap()
    return steps
