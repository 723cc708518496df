"""What a question asks: its form, which many positions share, and its places."""

from dataclasses import dataclass
from typing import Literal

from weather.core.cells import Cell

Format = Literal["json", "flatbuffers"]

USUAL_DAYS = 7
GMT, AUTO = "GMT", "auto"


@dataclass(frozen=True, slots=True)
class Form:
    """All of a question but its places: what is asked of each, for which time, and how it is written."""

    current: tuple[str, ...] = ()
    hourly: tuple[str, ...] = ()
    daily: tuple[str, ...] = ()
    days: int = USUAL_DAYS
    #: Hours from the present one on, in place of whole days; None for days.
    hours: int | None = None
    #: An IANA zone, GMT, or `auto` for the place's own; one for all places, or one for each.
    zones: tuple[str, ...] = (GMT,)
    unixtime: bool = False
    temperature: str = "celsius"
    wind_speed: str = "kmh"
    precipitation: str = "mm"
    format: Format = "json"

    @property
    def has_days(self) -> bool:
        """Whether the answer begins with a day, and so must not outlive it."""
        return bool(self.daily) or bool(self.hourly and self.hours is None)

    def zone_of(self, number: int) -> str:
        """The zone asked for of the place of this number."""
        return self.zones[number] if len(self.zones) > 1 else self.zones[0]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: the cells of its places in their order, and its form."""

    cells: tuple[Cell, ...]
    form: Form
