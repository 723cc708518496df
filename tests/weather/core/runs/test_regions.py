"""Boxes, rectangles in Lambert's projection and triangles, and that their borders belong to them."""

import pytest

from weather.core.runs.regions import Box, Lambert, Point, ProjectedBox, Triangle

pytestmark = pytest.mark.pure

CORNERS = (Point(0, 0), Point(0, 4), Point(3, 4))
NORDIC = ProjectedBox.between(Lambert(15, 63), Point(52, 2), Point(72, 42))


def test_a_box_has_its_borders_and_nothing_beyond() -> None:
    box = Box(south=10, north=20, west=-5, east=5)
    assert all(box.has(lat, lon) for lat in (10, 20) for lon in (-5, 5))
    assert not any(box.has(lat, lon) for lat, lon in ((9.9, 0), (20.1, 0), (15, -5.1), (15, 5.1)))


def test_a_box_without_limits_has_the_poles_and_the_antimeridian() -> None:
    assert all(Box().has(lat, lon) for lat in (-90, 90) for lon in (-180, 180))


@pytest.mark.parametrize("corners", [CORNERS, CORNERS[::-1]], ids=["left round", "right round"])
def test_a_triangle_has_its_corners_sides_and_inside_and_nothing_beyond(corners: tuple[Point, Point, Point]) -> None:
    triangle = Triangle(*corners)
    assert all(triangle.has(lat, lon) for lat, lon in (*CORNERS, (0, 2), (1.5, 4), (1.5, 2), (1, 3)))
    assert not any(triangle.has(lat, lon) for lat, lon in ((-0.1, 2), (1.5, 4.1), (1.6, 2), (2.9, 0.1), (3.1, 4.2)))


def test_a_projected_box_has_its_corners_and_nothing_beyond_them() -> None:
    assert NORDIC.has(52, 2) and NORDIC.has(72, 42)
    assert not any(NORDIC.has(lat, lon) for lat, lon in ((51.9, 2), (52, 1.8), (72.1, 42), (72, 42.5)))


def test_a_projected_box_is_no_wider_for_a_whole_turn_and_has_no_pole() -> None:
    assert NORDIC.has(60, 15) and NORDIC.has(60, 15 - 360) and NORDIC.has(60, 15 + 360)
    assert not NORDIC.has(60, -165) and not NORDIC.has(90, 15) and not NORDIC.has(-90, 15)


def test_a_projection_leads_north_along_its_meridian_and_is_even_on_both_sides_of_it() -> None:
    projection = Lambert(15, 63)
    west, east = projection.projected(60, 5), projection.projected(60, 25)
    assert projection.projected(60, 15)[0] == 0
    assert projection.projected(61, 15)[1] > projection.projected(60, 15)[1]
    assert (-west[0], west[1]) == pytest.approx(east)
