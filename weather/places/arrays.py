"""Arrays of numbers in a file, as they lie in memory.

Each is its type code, how many numbers it holds and the numbers, all of them little-endian.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import IO, Any

_HEAD = struct.Struct("<cQ")


def write(file: IO[bytes], arrays: Iterable["array[Any]"]) -> None:
    """Writes the arrays one after the other."""
    for numbers in arrays:
        file.write(_HEAD.pack(numbers.typecode.encode(), len(numbers)))
        file.write(_swapped(numbers[:]).tobytes())


def read(file: IO[bytes]) -> Iterator["array[Any]"]:
    """The arrays of a file, to its end; raises EOFError or ValueError if it ends in the midst of one."""
    while head := file.read(_HEAD.size):
        if len(head) < _HEAD.size:
            raise EOFError("the file ends before an array")
        code, count = _HEAD.unpack(head)
        numbers: array[Any] = array(code.decode())
        numbers.fromfile(file, count)
        yield _swapped(numbers)


def _swapped(numbers: "array[Any]") -> "array[Any]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
