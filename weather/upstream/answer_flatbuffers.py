"""Reads an answer in Open-Meteo's FlatBuffers into locations of the form that its JSON has, for the same checks.

Values come as float32, as the model has them; they are rounded to the decimals that JSON is written with, so that the
records are the same whichever was asked for.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from openmeteo_sdk.VariablesWithTime import VariablesWithTime
from openmeteo_sdk.VariableWithValues import VariableWithValues
from openmeteo_sdk.WeatherApiResponse import WeatherApiResponse

from weather.core.messages import HOURLY, UNITS
from weather.core.units import WRITTEN_DECIMALS
from weather.core.variables import HOUR_SECONDS, Variable
from weathernote import threads

_LENGTH_BYTES = 4
#: More hours than any answer has.
_MOST_ROWS = 24 * 32
#: The slot of a column's values in the schema (`VariableWithValues.values`).
_VALUES = 10
_FLOAT_BYTES = 4
_UNIT_NAMES = {number: name for name, number in UNITS.items()}
#: What reading bytes that are no message raises: they are offsets to anywhere.
_NO_MESSAGE = (struct.error, IndexError, ValueError, TypeError, OverflowError)


class NoMessage(ValueError):
    """The bytes are not a row of messages with their lengths."""


def locations(body: bytes | bytearray, variables: Sequence[Variable]) -> list[Any]:
    """Each message as a location of JSON's form, None for an unreadable one; `variables` are those asked for, in order.

    Raises NoMessage if the body is not divided into messages: text in its stead or in its midst, or a part cut off.
    """
    found: list[Any] = []
    for message in _messages(bytes(body)):
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
    if section.VariablesLength() != len(variables):
        raise ValueError("not as many variables as were asked for")
    for number, variable in enumerate(variables):
        column = section.Variables(number)
        if column is None or not _is_about(column, variable):
            raise ValueError("not the variables that were asked for")
        units[variable.name] = _UNIT_NAMES.get(column.Unit(), "unknown")
        columns[variable.name] = _rounded(_values(column), WRITTEN_DECIMALS.get(variable.unit, variable.decimals))
    return {"hourly_units": units, "hourly": columns}


def _is_about(column: VariableWithValues, variable: Variable) -> bool:
    identity = HOURLY[variable.name]
    return (column.Variable(), column.Altitude(), column.Aggregation()) == (
        identity.variable,
        identity.altitude,
        identity.aggregation,
    )


def _values(column: Any) -> Sequence[float]:
    """The values of a column, without a call for each."""
    table = column._tab
    offset = table.Offset(_VALUES)
    if not offset:
        return ()
    begin, length = table.Vector(offset), table.VectorLen(offset)
    vector = memoryview(table.Bytes)[begin : begin + length * _FLOAT_BYTES]
    return struct.unpack(f"<{length}f", vector)


def _rounded(values: Sequence[float], decimals: int) -> list[float | None]:
    """As JSON has them: with so many decimals, whole numbers as int, and null for NaN."""
    if not math.isfinite(sum(values)):
        return [None if value != value else _whole_or_rounded(value, decimals) for value in values]
    if not decimals:
        return list(map(round, values))
    # A float32 times a hundred is exact, so this rounds as `round` does with decimals, in a third of the time.
    scale = 10**decimals
    return [whole / scale for whole in map(round, [value * scale for value in values])]


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
