import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.forecast import Series
from weather.packing import Unreadable, pack, unpack
from weather.variables import HOURLY

pytestmark = pytest.mark.pure


def a_series(rows: int = 336, **columns: list[float | None]) -> Series:
    smooth: dict[str, list[float | None]] = {
        variable.name: [
            round((variable.minimum + variable.maximum) / 2 * (1 + math.sin(row / 24) / 9), variable.decimals)
            for row in range(rows)
        ]
        for variable in HOURLY
    }
    return Series(40.71, -73.99, 51.0, "America/New_York", 1_795_478_400, smooth | columns, 1_795_500_000, "open-meteo")


@st.composite
def columns(draw: st.DrawFn) -> dict[str, list[float | None]]:
    rows = draw(st.integers(1, 30))
    drawn = {}
    for variable in HOURLY:
        scale = 10**variable.decimals
        whole = st.integers(int(variable.minimum * scale), int(variable.maximum * scale))
        values = draw(st.lists(st.none() | whole, min_size=rows, max_size=rows))
        drawn[variable.name] = [value / scale if value is not None and scale > 1 else value for value in values]
    return drawn


@given(columns())
def test_what_is_packed_comes_back_to_the_last_decimal(columns):
    series = a_series(**columns)
    assert unpack(pack(series)) == series


def test_two_weeks_take_less_than_four_kilobytes():
    assert len(pack(a_series())) < 4096


def test_an_unknown_elevation_stays_unknown():
    series = Series(1.0, 2.0, None, "Etc/GMT", 0, {"temperature_2m": [1.5, None]}, 5, "simulator")
    assert unpack(pack(series)) == series


@pytest.mark.parametrize("cut", [0, 1, 10, 100, -1, -40])
def test_a_record_that_was_cut_is_unreadable(cut):
    with pytest.raises(Unreadable):
        unpack(pack(a_series())[:cut])


@given(st.binary(max_size=200))
def test_whatever_bytes_come_the_result_is_a_series_or_unreadable(garbage):
    with pytest.raises(Unreadable):
        unpack(garbage)
