"""The cells on the dashboard's map: those of active cities, and those that people ask for most."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from prewarm.cities.cell_status import CellStatus, State
from prewarm.cities.formatting import NONE, format_duration, format_rate
from weather.core.cells import Cell
from weathernote.dashboard import worldmap

#: The order of drawing: later markers cover earlier ones. The table has them the other way round.
STATES: tuple[State, ...] = ("fresh", "unknown", "stale", "cold")


@dataclass(frozen=True, slots=True)
class MapMarker:
    """A cell on the map with its status; `is_popular` if it is among those that people ask for most."""

    name: str
    cell: Cell
    status: CellStatus
    is_popular: bool

    @property
    def x(self) -> int:
        """Units from the left of the map."""
        return worldmap.position(self.cell)[0]

    @property
    def y(self) -> int:
        """Units from the top of the map."""
        return worldmap.position(self.cell)[1]

    @property
    def position(self) -> str:
        """Latitude and longitude in degrees."""
        return f"{self.cell.latitude}, {self.cell.longitude}"

    @property
    def age(self) -> str:
        """The age of the held forecast."""
        return format_duration(self.status.age_seconds)

    @property
    def rate(self) -> str:
        """Requests per hour."""
        return format_rate(self.status.requests_per_hour)

    @property
    def title(self) -> str:
        """The tooltip: name, state, age and rate."""
        parts = [self.name, self.status.state]
        if self.status.age_seconds is not None:
            parts.append(f"{self.age} old")
        if self.rate != NONE:
            parts.append(f"asked {self.rate} times an hour")
        return " · ".join(parts)


def map_markers(
    names: Mapping[Cell, str], cities: Mapping[Cell, CellStatus], popular: Mapping[Cell, CellStatus]
) -> list[MapMarker]:
    """One marker for each cell of `cities` and `popular`, in the order of drawing; `names` are those of the cities."""
    of_cities = [MapMarker(name, cell, cities[cell], cell in popular) for cell, name in names.items()]
    others = {cell: status for cell, status in popular.items() if cell not in names}
    of_others = [MapMarker(f"{cell.latitude}, {cell.longitude}", cell, status, True) for cell, status in others.items()]
    return sorted(of_cities + of_others, key=lambda marker: STATES.index(marker.status.state))


def counts(markers: Iterable[MapMarker]) -> dict[State, int]:
    """How many markers have each state."""
    counted = Counter(marker.status.state for marker in markers)
    return {state: counted[state] for state in ("fresh", "stale", "cold", "unknown")}


def ages(markers: Iterable[MapMarker]) -> tuple[float, float] | None:
    """The median and the highest age of the held forecasts, in seconds; None if there are none."""
    known = [marker.status.age_seconds for marker in markers if marker.status.age_seconds is not None]
    return (median(known), max(known)) if known else None
