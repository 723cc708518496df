"""Rewrites static/world.svg: the land of the world as one path of some 40 kB.

    npm pack world-atlas && tar xzf world-atlas-*.tgz
    python weathernote/dashboard/build_worldmap.py package/land-50m.json

The coastline is Natural Earth's (https://www.naturalearthdata.com/), in the public domain, as TopoJSON by world-atlas.
The projection is that of worldmap.py: equirectangular, ten units to a degree, from 180° west and 84° north on.
"""

import json
import sys
from collections.abc import Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP))

from weathernote.dashboard.worldmap import HEIGHT, NORTH, SOUTH, UNITS_PER_DEGREE, WEST, WIDTH  # noqa: E402 - run by its path

#: How far a line may move when a point is left out, in units, and the least area of an island, in units².
TOLERANCE, SMALLEST = 1.1, 8.0

Point = tuple[float, float]


def main() -> None:
    """Reads the TopoJSON named on the command line, and writes static/world.svg."""
    topology = json.loads(Path(sys.argv[1]).read_text())
    rings = [simplified(ring) for ring in rings_of(topology)]
    path = "".join(drawn(ring) for ring in rings if len(ring) > 3 and area(ring) >= SMALLEST)
    (TOP / "weathernote/dashboard/static/world.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<!-- Made with Natural Earth --><path id="land" d="{path}"/></svg>\n'
    )


def rings_of(topology: dict[str, Any]) -> Iterator[list[Point]]:
    """Every ring of the land, in units of the map; Antarctica lies beyond its edge."""
    arcs = [positions(arc, topology["transform"]) for arc in topology["arcs"]]
    for geometry in topology["objects"]["land"]["geometries"]:
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        for ring in (ring for polygon in polygons for ring in polygon):
            degrees: list[Point] = []
            for arc in ring:
                # A negative number is the same arc backwards; its first point is the last one's end.
                degrees += (arcs[arc] if arc >= 0 else arcs[~arc][::-1])[1 if degrees else 0 :]
            if max(lat for _, lat in degrees) > SOUTH:
                for lons in unwrapped([lon for lon, _ in degrees]):
                    yield [
                        ((lon - WEST) * UNITS_PER_DEGREE, (NORTH - lat) * UNITS_PER_DEGREE)
                        for lon, (_, lat) in zip(lons, degrees, strict=True)
                    ]


def unwrapped(lons: list[float]) -> Iterator[list[float]]:
    """A ring's longitudes without a jump at the antimeridian, and once more, a turn away, if they cross it."""
    jumps = (360 if here - there > 180 else -360 if there - here > 180 else 0 for here, there in pairwise(lons))
    continuous = [lon + turn for lon, turn in zip(lons, accumulate(jumps, initial=0), strict=True)]
    yield continuous
    for edge, turn in ((max(continuous) > 180, -360), (min(continuous) < WEST, 360)):
        if edge:
            yield [lon + turn for lon in continuous]


def positions(arc: list[list[int]], transform: dict[str, list[float]]) -> list[Point]:
    """An arc in degrees: TopoJSON writes each point as the step from the one before it."""
    (wide, high), (west, south) = transform["scale"], transform["translate"]
    lons, lats = zip(*accumulate(arc, lambda at, step: [at[0] + step[0], at[1] + step[1]]), strict=True)
    return [(x * wide + west, y * high + south) for x, y in zip(lons, lats, strict=True)]


def simplified(line: list[Point]) -> list[Point]:
    """The line without the points that hardly bend it, by the algorithm of Douglas and Peucker."""
    chosen = {0, len(line) - 1}
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        between = range(first + 1, last)
        furthest = max(between, key=lambda at: off(line[at], line[first], line[last]), default=first)
        if furthest != first and off(line[furthest], line[first], line[last]) > TOLERANCE:
            chosen.add(furthest)
            spans += [(first, furthest), (furthest, last)]
    return [line[at] for at in sorted(chosen)]


def off(point: Point, start: Point, end: Point) -> float:
    """The distance of `point` from the line through `start` and `end`, in units."""
    (x, y), (x0, y0), (x1, y1) = point, start, end
    length: float = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    if not length:
        return float(((x - x0) ** 2 + (y - y0) ** 2) ** 0.5)
    return float(abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length)


def area(ring: list[Point]) -> float:
    """The area that the ring encloses, in units²."""
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))) / 2


def drawn(ring: list[Point]) -> str:
    """A closed ring in whole units, each point as a step from the one before."""
    rounded = [(round(x), round(y)) for x, y in ring[:-1]]
    steps = ((x1 - x0, y1 - y0) for (x0, y0), (x1, y1) in pairwise(rounded))
    return (
        f"M{rounded[0][0]} {rounded[0][1]}l" + " ".join(f"{x} {y}" for x, y in steps if x or y).replace(" -", "-") + "z"
    )


if __name__ == "__main__":
    main()
