"""What is taken for weather: the bounds of hours, places and values, each met and passed by the least step."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.staged_upstream import CELL, MIDNIGHT, NOW, place
from weather.core.cells import Cell, great_circle_km
from weather.core.datasets import WEATHER, Dataset
from weather.core.packing import pack, unpack
from weather.core.series import Series
from weather.core.variables import EXTRA, EXTRA_NAMES, HOURLY, HOURS
from weather.upstream.errors import InvalidResponse
from weather.upstream.validation import read_place

pytestmark = pytest.mark.pure

DAY = 86_400
EXTENDED = WEATHER.with_extras(EXTRA_NAMES)


def is_taken(document: Any, cell: Cell = CELL, now: float = NOW, dataset: Dataset = WEATHER) -> bool:
    try:
        return isinstance(read_place(document, cell, now, "open-meteo", dataset), Series)
    except InvalidResponse:
        return False


# ── hours ─────────────────────────────────────────────────────────────────────────────────────────

seconds = st.sampled_from([-1, 0, 1]) | st.integers(-DAY, DAY)


@given(st.sampled_from([-3600, 2 * DAY, 7 * DAY]) | st.integers(-DAY, 9 * DAY), seconds, st.integers(166, 386))
@example(age=-3600, more=0, rows=336)
@example(age=-3600, more=-1, rows=336)
@example(age=2 * DAY, more=0, rows=336)
@example(age=2 * DAY, more=1, rows=336)
@example(age=0, more=0, rows=16 * 24)
@example(age=0, more=0, rows=16 * 24 + 1)
def test_the_hours_begin_about_today_and_go_on_for_a_week_or_they_are_not_taken(age, more, rows):
    now = MIDNIGHT + age + more
    last = MIDNIGHT + (rows - 1) * 3600
    expected = 7 * 24 <= rows <= 16 * 24 and -3600 <= now - MIDNIGHT <= 2 * DAY and last >= now + 7 * DAY
    assert is_taken(place(rows=rows), now=now) is expected


@pytest.mark.parametrize("rows", [7 * 24 + 1, 8 * 24 + 1, 14 * 24])
@pytest.mark.parametrize("late", [0, 1])
def test_the_last_hour_is_a_week_from_now_or_later(rows, late):
    now = MIDNIGHT + (rows - 1) * 3600 - 7 * DAY + late
    assert is_taken(place(rows=rows), now=now) is (late == 0 and now <= MIDNIGHT + 2 * DAY)


@given(st.integers(-1, 47), st.integers(0, HOURS - 1), st.sampled_from(["temperature_2m", "weather_code"]))
def test_a_gap_matters_from_the_present_hour_to_the_same_one_in_a_week(hour, gap, name):
    document = place()
    document["hourly"][name][gap] = None
    assert is_taken(document, now=MIDNIGHT + hour * 3600 + 1200) is not (hour <= gap <= hour + 7 * 24)


def test_a_series_is_of_the_second_in_which_it_came():
    assert read_place(place(), CELL, NOW + 0.9, "open-meteo", WEATHER).fetched_at == NOW


@pytest.mark.parametrize("offset", [86_399, -86_399, 86_400, -86_400])
def test_an_offset_from_utc_is_less_than_a_day(offset):
    assert is_taken(place() | {"utc_offset_seconds": offset}) is (abs(offset) < 86_400)


# ── places ────────────────────────────────────────────────────────────────────────────────────────

latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)


@given(latitudes, longitudes, latitudes, longitudes)
def test_a_distance_is_the_angle_between_two_directions_from_the_earths_centre(lat, lon, other_lat, other_lon):
    ways = []
    for north, east in ((lat, lon), (other_lat, other_lon)):
        phi, lam = math.radians(north), math.radians(east)
        ways.append((math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)))
    # The chord from end to end is twice the sine of half the angle.
    half = min(1.0, math.dist(*ways) / 2)
    assert great_circle_km(lat, lon, other_lat, other_lon) == pytest.approx(2 * 6371 * math.asin(half), abs=1)


@pytest.mark.parametrize(("km", "taken"), [(0, True), (119.9, True), (120.1, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_grids_point_lies_within_120_kilometres(km, taken, sign):
    north = CELL.latitude + sign * math.degrees(km / 6371)
    assert is_taken(place() | {"latitude": north, "longitude": CELL.longitude}) is taken


@pytest.mark.parametrize(
    ("cell", "field", "value", "taken"),
    [
        (Cell(900, 0), "latitude", 90, True),
        (Cell(900, 0), "latitude", 90.5, False),
        (Cell(-900, 0), "latitude", -90, True),
        (Cell(-900, 0), "latitude", -90.5, False),
        (Cell(0, -5), "longitude", 359.5, True),
        (Cell(0, 0), "longitude", 360, True),
        (Cell(0, 5), "longitude", 360.5, False),
        (Cell(0, 5), "longitude", -359.5, True),
        (Cell(0, -5), "longitude", -360.5, False),
    ],
)
def test_a_position_is_within_a_turn_of_the_globe(cell, field, value, taken):
    assert is_taken(place(cell) | {field: value}, cell) is taken


@given(st.integers(-360_000_000, 360_000_000))
def test_a_longitude_is_brought_into_range_and_otherwise_left_as_it_is(millionths):
    given_longitude = millionths / 1e6
    # The nearest cell to it, so that the place is the one that was asked for.
    nearest = round(((given_longitude + 180) % 360 - 180) * 10)
    cell = Cell(0, -1800 if nearest == 1800 else nearest)
    kept = read_place(place(cell) | {"longitude": given_longitude}, cell, NOW, "open-meteo", WEATHER).longitude
    assert -180 <= kept < 180
    assert (kept - given_longitude) % 360 == pytest.approx(0, abs=1e-7) or (kept - given_longitude) % 360 > 359.9999999
    assert kept == round(kept, 6)
    if -180 <= given_longitude < 180:
        assert kept == given_longitude


@pytest.mark.parametrize("longitude", [-179.123456789, 179.123456789, -180.0])
def test_what_is_in_range_keeps_all_its_decimals(longitude):
    cell = Cell(0, round(longitude * 10))
    assert read_place(place(cell) | {"longitude": longitude}, cell, NOW, "open-meteo", WEATHER).longitude == longitude


@pytest.mark.parametrize(("metres", "taken"), [(12_000, True), (12_001, False), (-12_000, True), (-12_001, False)])
def test_the_ground_is_between_the_deepest_and_the_highest_place(metres, taken):
    assert is_taken(place() | {"elevation": metres}) is taken


# ── values ────────────────────────────────────────────────────────────────────────────────────────


def with_extras(**columns: list[float | None]) -> dict[str, Any]:
    document = place()
    for variable in EXTRA:
        middle = (variable.minimum + variable.maximum) / 2
        document["hourly"][variable.name] = columns.get(variable.name, [middle] * HOURS)
        document["hourly_units"][variable.name] = variable.unit
    return document


@pytest.mark.parametrize("variable", [*HOURLY, *EXTRA], ids=lambda variable: variable.name)
def test_a_value_may_be_the_least_and_the_most_and_no_less_or_more(variable):
    def taken_with(value: float) -> bool:
        document = with_extras()
        document["hourly"][variable.name] = [value, *document["hourly"][variable.name][1:]]
        return is_taken(document, dataset=EXTENDED)

    assert taken_with(variable.minimum) and taken_with(variable.maximum)
    assert not taken_with(variable.minimum - 0.01) and not taken_with(variable.maximum + 0.01)


@given(st.data())
def test_the_first_answer_has_the_decimals_that_all_later_ones_have(data):
    """What is shown at once is what comes back out of the record."""
    columns = {
        variable.name: data.draw(
            st.lists(st.none() | st.floats(variable.minimum, variable.maximum), min_size=4, max_size=4)
        )
        * (HOURS // 4)
        for variable in EXTRA
    }
    series = read_place(with_extras(**columns), CELL, NOW, "open-meteo", EXTENDED)
    kept = unpack(pack(series, EXTENDED), EXTENDED)
    for variable in EXTRA:
        held, step = series.columns[variable.name], 10.0**-variable.decimals
        assert held == kept.columns[variable.name]
        for value, given_value in zip(held[:4], columns[variable.name][:4], strict=True):
            assert (value is None) is (given_value is None)
            if value is not None and given_value is not None:
                assert abs(value - given_value) <= step / 2 * 1.000001
                assert isinstance(value, float if variable.decimals > 0 else int)
