"""The charts of the day's budget: the line that limits refreshes, what is spent by now, and by dataset; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from weathernote.dashboard.spending import Spending

WIDTH, HEIGHT = 360, 176
LEFT, RIGHT, TOP, BOTTOM = 46, 352, 12, 150
STEPS = 48
BAR = 9
#: The length of the longest bar by dataset.
LENGTH = 120


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the stack: `y` is its upper edge."""

    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Positions in units of the SVG; `now` is the horizontal middle of the bars."""

    line: str
    now: float
    new_places: Bar
    refreshes: Bar
    hours: list[tuple[float, str]]
    amounts: list[tuple[float, str]]
    bar_x: float
    bar_width: int = BAR
    left: int = LEFT
    right: int = RIGHT
    top: int = TOP
    bottom: int = BOTTOM


@dataclass(frozen=True, slots=True)
class Row:
    """What a dataset spent, for people to read, and the lengths of its two bars in units of the SVG."""

    name: str
    refreshes: str
    new_places: str
    refreshes_length: float
    new_places_length: float


def rows(spending: Spending) -> Iterator[Row]:
    """A row for each dataset, in the order of their declarations; the largest share has the longest bar."""
    most = max([share.total for share in spending.shares.values()], default=0) or 1
    for name, share in spending.shares.items():
        yield Row(
            name=name.replace("_", " ").capitalize(),
            refreshes=f"{share.refreshes:,}",
            new_places=f"{share.new_places:,}",
            refreshes_length=round(LENGTH * share.refreshes / most, 1),
            new_places_length=round(LENGTH * share.new_places / most, 1),
        )


def chart(spending: Spending) -> Chart:
    """The positions of everything in the chart of `spending`."""

    def y(weight: float) -> float:
        part = min(1.0, weight / spending.budget)
        return round(BOTTOM - (BOTTOM - TOP) * part, 1)

    points = [f"{_x(step / STEPS)},{y(spending.line_at(step / STEPS))}" for step in range(STEPS + 1)]
    new_places_top, spent_top, axis = y(spending.on_new_places), y(spending.spent), y(0)
    now = _x(spending.part_of_day)
    return Chart(
        line=" ".join(points),
        now=now,
        new_places=Bar(new_places_top, round(axis - new_places_top, 1)),
        refreshes=Bar(spent_top, round(new_places_top - spent_top, 1)),
        hours=[(_x(hour / 24), f"{hour}:00") for hour in (0, 6, 12, 18, 24)],
        amounts=[(y(spending.budget * part), f"{spending.budget * part:,.0f}") for part in (0, 0.5, 1)],
        bar_x=now - BAR / 2,
    )


def _x(part_of_day: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * part_of_day, 1)
