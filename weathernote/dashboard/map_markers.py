"""The cells that the dashboard shows: those of cities, and those that people ask for most."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from prewarm.cities.formatting import format_duration
from prewarm.cities.cell_status import CellStatus, State
from weather.core.cells import Cell
from weathernote.dashboard import worldmap

#: What wants to be seen comes last: later spots lie above earlier ones, and it stands first in the table.
STATES: tuple[State, ...] = ("fresh", "unknown", "stale", "cold")


@dataclass(frozen=True, slots=True)
class Spot:
    """A cell as it stands; `is_asked` for those that people ask for most."""

    name: str
    cell: Cell
    live: CellStatus
    is_asked: bool

    @property
    def x(self) -> int:
        return worldmap.position(self.cell)[0]

    @property
    def y(self) -> int:
        return worldmap.position(self.cell)[1]

    @property
    def position(self) -> str:
        return f"{self.cell.latitude}, {self.cell.longitude}"

    @property
    def age(self) -> str:
        return format_duration(self.live.age_seconds)

    @property
    def rate(self) -> str:
        per_hour = self.live.requests_per_hour
        return "–" if not per_hour or per_hour < 0.05 else f"{per_hour:,.0f}" if per_hour >= 10 else f"{per_hour:.1f}"

    @property
    def title(self) -> str:
        said = [self.name, self.live.state]
        if self.live.age_seconds is not None:
            said.append(f"{self.age} old")
        if self.rate != "–":
            said.append(f"asked {self.rate} times an hour")
        return " · ".join(said)


def spots(names: Mapping[Cell, str], cities: Mapping[Cell, CellStatus], asked: Mapping[Cell, CellStatus]) -> list[Spot]:
    """A spot for each cell of either, in the order in which they are drawn."""
    of_cities = [Spot(name, cell, cities[cell], cell in asked) for cell, name in names.items()]
    others = {cell: live for cell, live in asked.items() if cell not in names}
    of_others = [Spot(f"{cell.latitude}, {cell.longitude}", cell, live, True) for cell, live in others.items()]
    return sorted(of_cities + of_others, key=lambda spot: STATES.index(spot.live.state))


def counts(shown: Iterable[Spot]) -> dict[State, int]:
    """How many stand how."""
    counted = Counter(spot.live.state for spot in shown)
    return {state: counted[state] for state in ("fresh", "stale", "cold", "unknown")}


def ages(shown: Iterable[Spot]) -> tuple[float, float] | None:
    """The median age and the oldest, in seconds; None where nothing is held."""
    known = [spot.live.age_seconds for spot in shown if spot.live.age_seconds is not None]
    return (median(known), max(known)) if known else None
