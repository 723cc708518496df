"""A series packed small for Redis: a header as JSON and each column as steps between rows, compressed.

The version is part of the field's name in Redis, not of the bytes, so that two versions of the code can keep their
records side by side. It follows from the dataset: nobody has to raise it.
"""

import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from blake3 import blake3

from weather.core import zones
from weather.core.datasets import WIDEST_STEP, Dataset
from weather.core.records import row_steps
from weather.core.series import EARLIEST_START_SECONDS, Series
from weather.core.variables import HOUR_SECONDS, Variable

#: To be raised when `pack` writes the same series in another layout; a test of the bytes fails until then.
LAYOUT = 1
#: Fingerprint → the version part that was released for it before versions followed from the dataset.
_RELEASED: Mapping[str, str] = {
    "5ac10571": "2",
    "a67fa124": "uv_index",
    "ef70b189": "cloud_cover",
    "7548863f": "visibility",
    "b6f149b1": "dew_point_2m",
    "5c76465f": "rain",
    "09635dee": "showers",
    "1a165813": "snowfall",
    "fa948f19": "snow_depth",
    "c5a70a35": "surface_pressure",
    "6f3b04c7": "sunshine_duration",
    "eb0e083d": "shortwave_radiation",
    "d182d959": "cape",
    "6c795823": "freezing_level_height",
}
_LENGTH = struct.Struct("<H")
_LONGEST_HEADER = 4096
#: A record of the ten and all extra variables is 18 kB; data that inflates to more than this is not ours.
_MOST_BYTES = 100_000
#: How long after its fetch a record may begin, and the time that no record is fetched after.
_LATEST_START_SECONDS = 2 * HOUR_SECONDS
_YEAR_2100 = 4_102_444_800
_SOURCE = re.compile(r"[a-z-]{1,20}")
#: Ends the name of a column that is kept in whole numbers.
_WHOLE = ":whole"
#: Half the time and 4 % more bytes than level 6; a third more time and 7 % fewer bytes than level 1.
_LEVEL = 4
_HEADER = frozenset({"latitude", "longitude", "elevation", "timezone", "start", "fetched_at", "source", "columns"})


class Unreadable(ValueError):
    """The bytes are not a packed series."""


def version_of(dataset: Dataset) -> str:
    """The version of the dataset's records: `2` or `2+uv_index+rain` for weather as first released.

    It changes with everything that the meaning of the bytes depends on: the names, decimals and units of the variables,
    the time of the first row, and the layout. Each extra variable adds a part, so that instances with other settings
    ignore each other's records, as those of other releases do.
    """
    variables = sorted(map(_meaning, dataset.variables))
    parts = [_fingerprint(f"layout {LAYOUT}", f"first row {dataset.first_row}", *variables)]
    parts += [_fingerprint(_meaning(variable)) for variable in dataset.extras]
    return "+".join(_RELEASED.get(part, part) for part in parts)


def _meaning(variable: Variable) -> str:
    return f"{variable.name} {variable.decimals} {variable.unit}"


def _fingerprint(*texts: str) -> str:
    return blake3("\n".join(texts).encode()).hexdigest(length=4)


def pack(series: Series, dataset: Dataset) -> bytes:
    """A series of the dataset as bytes: 2 to 4 kB for weather, and 0.3 kB for each extra variable.

    Values are rounded to the decimals of their variable, but to whole numbers in a column whose steps may be too wide
    for these, as those of dust in a storm.
    """
    decimals = dataset.decimals
    columns = {
        f"{name}{_WHOLE}" if is_kept_whole(name, column, dataset) else name: column
        for name, column in series.columns.items()
    }
    header = {
        "latitude": series.latitude,
        "longitude": series.longitude,
        "elevation": series.elevation,
        "timezone": series.timezone,
        "start": series.start,
        "fetched_at": series.fetched_at,
        "source": series.source,
        "columns": list(columns),
    }
    text = orjson.dumps(header)
    raw = b"".join([row_steps.encode(column, 10 ** _decimals(name, decimals)) for name, column in columns.items()])
    # All low bytes, then all high bytes: the high ones are nearly all equal and compress well.
    return zlib.compress(_LENGTH.pack(len(text)) + text + raw[::2] + raw[1::2], _LEVEL)


def unpack(packed: bytes, dataset: Dataset) -> Series:
    """The series in bytes that `pack` made; raises Unreadable for any others.

    Each field of the header is checked, because anyone who can write to Redis, or a release with other zone data, may
    have written it. The rows need no check: all bytes are valid numbers.
    """
    decimals = dataset.decimals
    try:
        raw = _inflated(packed, _MOST_BYTES)
        begin, header = _header(raw)
        names = header.pop("columns")
        plain_names = [name.removesuffix(_WHOLE) for name in names]
        if not set(plain_names) <= decimals.keys() or len(set(plain_names)) < len(names):
            raise ValueError("a column that the dataset does not have, or one twice")
        interleaved = bytearray(len(raw) - begin)
        half = len(interleaved) // 2
        interleaved[::2] = raw[begin : begin + half]
        interleaved[1::2] = raw[begin + half :]
        steps = bytes(interleaved)
        size, odd = divmod(len(steps), len(names))
        if odd or size % 2:
            raise ValueError("columns of different lengths")
        columns = [
            row_steps.decode(steps[i * size : (i + 1) * size], _decimals(name, decimals))
            for i, name in enumerate(names)
        ]
        return Series(columns=dict(zip(plain_names, columns, strict=True)), **header)
    except (zlib.error, struct.error, ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def is_kept_whole(name: str, column: Sequence[float | None], dataset: Dataset) -> bool:
    """Whether `pack` rounds the column to whole numbers, because its steps may be too wide for its decimals."""
    if name not in dataset.wide:
        return False
    values = [0.0, *(value for value in column if value is not None)]  # the first step is from 0
    return (max(values) - min(values)) * 10 ** dataset.decimals[name] > WIDEST_STEP


def _decimals(label: str, decimals: Mapping[str, int]) -> int:
    return 0 if label.endswith(_WHOLE) else decimals[label]


def fetched_at(packed: bytes) -> int:
    """When the packed series was fetched, in unix seconds, read from the header alone; raises Unreadable."""
    try:
        moment: int = _header(_inflated(packed, _LONGEST_HEADER, complete=False))[1]["fetched_at"]
        return moment
    except (zlib.error, struct.error, ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def _inflated(packed: bytes, most: int, *, complete: bool = True) -> bytes:
    """The first `most` bytes of the decompressed data; raises ValueError if `complete` and there are more."""
    inflating = zlib.decompressobj()
    raw = inflating.decompress(packed, most)
    if complete and not inflating.eof:
        raise ValueError("cut off, or too long for a record")
    return raw


def _header(raw: bytes) -> tuple[int, dict[str, Any]]:
    """The index at which the rows begin, and the fields before them; raises ValueError for an invalid header."""
    (length,) = _LENGTH.unpack_from(raw)
    begin = _LENGTH.size + length
    header = orjson.loads(raw[_LENGTH.size : begin])
    if type(header) is not dict or header.keys() != _HEADER or not _is_possible(header):
        raise ValueError("not the header of a record")
    return begin, header


def _is_possible(header: Mapping[str, Any]) -> bool:
    elevation, zone, source, names = (header[name] for name in ("elevation", "timezone", "source", "columns"))
    start, fetched = header["start"], header["fetched_at"]
    return (
        _is_number(header["latitude"], -90, 90)
        and _is_number(header["longitude"], -180, 180)
        and (elevation is None or _is_number(elevation, -12_000, 12_000))
        and type(zone) is str
        and zones.is_known(zone)
        and type(start) is type(fetched) is int
        and 0 <= fetched < _YEAR_2100
        and start % HOUR_SECONDS == 0
        and -EARLIEST_START_SECONDS <= start - fetched <= _LATEST_START_SECONDS
        and type(source) is str
        and _SOURCE.fullmatch(source) is not None
        and type(names) is list
        and len(names) > 0
        and set(map(type, names)) == {str}
        and len(set(names)) == len(names)
    )


def _is_number(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most  # NaN is in no range
