"""Faults in the document of one location, each a function of the fault's name; and how a document is written.

Where no variable is named, a fault is in the first one of its section.
"""

import json
from collections.abc import Callable
from typing import Any

from weather.simulator.place import HOUR_SECONDS

Document = dict[str, Any]


def nulls(document: Document, *, variable: str | None = None, trailing_hours: int | None = None) -> None:
    """Null in one variable or all of them, in the last `trailing_hours` or in every hour."""
    for name, column in _hourly(document).items():
        if name == "time" or variable not in (None, name):
            continue
        count = len(column) if trailing_hours is None else min(trailing_hours, len(column))
        column[len(column) - count :] = [None] * count


def missing(document: Document, *, variable: str | None = None) -> None:
    """Leaves one hourly variable out."""
    section = _hourly(document)
    section.pop(variable or _first(section), None)


def wrong_length(document: Document, *, variable: str | None = None, by: int = -1) -> None:
    """Cuts the last `-by` values off an hourly column, or appends `by` copies of the last one."""
    column = _hourly_column(document, variable)
    column[:] = column[:by] if by < 0 else column + column[-1:] * by


def wrong_place(document: Document, *, km: float = 500.0) -> None:
    """Moves the grid point `km` kilometres along its meridian."""
    degrees = km / 111.2
    document["latitude"] += -degrees if document["latitude"] > 0 else degrees


def wrong_units(document: Document, *, variable: str | None = None, unit: str = "°F") -> None:
    """Names another unit for an hourly variable; its values stay."""
    units = document.get("hourly_units", {})
    units[variable or _first(units)] = unit


def wrong_times(document: Document, *, row: int = 30, seconds: int = HOUR_SECONDS) -> None:
    """A gap: from `row` on every time is `seconds` later (with `timeformat=unixtime`)."""
    times = _hourly(document).get("time", [])
    times[row:] = [time + seconds for time in times[row:]]


def odd_value(document: Document, *, variable: str | None = None, value: str = "1e999", row: int | None = 30) -> None:
    """`value` as JSON text, such as `1e999` or `"12.3"`, in one row or in every row."""
    column = _hourly_column(document, variable)
    rows = range(len(column)) if row is None else [row]
    for number in rows:
        column[number] = _raw(value)


def nan(document: Document) -> None:
    """What Open-Meteo writes for a point outside a model's area: nan, which is not JSON."""
    metadata_only(document)
    document.pop("elevation", None)
    document["latitude"] = document["longitude"] = _raw("nan")


def one_bad_place(document: Document, *, instead: Document | None = None) -> None:
    """One location of a batch is no forecast: the fault's `place`, or the first."""
    location_id = {"location_id": document["location_id"]} if "location_id" in document else {}
    document.clear()
    document.update(location_id | ({"hourly": "nonsense"} if instead is None else instead))


def metadata_only(document: Document) -> None:
    """Leaves out all sections of values."""
    for section in ("current", "hourly", "daily"):
        document.pop(section, None)
        document.pop(f"{section}_units", None)


def current_differs(document: Document, *, variable: str | None = None, by: float = 5.0) -> None:
    """Adds `by` to a current value that is not null."""
    section = document.get("current", {})
    name = variable or _first(section)
    if section.get(name) is not None:
        section[name] = round(section[name] + by, 1)


def daily_differs(document: Document, *, variable: str = "temperature_2m_max", by: float = 5.0) -> None:
    """Adds `by` to every value of a daily column."""
    column = document.get("daily", {}).get(variable, [])
    column[:] = [round(value + by, 1) for value in column]


def zone_differs(document: Document, *, timezone: str = "Antarctica/Troll", utc_offset_seconds: int = 7200) -> None:
    """Names another time zone and offset from UTC; the hours stay."""
    document["timezone"], document["utc_offset_seconds"] = timezone, utc_offset_seconds


def future_runs(document: Document, *, seconds: int = 24 * HOUR_SECONDS) -> None:
    """Run times that lie `seconds` later."""
    for name in document:
        if name.startswith("last_run_"):
            document[name] += seconds


def _hourly(document: Document) -> dict[str, list[Any]]:
    section: dict[str, list[Any]] = document.get("hourly", {})
    return section


def _hourly_column(document: Document, variable: str | None) -> list[Any]:
    section = _hourly(document)
    return section.get(variable or _first(section), [])


def _first(section: dict[str, Any]) -> str:
    """The first variable of a section, or no name where it has none."""
    return next((name for name in section if name not in ("time", "interval")), "")


_RAW = "\N{NULL}raw:"


def _raw(text: str) -> str:
    """Marks text that `dumped` writes as it stands, where json has no way to say it."""
    return _RAW + text


def dumped(document: Document) -> str:
    """A document as JSON, with the texts that `odd_value` and `nan` put in written as they are."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    marker = json.dumps(_RAW)[:-1]
    first, *rest = text.split(marker)
    for part in rest:
        value, following = _split_string(part)
        first += value + following
    return first


def _split_string(part: str) -> tuple[str, str]:
    """The JSON string that `part` is in the middle of, unescaped, and what follows it."""
    value, end = json.JSONDecoder().raw_decode(f'"{part}')
    return value, part[end - 1 :]


def by_name(*functions: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Name of the fault → its function."""
    return {function.__name__: function for function in functions}


ON_DOCUMENT = by_name(
    nulls, missing, wrong_length, wrong_place, wrong_units, wrong_times, odd_value, nan, one_bad_place, metadata_only,
    current_differs, daily_differs, zone_differs, future_runs,
)  # fmt: skip
