"""Arrays of numbers in a file."""

import io
import sys
from array import array
from contextlib import suppress
from typing import Any

import pytest

from weather.places import arrays

pytestmark = pytest.mark.pure

FILLED: list["array[Any]"] = [array("B", b"Suva"), array("I", [1, 2**32 - 1]), array("d", [-18.14, 178.44]), array("I")]


def written() -> bytes:
    file = io.BytesIO()
    arrays.write(file, FILLED)
    return file.getvalue()


def test_what_was_written_is_read() -> None:
    assert list(arrays.read(io.BytesIO(written()))) == FILLED


def test_a_machine_of_the_other_byte_order_writes_the_same_file(monkeypatch) -> None:
    file, here = io.BytesIO(), written()
    other_order = [array(each.typecode, each) for each in FILLED]
    for each in other_order:
        each.byteswap()
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    arrays.write(file, other_order)
    assert file.getvalue() == here
    assert list(arrays.read(io.BytesIO(here))) == other_order


@pytest.mark.parametrize("length", range(1, len(written())))
def test_a_file_that_was_cut_off_is_not_read_as_a_whole_one(length: int) -> None:
    """But for a cut between two arrays, behind which nothing tells of more."""
    cut = io.BytesIO(written()[:length])
    with suppress(EOFError, ValueError):
        assert list(arrays.read(cut)) in [FILLED[:count] for count in range(1, len(FILLED))]
