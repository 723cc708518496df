"""A column of a record as the differences between its rows: signed 16-bit numbers, little-endian, in units of the last
decimal. The first row's is its difference from 0.

A record has 3,360 values, and each costs time for which no other thread runs. So a column is rounded, and its
differences are taken, by operations on all rows at once: on floats whose last bits are the rounded number, and on one
integer that has the rows as its digits.
"""

import struct
import sys
from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

#: The step of a row without a value.
NULL = -32768

_NULL_BYTES = struct.pack("<h", NULL)
#: A double of this size has no bits for fractions: what is added to it is rounded as by `round`, and is its low bits.
_ROUNDING = 1.5 * 2.0**52
#: The top byte of such a sum, and the byte above those of a 16-bit number in it, by the number's own high byte.
_EXPONENT, _SIGN_BYTES = 0x43, bytes(128) + b"\xff" * 128


def encode(column: Sequence[float | None], scale: float) -> bytes:
    """The steps of a column whose values are rounded to units of 1 ÷ `scale`; raises ValueError for wider ones."""
    try:
        numbers = _rounded(column, scale)
    except TypeError:  # there is a None
        return _with_gaps(column, scale)
    return _differences(numbers)


def decode(steps: bytes, decimals: int) -> list[float | None]:
    """The values of a column of `decimals`, given what `encode` made of it."""
    if decimals < 0:
        return [None if value is None else value * 10**-decimals for value in decode(steps, 0)]
    numbers, scale = array("h", steps), 10**decimals
    if sys.byteorder == "big":
        numbers.byteswap()
    if _NULL_BYTES not in steps or NULL not in numbers:
        values = accumulate(numbers)
        return list(values) if scale == 1 else [value / scale for value in values]
    last = 0
    column: list[float | None] = []
    for step in numbers:
        if step == NULL:
            column.append(None)
            continue
        last += step
        column.append(last if scale == 1 else last / scale)
    return column


def _rounded(column: Sequence[float | None], scale: float) -> bytes:
    """The rounded values as signed 16-bit numbers; raises ValueError for one that is none."""
    if scale == 1:
        try:
            return struct.pack(f"<{len(column)}h", *column)
        except struct.error:
            pass  # floats, or wider numbers
    factor = float(scale)
    doubles = struct.pack(f"<{len(column)}d", *[value * factor + _ROUNDING for value in column])  # type: ignore[operator]
    high = doubles[1::8]
    if doubles[2::8] != high.translate(_SIGN_BYTES) or doubles[7::8].count(_EXPONENT) < len(column):
        raise ValueError("a value that has no 16 bits")
    numbers = bytearray(2 * len(column))
    numbers[::2], numbers[1::2] = doubles[::8], high
    return bytes(numbers)


def _differences(numbers: bytes) -> bytes:
    """Each 16-bit number minus the one before it; raises ValueError for a difference that has no 16 bits."""
    size = len(numbers)
    signs = _signs(size // 2)
    after = int.from_bytes(numbers, "little")
    before = after << 16 & ((1 << 8 * size) - 1)
    # The signs are left out of the subtraction, so that no row borrows from the next, and are put right afterwards.
    differences = ((after | signs) - (before & ~signs)) ^ ((after ^ ~before) & signs)
    if (after ^ before) & (after ^ differences) & signs:
        raise ValueError("a step that has no 16 bits")
    return differences.to_bytes(size, "little")


@lru_cache(maxsize=16)
def _signs(rows: int) -> int:
    """The sign bit of each row."""
    return int.from_bytes(b"\x00\x80" * rows, "little")


def _with_gaps(column: Sequence[float | None], scale: float) -> bytes:
    last = 0
    steps = []
    for value in column:
        if value is None:
            steps.append(NULL)
            continue
        scaled = round(value * scale)
        steps.append(scaled - last)
        last = scaled
    try:
        return struct.pack(f"<{len(steps)}h", *steps)
    except struct.error as error:
        raise ValueError(str(error)) from None
