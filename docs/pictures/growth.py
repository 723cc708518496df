"""What a request costs as instances, cells or clients grow in number: the points of tests.benchmarks.growth."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from math import log10
from pathlib import Path

from docs.pictures import svg

POINTS = Path(__file__).with_name("growth.json")
#: A panel's name, and the field of a point that it shows; `feeds` is worked out of two.
PANELS = (
    ("CPU of an instance, µs a request", "cpu_us"),
    ("CPU of Redis, µs a request", "redis_us"),
    ("cores of instances that a core of Redis feeds", "feeds"),
    ("memory of Redis, MB", "redis_megabytes"),
)
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _GAP = 340, 150, 56, 66, 40, 62
_STEPS = (1, 2, 2.5, 5, 10)

Point = Mapping[str, float]


def _draw(kind: str) -> str:
    """The picture of one kind as SVG."""
    points = _measured()[kind]
    shapes = [svg.text(24, 28, f"By the number of {kind}", "name", "start")]
    for at, (name, field) in enumerate(PANELS):
        left, top = _LEFT + at % 2 * (_WIDTH + _GAP), _TOP + at // 2 * (_HEIGHT + _GAP + _BOTTOM)
        shapes += _panel(left, top, name, [(point["size"], _value(point, field)) for point in points])
    height = _TOP + 2 * (_HEIGHT + _BOTTOM) + _GAP
    return svg.picture(_LEFT + 2 * _WIDTH + _GAP + 36, height, f"What a request costs by the number of {kind}", shapes)


def _value(point: Point, field: str) -> float:
    return point["cpu_us"] / point["redis_us"] if field == "feeds" else point[field]


def _panel(left: float, top: float, name: str, points: Sequence[tuple[float, float]]) -> list[str]:
    """A line from 0 up, its sizes in powers."""
    sizes = [size for size, _ in points]
    span = log10(sizes[-1] / sizes[0]) or 1
    step = _step(max(value for _, value in points))
    marks = [step * number for number in range(5)]

    def x(size: float) -> float:
        return left + _WIDTH * log10(size / sizes[0]) / span

    def y(value: float) -> float:
        return top + _HEIGHT * (1 - value / marks[-1])

    shapes = [svg.text(left, top - 14, name, "small", "start")]
    for mark in marks:
        shapes.append(svg.line([(left, y(mark)), (left + _WIDTH, y(mark))], "grid"))
        shapes.append(svg.text(left - 6, y(mark) + 4, f"{mark:g}", "small", "end"))
    shapes += [svg.text(x(size), top + _HEIGHT + 18, f"{size:,}", "small") for size in sizes]
    shapes.append(svg.line([(x(size), y(value)) for size, value in points], "a"))
    shapes += [f'<circle class="dot" cx="{x(size):.1f}" cy="{y(value):.1f}" r="3.5"/>' for size, value in points]
    return shapes


def _step(most: float) -> float:
    """A quarter of the axis, a round number."""
    power = 10.0 ** int(log10(most / 4) // 1)
    return next(power * step for step in _STEPS if 4 * power * step >= most)


def _measured() -> dict[str, list[Point]]:
    """Kind → its points, of the kinds that were measured with --write."""
    return json.loads(POINTS.read_text()) if POINTS.exists() else {}


DRAWN = {f"growth_{kind}": partial(_draw, kind) for kind in _measured()}
