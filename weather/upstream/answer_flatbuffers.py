"""Reads an answer in Open-Meteo's FlatBuffers into locations of the form that its JSON has, for the same checks.

Values come as float32, as the model has them; they are rounded to the decimals that JSON is written with, so that the
records are the same whichever was asked for.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from openmeteo_sdk.VariablesWithTime import VariablesWithTime
from openmeteo_sdk.WeatherApiResponse import WeatherApiResponse

from weather.core.flatbuffers.message_names import HOURLY, UNITS, Identity
from weather.core.units import WRITTEN_DECIMALS
from weather.core.variables import HOUR_SECONDS, Variable
from weathernote import threads

_LENGTH_BYTES = 4
#: More hours than any answer has.
_MOST_ROWS = 24 * 32
#: Where the schema has the columns of `VariablesWithTime`, and how many fields of a column are read.
_VARIABLES, _FIELDS = 10, 7
_INT32, _INT16, _UINT16 = struct.Struct("<i"), struct.Struct("<h"), struct.Struct("<H")
#: A double of this size has no bits for fractions: what is added to it is rounded as by `round`.
_ROUNDING = 1.5 * 2.0**52
_UNIT_NAMES = {number: name for name, number in UNITS.items()}
#: What reading bytes that are no message raises: they are offsets to anywhere.
_NO_MESSAGE = (struct.error, IndexError, ValueError, TypeError, OverflowError)


class NoMessage(ValueError):
    """The bytes are not a row of messages with their lengths."""


class TooMany(ValueError):
    """The body has more messages than places were asked for."""


def locations(body: bytes | bytearray, variables: Sequence[Variable], count: int) -> list[Any]:
    """Each message as a location of JSON's form, None for an unreadable one; `variables` are those asked for, in order.

    Raises NoMessage if the body is not divided into messages: text in its stead or in its midst, or a part cut off; and
    TooMany before it reads a message beyond `count`.
    """
    found: list[Any] = []
    for message in _messages(bytes(body)):
        if len(found) == count:
            raise TooMany(f"more locations than {count}")
        threads.give_way()
        try:
            found.append(_location(WeatherApiResponse.GetRootAs(message, 0), variables))
        except _NO_MESSAGE:
            found.append(None)
    return found


def _messages(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at : at + _LENGTH_BYTES], "little")
        at += _LENGTH_BYTES
        # A failure in mid-stream is text, and read as a length it is longer than any body.
        if not 0 < length <= len(body) - at:
            raise NoMessage("not a message after its length")
        yield body[at : at + length]
        at += length


def _location(message: Any, variables: Sequence[Variable]) -> dict[str, Any]:
    elevation = message.Elevation()
    return {
        "latitude": _shortest(message.Latitude()),
        "longitude": _shortest(message.Longitude()),
        "elevation": None if elevation != elevation else _shortest(elevation),
        "utc_offset_seconds": message.UtcOffsetSeconds(),
        "timezone": (message.Timezone() or b"GMT").decode(),
        **_hourly(message.Hourly(), variables),
    }


def _hourly(section: VariablesWithTime | None, variables: Sequence[Variable]) -> dict[str, Any]:
    if section is None:
        return {}
    if section.Interval() != HOUR_SECONDS or section.TimeEnd() - section.Time() > _MOST_ROWS * HOUR_SECONDS:
        raise ValueError("not hours, or too many")
    units: dict[str, str] = {"time": "unixtime"}
    columns: dict[str, list[Any]] = {"time": list(range(section.Time(), section.TimeEnd(), HOUR_SECONDS))}
    table = section._tab
    offset = table.Offset(_VARIABLES)
    if not offset or table.VectorLen(offset) != len(variables):
        raise ValueError("not as many variables as were asked for")
    begin = table.Vector(offset)
    for number, variable in enumerate(variables):
        column = _Column(table.Bytes, table.Indirect(begin + 4 * number))
        if column.identity != HOURLY[variable.name]:
            raise ValueError("not the variables that were asked for")
        units[variable.name] = _UNIT_NAMES.get(column.unit, "unknown")
        decimals = WRITTEN_DECIMALS.get(variable.unit, variable.decimals)
        columns[variable.name] = _rounded(column.values(), decimals)
    return {"hourly_units": units, "hourly": columns}


class _Column:
    """A `VariableWithValues` of the schema; the class of openmeteo-sdk takes ten times as long to read one."""

    def __init__(self, body: bytes, at: int) -> None:
        self.body, self.at = body, at
        (back,) = _INT32.unpack_from(body, at)
        (length,) = _UINT16.unpack_from(body, at - back)
        # After its own length and the table's: the place of each field, 0 for one that is not there.
        self.fields = struct.unpack_from(f"<{min(length // 2 - 2, _FIELDS)}H", body, at - back + 4)

    @property
    def identity(self) -> Identity:
        """The variable, its altitude and its aggregation."""
        return Identity(self._byte(0), self._number(_INT16, 5), self._byte(6))

    @property
    def unit(self) -> int:
        """The number of the unit."""
        return self._byte(1)

    def values(self) -> Sequence[float]:
        """The float32 of each row."""
        place = self._place(3)
        if not place:
            return ()
        begin = place + _INT32.unpack_from(self.body, place)[0]
        (rows,) = _INT32.unpack_from(self.body, begin)
        if not 0 <= rows <= _MOST_ROWS:
            raise ValueError("more rows than any answer has")
        return struct.unpack_from(f"<{rows}f", self.body, begin + 4)

    def _place(self, field: int) -> int:
        offset = self.fields[field] if field < len(self.fields) else 0
        return self.at + offset if offset else 0

    def _byte(self, field: int) -> int:
        place = self._place(field)
        return self.body[place] if place else 0

    def _number(self, kind: struct.Struct, field: int) -> int:
        place = self._place(field)
        return int(kind.unpack_from(self.body, place)[0]) if place else 0


def _rounded(values: Sequence[float], decimals: int) -> list[float | None]:
    """As JSON has them: with so many decimals, whole numbers as int, and null for NaN."""
    if not math.isfinite(sum(values)):
        return [None if value != value else _whole_or_rounded(value, decimals) for value in values]
    if not decimals:
        return list(map(round, values))
    # A float32 times a hundred is exact, so this rounds as `round` does with decimals, in a sixth of the time.
    scale = 10.0**decimals
    return [(value * scale + _ROUNDING - _ROUNDING) / scale for value in values]


def _whole_or_rounded(value: float, decimals: int) -> float:
    # An infinity is no int; validation refuses it.
    return round(value, decimals) if decimals or not math.isfinite(value) else round(value)


def _shortest(value: float) -> float:
    """A float32 as the shortest decimal that is read back as it, which is how JSON has it."""
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if struct.unpack("<f", struct.pack("<f", float(text)))[0] == value:
            return float(text)
    return value
