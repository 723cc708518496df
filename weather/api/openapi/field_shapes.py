"""The shape of each value in an answer's sections, by the dataset's declaration: for the schemas."""

from collections.abc import Set
from typing import Literal, NamedTuple

from weather.api.openapi.descriptions import DESCRIPTIONS
from weather.core.datasets import Dataset, Section
from weather.core.units import IMPERIAL, METRIC

Kind = Literal["date", "datetime", "integer", "number", "boolean"]

_INSTANTS = ("sunrise", "sunset")
_TIMES = {
    "current": "The minute that the values were worked out for",
    "daily": "The cell's local days, today first",
    "hourly": "Full hours from the present one on, with the zone's offset",
}
#: Section → what it holds.
MEANINGS = {
    "current": "The conditions of the present minute, read from the hourly series.",
    "daily": "One item a day in every column.",
    "hourly": "One item an hour in every column: 48, or to the end of the last day if that is sooner.",
}


class FieldShape(NamedTuple):
    """A value of a section, or an item of a column: its kind, whether it may be null, and what it means, with units."""

    kind: Kind
    is_nullable: bool
    meaning: str


def shapes_of(section: Section, dataset: Dataset) -> dict[str, FieldShape]:
    """Name → shape of everything in a section of a dataset with its extra variables, `time` first."""
    whole = {variable.name for variable in dataset.asked if variable.decimals <= 0}
    metric, imperial = (section.units(dataset.extras, units) for units in (METRIC, IMPERIAL))
    time = FieldShape("date" if section.name == "daily" else "datetime", False, _TIMES[section.name])
    values = {name: _value(name, unit, imperial[name], whole) for name, unit in metric.items() if name != "time"}
    without = {name: FieldShape("boolean", False, DESCRIPTIONS[name]) for name in section.without_unit}
    return {"time": time} | values | without


def _value(name: str, unit: str, imperial: str, whole: Set[str]) -> FieldShape:
    text = f"{DESCRIPTIONS[name]}{_in_units(name, unit, imperial)}"
    if name in _INSTANTS:
        return FieldShape("datetime", True, text)
    is_whole = name.rpartition("_")[0] in whole or name in whole
    return FieldShape("integer" if is_whole else "number", True, text)


def _in_units(name: str, unit: str, imperial: str) -> str:
    if name in _INSTANTS:
        return "; ISO 8601"
    if not unit:
        return ""
    return f"; in {unit}" if imperial == unit else f"; in {unit}, imperial in {imperial}"
