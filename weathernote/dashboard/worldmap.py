"""Where a cell lies on the map of the world: the plainest projection, a degree is ten units; pure."""

from weather.core.cells import Cell

WEST, NORTH, SOUTH = -180, 84, -58
UNITS_PER_DEGREE = 10
WIDTH, HEIGHT = 360 * UNITS_PER_DEGREE, (NORTH - SOUTH) * UNITS_PER_DEGREE


def position(cell: Cell) -> tuple[int, int]:
    """Units from the left and from the top; what lies beyond the upper or lower edge is shown at it."""
    lat = min(max(cell.tenths_lat, SOUTH * 10), NORTH * 10)
    return cell.tenths_lon - WEST * 10, NORTH * 10 - lat
