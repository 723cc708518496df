"""What `verify_upstream` checks of air quality: the hours, and where pollen is known.

Two locations weigh 2 × 1.0 in the service's own call, and one of them 1.0 in GMT: 3.0 in all. Open-Meteo has no daily
values of the air, so nothing is compared with the service's maxima, and its `current` is the row of the hour.
"""

from collections.abc import Iterable, Sequence

from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY
from weather.core.series import Series
from weather.core.variables import HOUR_SECONDS
from weather.upstream.comparison import Differs
from weather.upstream.plan import Location, Plan, Sample

POLLEN_NAMES = tuple(variable.name for variable in AIR_QUALITY.variables if variable.name.endswith("_pollen"))
OTHER_NAMES = tuple(variable.name for variable in AIR_QUALITY.variables if variable.name not in POLLEN_NAMES)
#: Open-Meteo has pollen for Europe alone, from 30 to 72° N and from 25° W to 45° E, and for fewer days than the rest.
IN_EUROPE = Location("Warsaw", Cell(522, 210), "Europe/Warsaw")
OUTSIDE = Location("Kathmandu", Cell(277, 853), "Asia/Kathmandu")  # 45 minutes off a full hour


def _shape(sample: Sample, series: Series) -> str:
    for name, column in series.columns.items():
        known = _known(column)
        if None in column[:known]:
            raise Differs(f"{name} has a gap")
    return f"{series.hours} hours without a gap before their end"


def _values(sample: Sample, series: Series) -> str:
    return f"for the coming {_least_hours_to_come(sample, series, OTHER_NAMES)} hours"


def _pollen(sample: Sample, series: Series) -> str:
    if sample.location is IN_EUROPE:
        return f"for the coming {_least_hours_to_come(sample, series, POLLEN_NAMES)} hours"
    for name in POLLEN_NAMES:
        if _known(series.columns[name]):
            raise Differs(f"{name} has values outside Europe")
    return "null outside Europe"


def _least_hours_to_come(sample: Sample, series: Series, names: Iterable[str]) -> int:
    """The hours for which all of these have a value, the present one not counted; raises Differs if that has none."""
    present = int(sample.now - series.start) // HOUR_SECONDS
    hours = {name: _known(series.columns[name]) - present - 1 for name in names}
    name = min(hours, key=lambda name: hours[name])
    if hours[name] < 0:
        raise Differs(f"{name} has no value for the present hour")
    return hours[name]


def _known(column: Sequence[float | None]) -> int:
    """The number of rows up to the last one that is not null."""
    return next((row + 1 for row in reversed(range(len(column))) if column[row] is not None), 0)


AIR_QUALITY_PLAN = Plan(
    dataset=AIR_QUALITY,
    most_weight=6,  # each call once more
    locations=(OUTSIDE, IN_EUROPE),
    sections=AIR_QUALITY.sections,
    units={"hourly": {"time": "unixtime"} | {variable.name: variable.unit for variable in AIR_QUALITY.variables}},
    shape=_shape,
    comparisons={"values": _values, "pollen": _pollen},
)
