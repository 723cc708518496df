"""The place that is named for a position, held against looking at every place."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weather.core.cells import great_circle_km
from weather.places.data.build_positions import lines, sites
from weather.places.nearest import FARTHEST_KM, LEVELS, Index, Named, Site

pytestmark = pytest.mark.pure

ALL = list(sites(lines()))
WORLD = Index.of(ALL)

latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)
populations = st.sampled_from([0, 1, *LEVELS, *(level - 1 for level in LEVELS if level)]) | st.integers(0, 40_000_000)
#: About the poles, on both sides of the antimeridian, and anywhere.
corners = st.one_of(
    st.tuples(st.floats(89, 90) | st.floats(-90, -89), longitudes),
    st.tuples(st.floats(-1, 1), st.floats(179, 180) | st.floats(-180, -179)),
    st.tuples(st.floats(70, 71), st.floats(179, 180) | st.floats(-180, -179)),
    st.tuples(latitudes, longitudes),
)


def named_by_brute_force(places: Sequence[Site], latitude: float, longitude: float) -> Named | None:
    """The least distance ÷ √population within 60 km, of all places; of two alike the smaller number."""
    near = []
    for place in places:
        distance_km = great_circle_km(latitude, longitude, place.latitude, place.longitude)
        if distance_km <= FARTHEST_KM:
            near.append((distance_km / math.sqrt(max(1, place.population)), place.number, distance_km))
    return Named(*min(near)[1:]) if near else None


@st.composite
def about_places(draw: st.DrawFn) -> tuple[float, float]:
    """Positions up to about 100 km from one of the world's places."""
    place = draw(st.sampled_from(ALL))
    off = st.floats(-0.1, 0.1) | st.floats(-0.9, 0.9)
    return max(-90.0, min(90.0, place.latitude + draw(off))), max(-180.0, min(180.0, place.longitude + draw(off)))


@settings(max_examples=100)
@given(about_places() | corners)
def test_of_the_worlds_places_the_one_is_named_that_brute_force_finds(position: tuple[float, float]) -> None:
    assert WORLD.nearest(*position) == named_by_brute_force(ALL, *position)


@settings(max_examples=300)
@given(st.lists(st.tuples(corners, populations), max_size=8), st.data())
def test_of_a_few_places_anywhere_too(placed: list[tuple[tuple[float, float], int]], data: st.DataObject) -> None:
    places = [Site(*at, population, number) for number, (at, population) in enumerate(placed)]
    beside = [st.tuples(st.just(place.latitude), st.just(place.longitude)) for place in places]
    position = data.draw(st.one_of(corners, *beside))
    assert Index.of(places).nearest(*position) == named_by_brute_force(places, *position)


def number_of(index: Index, latitude: float, longitude: float) -> int | None:
    named = index.nearest(latitude, longitude)
    return named and named.number


def test_a_large_place_is_named_where_a_small_one_is_nearer() -> None:
    index = Index.of([Site(50, 10, 1_000_000, 0), Site(50.1, 10, 10_000, 1)])
    assert [number_of(index, latitude, 10) for latitude in (50, 50.08, 50.095, 50.1)] == [0, 0, 1, 1]


def test_of_two_alike_the_one_with_the_smaller_number_is_named() -> None:
    twins = [Site(1, 1, 500, number) for number in (7, 3)]
    assert (
        Index.of(twins).nearest(1.1, 1) == Index.of(twins[::-1]).nearest(1.1, 1) == (3, great_circle_km(1.1, 1, 1, 1))
    )


def away(start: tuple[float, float], bearing: float, kilometres: float) -> tuple[float, float]:
    """The position that lies so far from another on the great circle of a bearing, all but the distance in degrees."""
    (latitude, longitude), course = map(math.radians, start), math.radians(bearing)
    arc = kilometres / 6371
    there = math.asin(math.sin(latitude) * math.cos(arc) + math.cos(latitude) * math.sin(arc) * math.cos(course))
    east = math.sin(course) * math.sin(arc) * math.cos(latitude)
    turned = longitude + math.atan2(east, math.cos(arc) - math.sin(latitude) * math.sin(there))
    return math.degrees(there), (math.degrees(turned) + 540) % 360 - 180


@pytest.mark.parametrize("start", [(0.0, 0.0), (52.05, 179.95), (-52.0, -179.95), (-89.8, 30.0), (89.4, -100.0)])
def test_sixty_kilometres_are_the_end_in_every_direction(start: tuple[float, float]) -> None:
    index = Index.of([Site(start[0], start[1], 20_000, 0)])
    bearings = [bearing / 4 for bearing in range(4 * 360)]
    assert all(index.nearest(*away(start, bearing, 59.9999)) for bearing in bearings)
    assert not any(index.nearest(*away(start, bearing, 60.0001)) for bearing in bearings)


def test_a_place_where_nobody_has_told_how_many_live_is_named_only_where_nothing_else_is_near() -> None:
    index = Index.of([Site(0, 0, 0, 0), Site(0.4, 0, 15_000, 1), Site(7, 134, 0, 2)])
    assert [number_of(index, *at) for at in ((0.01, 0), (7, 134.1))] == [1, 2]


def test_where_there_are_no_places_none_is_named() -> None:
    assert Index.of([]).nearest(0, 0) is None


def test_a_position_takes_a_few_distances_and_not_34006(monkeypatch) -> None:
    counted = []

    def counting(*positions: float) -> float:
        counted.append(positions)
        return great_circle_km(*positions)

    monkeypatch.setattr("weather.places.nearest.great_circle_km", counting)
    positions = [(place.latitude + 0.03, place.longitude - 0.03) for place in ALL[::97]]
    most = 0
    for position in positions:
        before = len(counted)
        WORLD.nearest(*position)
        most = max(most, len(counted) - before)
    print(f"{len(counted) / len(positions):.1f} distances for a position, {most} at most")
    assert len(counted) < 15 * len(positions) and most < 200
