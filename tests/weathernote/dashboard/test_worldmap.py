"""Positions of cells on the map."""

import pytest

from weather.core.cells import Cell
from weathernote.dashboard import worldmap

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (("0", "0"), (1800, 840)),
        (("84", "-180"), (0, 0)),
        (("-58", "179.9"), (3599, 1420)),
        (("-90", "0"), (1800, 1420)),
    ],
)
def test_a_position_has_its_place_on_the_map(position, expected):
    assert worldmap.position(Cell.parse(*position)) == expected
