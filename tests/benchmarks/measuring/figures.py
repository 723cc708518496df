"""What comes of a benchmark: lines for people, and figures that have a target or are compared with the last time's."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

#: What moved by more than this part of itself is told, and a loss of it ends `make bench-quick` with 1.
TOLERANCE = 0.1

Moved = Literal["better", "worse", ""]


class Figure(NamedTuple):
    """A ratio or a count, by its name.

    `target` is the least that is promised where higher is better, else the most. `kept` figures are steady enough,
    whatever else the machine does, to be compared with those of another run.
    """

    name: str
    value: float
    better: Literal["higher", "lower"]
    target: float | None = None
    kept: bool = False

    @property
    def is_reached(self) -> bool:
        if self.target is None:
            return True
        return self.value >= self.target if self.better == "higher" else self.value <= self.target

    def moved(self, before: float) -> Moved:
        """How it moved since it was `before`; nothing within the tolerance."""
        if before * (1 - TOLERANCE) <= self.value <= before * (1 + TOLERANCE):
            return ""
        return "better" if (self.value > before) == (self.better == "higher") else "worse"


class Section(NamedTuple):
    title: str
    lines: Sequence[str]
    figures: Sequence[Figure] = ()


def told(section: Section) -> str:
    return "\n".join([f"── {section.title} ──", *section.lines, ""])


def targets(figures: Sequence[Figure]) -> list[str]:
    """A line for each figure that has a target."""
    lines = []
    for figure in figures:
        if figure.target is not None:
            sign = "≥" if figure.better == "higher" else "≤"
            word = "reached" if figure.is_reached else "NOT reached"
            lines.append(f"{word:12} {figure.name}: {figure.value:,.5g} (target {sign} {figure.target:,g})")
    return lines
