import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.core.records import row_steps

pytestmark = pytest.mark.pure

#: Steps of two of them have 16 bits.
whole = st.integers(-16_000, 16_000)


def steps_of(column, scale):
    """By the definition: one row after the other."""
    rounded = [round(value * scale) for value in column]
    return struct.pack(
        f"<{len(rounded)}h", *(after - before for before, after in zip([0, *rounded], rounded, strict=False))
    )


@given(st.lists(st.floats(-160, 160), min_size=1, max_size=40), st.sampled_from([1, 10, 100]))
def test_steps_are_those_between_the_rounded_rows(column, scale):
    assert row_steps.encode(column, scale) == steps_of(column, scale)


@given(st.lists(st.integers(-320_000, 320_000), min_size=1, max_size=40))
def test_values_are_rounded_to_tens_too(column):
    halved = [value / 2 for value in column]
    assert row_steps.encode(halved, 0.1) == steps_of(halved, 0.1)


@pytest.mark.parametrize("value", [0.5, 1.5, 2.5, -0.5, -1.5, 0.05, 0.25, 2.675, -0.0])
@pytest.mark.parametrize("scale", [1, 10, 100])
def test_halves_are_rounded_as_by_round(value, scale):
    assert row_steps.encode([value], scale) == steps_of([value], scale)


@given(st.lists(whole, min_size=1, max_size=40))
def test_whole_numbers_may_come_with_a_point_among_those_without(column):
    assert row_steps.encode([float(column[0]), *column[1:]], 1) == row_steps.encode(column, 1) == steps_of(column, 1)


@given(st.lists(whole | st.none(), min_size=1, max_size=40), st.sampled_from([0, 1, 2]))
def test_what_is_encoded_comes_back_with_its_gaps(whole_or_none, decimals):
    scale = 10**decimals
    column = [None if value is None else value / scale if decimals else value for value in whole_or_none]
    assert row_steps.decode(row_steps.encode(column, scale), decimals) == column


def test_two_rows_whose_bytes_look_like_a_gap_are_none():
    column = [0, 0x80 << 8 >> 8, 0x180]  # the bytes 00 and 80 stand beside each other in two rows
    assert b"\x00\x80" in row_steps.encode(column, 1)
    assert row_steps.decode(row_steps.encode(column, 1), 0) == column


@pytest.mark.parametrize("value", [32_768, -32_769, 70_000, 1e9, 1e300, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("other", [0, 0.5, None])
def test_a_value_that_has_no_16_bits_is_refused(value, other):
    with pytest.raises((ValueError, OverflowError)):
        row_steps.encode([other, value], 1)


@pytest.mark.parametrize("scale", [1, 10])
def test_a_step_that_has_no_16_bits_is_refused(scale):
    with pytest.raises(ValueError):
        row_steps.encode([-30_000 / scale, 30_000 / scale], scale)
