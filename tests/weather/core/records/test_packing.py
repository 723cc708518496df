import zlib
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.weather.series import a_series
from weather.core.datasets import AIR_QUALITY, WEATHER
from weather.core.records.packing import Unreadable, fetched_at
from weather.core.records.packing import pack as pack_of
from weather.core.records.packing import unpack as unpack_of
from weather.core.series import Series
from weather.core.variables import EXTRA, HOURLY

pytestmark = pytest.mark.pure

pack, unpack = partial(pack_of, dataset=WEATHER), partial(unpack_of, dataset=WEATHER)


@st.composite
def columns(draw: st.DrawFn) -> dict[str, list[float | None]]:
    """Of all variables, with the decimals that each is held with: two, one, none, or the ten."""
    rows = draw(st.integers(1, 12))
    with_nulls = draw(st.booleans())
    drawn: dict[str, list[float | None]] = {}
    for variable in (*HOURLY, *EXTRA):
        shift = 10 ** abs(variable.decimals)
        least, most = ((bound * shift if variable.decimals > 0 else bound / shift) for bound in
                       (variable.minimum, variable.maximum))  # fmt: skip
        whole = st.integers(int(least), int(most))
        steps = draw(st.lists(whole | st.none() if with_nulls else whole, min_size=rows, max_size=rows))
        drawn[variable.name] = [
            None if step is None else step / shift if variable.decimals > 0 else step * shift for step in steps
        ]
    return drawn


@given(columns())
def test_what_is_packed_comes_back_to_the_last_decimal(columns):
    series = a_series(**columns)
    kept = unpack(pack(series))
    assert kept == series
    assert [[*map(type, column)] for column in kept.columns.values()] == [
        [*map(type, column)] for column in series.columns.values()
    ]


@pytest.mark.parametrize("name", ["temperature_2m", "weather_code", "precipitation"])
def test_whole_numbers_are_whole_whether_they_came_with_a_point_or_without(name):
    without, with_point = (
        a_series(rows=3, **{variable.name: column for variable in HOURLY})
        for column in (list[float | None]([1, 2, 3]), list[float | None]([1.0, 2.0, 3.0]))
    )
    assert unpack(pack(without)).columns[name] == unpack(pack(with_point)).columns[name] == [1, 2, 3]


def air(**columns: list[float | None]) -> Series:
    return Series(1.0, 2.0, None, "Etc/GMT", 0, columns, 5, "simulator")


dust = st.integers(0, 300_000).map(lambda tenths: tenths / 10)


@given(st.lists(dust | st.none(), min_size=1, max_size=12))
def test_dust_comes_back_to_the_last_decimal_and_in_a_storm_in_whole_numbers(pm10):
    kept = unpack_of(pack_of(air(ozone=[1.5] * len(pm10), pm10=pm10), AIR_QUALITY), AIR_QUALITY)
    is_storm = any(value is not None and value > 3276.7 for value in pm10)
    expected = [value if value is None or not is_storm else round(value) for value in pm10]
    assert kept.columns == {"ozone": [1.5] * len(pm10), "pm10": expected}


def test_a_column_that_comes_both_whole_and_with_decimals_is_unreadable():
    series = air(pm10=[4000], ozone=[4000])
    packed = pack_of(series, AIR_QUALITY)
    assert unpack_of(packed, AIR_QUALITY) == series
    # As long as the other, so that only the names differ.
    twice = zlib.decompress(packed).replace(b'"ozone:whole"', b'"pm10"       ')
    with pytest.raises(Unreadable, match="twice"):
        unpack_of(zlib.compress(twice), AIR_QUALITY)


def test_values_with_more_decimals_are_held_with_those_of_their_variable():
    series = a_series(rows=2, **{variable.name: [1.26, None] for variable in HOURLY})
    kept = unpack(pack(series)).columns
    assert (kept["temperature_2m"][0], kept["precipitation"][0], kept["weather_code"][0]) == (1.3, 1.26, 1)


@given(st.integers(0, 4_102_444_799), st.integers(-72, 1))
def test_when_it_was_fetched_is_told_without_unpacking_the_rest(moment, hours):
    series = replace(a_series(rows=2), fetched_at=moment, start=(moment // 3600 + hours) * 3600)
    if series.start - moment >= -3 * 86_400:
        assert fetched_at(pack(series)) == moment


START = a_series().start


@pytest.mark.parametrize(
    ("field", "possible", "beyond"),
    [
        ("latitude", 90, 90.001),
        ("latitude", -90, -90.001),
        ("longitude", 180, 180.001),
        ("longitude", -180, -180.001),
        ("elevation", 12_000, 12_000.1),
        ("elevation", -12_000, -12_000.1),
        ("elevation", None, True),
        ("fetched_at", START + 3 * 86_400, START + 3 * 86_400 + 1),
        ("fetched_at", START - 7200, START - 7201),
        ("start", START - 3600, START - 1800),
        ("source", "a" * 20, "a" * 21),
    ],
)
def test_a_field_may_be_what_is_possible_and_nothing_beyond(field, possible, beyond):
    series = replace(a_series(rows=2), fetched_at=START)
    assert getattr(unpack(pack(replace(series, **{field: possible}))), field) == possible
    with pytest.raises(Unreadable):
        unpack(pack(replace(series, **{field: beyond})))


@pytest.mark.parametrize(
    ("moment", "possible"), [(0, True), (-1, False), (4_102_444_799, True), (4_102_444_800, False)]
)
def test_records_are_of_the_years_from_1970_to_2099(moment, possible):
    packed = pack(replace(a_series(rows=2), start=0 if moment < 1 else 4_102_444_800, fetched_at=moment))
    if possible:
        assert unpack(packed).fetched_at == fetched_at(packed) == moment
        return
    for read in (unpack, fetched_at):
        with pytest.raises(Unreadable):
            read(packed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"temperature_2m"', b'"temperature_3m"'),
        (b'"temperature_2m"', b'"weather_code"  '),
        (b'"temperature_2m"', b"1234567890123456"),
    ],
)
def test_columns_that_nobody_knows_or_that_come_twice_are_unreadable(old, new):
    raw = zlib.decompress(pack(a_series(rows=2)))
    assert raw.count(old) == 1 and len(old) == len(new)
    with pytest.raises(Unreadable):
        unpack(zlib.compress(raw.replace(old, new)))


def test_one_column_is_enough_and_none_is_not():
    one = a_series(rows=3).columns["temperature_2m"]
    assert unpack(pack(replace(a_series(), columns={"temperature_2m": one}))).columns == {"temperature_2m": one}
    with pytest.raises(Unreadable):
        unpack(pack(replace(a_series(), columns={})))


def test_what_inflates_to_more_than_any_record_is_unreadable():
    with pytest.raises(Unreadable):
        unpack(pack(replace(a_series(), columns={"weather_code": [1] * 60_000})))


def test_columns_of_different_lengths_are_unreadable():
    columns = a_series(rows=4).columns
    with pytest.raises(Unreadable):
        unpack(pack(replace(a_series(), columns={**columns, "temperature_2m": [1.0]})))


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
