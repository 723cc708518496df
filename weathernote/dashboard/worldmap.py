"""Positions on the map of the world, an equirectangular projection with ten units to a degree; pure."""

from weather.core.cells import Cell

WEST, NORTH, SOUTH = -180, 84, -58
UNITS_PER_DEGREE = 10
WIDTH, HEIGHT = 360 * UNITS_PER_DEGREE, (NORTH - SOUTH) * UNITS_PER_DEGREE


def position(cell: Cell) -> tuple[int, int]:
    """Units from the left and from the top; a cell beyond the upper or lower edge is shown at that edge."""
    lat = min(max(cell.tenths_lat, SOUTH * 10), NORTH * 10)
    return cell.tenths_lon - WEST * 10, NORTH * 10 - lat
