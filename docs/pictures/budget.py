"""A day's budget: the line that refreshes keep to, by the service's own function, and what it leaves to new places."""

from docs.pictures import svg
from weather.budget.day_line import line

_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 744, 50, 330


def draw() -> str:
    """The picture as SVG."""
    paced = [(_x(step / 96), _y(line(step / 96))) for step in range(97)]
    shapes = [svg.text(_LEFT, 28, "A day's budget, where no new place comes", "name", "start")]
    for hour in range(0, 25, 4):
        shapes.append(svg.line([(_x(hour / 24), _TOP), (_x(hour / 24), _BOTTOM)], "grid"))
        shapes.append(svg.text(_x(hour / 24), _BOTTOM + 18, f"{hour:02}:00", "small"))
    for part in (0, 0.25, 0.5, 0.75, 1):
        shapes.append(svg.line([(_LEFT, _y(part)), (_RIGHT, _y(part))], "grid"))
        shapes.append(svg.text(_LEFT - 8, _y(part) + 4, f"{part:.0%}", "small", "end"))
    shapes += [
        svg.area([*paced, (_x(1), _y(0))]),
        svg.line(paced, "a"),
        svg.line([(_LEFT, _y(1)), (_RIGHT, _y(1))], "b"),
        svg.text(_LEFT + 10, _y(1) + 18, "the wall: nothing passes it", "small", "start"),
        svg.text(_x(0.62), _y(0.22), "what refreshes may have spent by now;", "small"),
        svg.text(_x(0.62), _y(0.22) + 16, "what a quiet hour left, a later one may use", "small"),
        svg.text(_x(0.3), _y(0.62), "left for new places: spent as they come", "small"),
        svg.text((_LEFT + _RIGHT) / 2, _BOTTOM + 38, "time of day, UTC", "small"),
    ]
    return svg.picture(780, 384, "The pace of refreshes along the day, below the budget's wall", shapes)


def _x(part_of_the_day: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * part_of_the_day


def _y(part_of_the_budget: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * part_of_the_budget
