"""Regions of the map, in degrees: boxes, rectangles in Lambert's projection, and triangles; pure."""

from dataclasses import dataclass
from math import cos, pi, radians, sin, tan
from typing import NamedTuple, Self


class Point(NamedTuple):
    """A position in degrees north and east."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Box:
    """From south to north and west to east, the borders included; no box crosses the antimeridian."""

    south: float = -90.0
    north: float = 90.0
    west: float = -180.0
    east: float = 180.0

    def has(self, latitude: float, longitude: float) -> bool:
        """Whether a position in degrees lies in it."""
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


@dataclass(frozen=True, slots=True)
class Lambert:
    """Lambert's conformal conic projection of a sphere, tangent at one parallel; angles in degrees.

    The sphere's radius and the origin scale and shift all coordinates alike, so they are left out.
    """

    central_meridian: float
    standard_parallel: float

    def projected(self, latitude: float, longitude: float) -> tuple[float, float]:
        """Coordinates to the east and to the north, by Snyder's formulas 15-1 to 15-4; not of the south pole."""
        cone = sin(radians(self.standard_parallel))
        from_pole = tan(pi / 4 + radians(latitude) / 2) ** -cone
        # The short way round the globe, so that no position is a whole turn away from the meridian.
        turned = cone * radians((longitude - self.central_meridian + 180) % 360 - 180)
        return from_pole * sin(turned), -from_pole * cos(turned)


@dataclass(frozen=True, slots=True)
class ProjectedBox:
    """A rectangle in a projection, from one corner's coordinates to the other's, the borders included."""

    projection: Lambert
    south_west: tuple[float, float]
    north_east: tuple[float, float]

    @classmethod
    def between(cls, projection: Lambert, south_west: Point, north_east: Point) -> Self:
        """The rectangle with these corners."""
        return cls(projection, projection.projected(*south_west), projection.projected(*north_east))

    def has(self, latitude: float, longitude: float) -> bool:
        """Whether a position in degrees lies in it; the poles do not."""
        if abs(latitude) >= 90:
            return False
        x, y = self.projection.projected(latitude, longitude)
        return self.south_west[0] <= x <= self.north_east[0] and self.south_west[1] <= y <= self.north_east[1]


@dataclass(frozen=True, slots=True)
class Triangle:
    """Three corners, and all between them; the borders included."""

    first: Point
    second: Point
    third: Point

    def has(self, latitude: float, longitude: float) -> bool:
        """Whether a position in degrees lies in it: its sides, walked round, all have it on the same hand."""
        position, corners = Point(latitude, longitude), (self.first, self.second, self.third)
        hands = [_hand(corners[at - 1], corners[at], position) for at in range(3)]
        return min(hands) >= 0 or max(hands) <= 0


def _hand(start: Point, end: Point, position: Point) -> float:
    """Above 0 if the position is on the left hand of who walks from start to end, 0 if it is straight ahead."""
    return (end.longitude - start.longitude) * (position.latitude - start.latitude) - (
        end.latitude - start.latitude
    ) * (position.longitude - start.longitude)
