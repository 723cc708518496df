"""What `verify_upstream` checks of a dataset, and where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weather.core.cells import Cell
from weather.core.datasets import Dataset
from weather.core.series import Series
from weather.core.zones import label_error_seconds
from weather.upstream import comparison
from weather.upstream.client import Sections, exact_weight
from weather.upstream.errors import UpstreamError
from weather.upstream.validation import AnswerFormat


@dataclass(frozen=True, slots=True)
class Location:
    """A cell to check and the IANA time zone that it lies in."""

    name: str
    cell: Cell
    zone: str


@dataclass(slots=True)
class Sample:
    """What the calls gave for a location; `series` has the hours of `document`, if they are valid."""

    location: Location
    #: By the service's own call; None where that call is the one that gave `document`.
    fetched: Series | UpstreamError | None
    document: dict[str, Any]
    now: float
    #: What the service's own call was answered in.
    fetched_format: AnswerFormat = "json"
    in_gmt: Any = None
    series: Series | None = None

    @property
    def is_mislabelled(self) -> bool:
        """Whether the zone is not a full hour off UTC."""
        return label_error_seconds(comparison.utc_offset_seconds(self.location.zone, self.now)) != 0

    def part(self, name: str) -> Mapping[str, Any]:
        """A section of the document, or a section's units; empty if it is no object."""
        part = self.document.get(name)
        return part if isinstance(part, dict) else {}


@dataclass(frozen=True, eq=False)
class Plan:
    """What is checked of a dataset, and where."""

    dataset: Dataset
    #: What one run may weigh, failed attempts included.
    most_weight: int
    locations: tuple[Location, ...]
    #: Section of Open-Meteo's query → names, of all that is asked for at once.
    sections: Sections
    #: Section → name → unit, as Open-Meteo names them for times in unixtime.
    units: Mapping[str, Mapping[str, str]]
    #: What the shape is, of a sample whose hours are valid; raises Differs.
    shape: Callable[[Sample, Series], str]
    #: Name → check of a sample whose shape is right; each returns its line, or raises Differs.
    comparisons: Mapping[str, Callable[[Sample, Series], str]]

    @property
    def weight_of_a_location(self) -> float:
        """The weight of the call for all sections, for each location."""
        return exact_weight(1, self.sections, self.dataset.forecast_days)
