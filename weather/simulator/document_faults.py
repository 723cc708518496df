"""Faults in the document of one location, each a function of the fault's name; and how a document is written."""

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


def missing(document: Document, *, variable: str = "temperature_2m") -> None:
    """Leaves one hourly variable out."""
    _hourly(document).pop(variable, None)


def wrong_length(document: Document, *, variable: str = "temperature_2m", by: int = -1) -> None:
    """Cuts the last `-by` values off an hourly column, or appends `by` copies of the last one."""
    column = _hourly(document).get(variable, [])
    column[:] = column[:by] if by < 0 else column + column[-1:] * by


def wrong_place(document: Document, *, km: float = 500.0) -> None:
    """Moves the grid point `km` kilometres along its meridian."""
    degrees = km / 111.2
    document["latitude"] += -degrees if document["latitude"] > 0 else degrees


def wrong_units(document: Document, *, variable: str = "temperature_2m", unit: str = "°F") -> None:
    """Names another unit for an hourly variable; its values stay."""
    document.get("hourly_units", {})[variable] = unit


def wrong_times(document: Document, *, row: int = 30, seconds: int = HOUR_SECONDS) -> None:
    """A gap: from `row` on every time is `seconds` later (with `timeformat=unixtime`)."""
    times = _hourly(document).get("time", [])
    times[row:] = [time + seconds for time in times[row:]]


def odd_value(
    document: Document, *, variable: str = "temperature_2m", value: str = "1e999", row: int | None = 30
) -> None:
    """`value` as JSON text, such as `1e999` or `"12.3"`, in one row or in every row."""
    column = _hourly(document).get(variable, [])
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


def current_differs(document: Document, *, variable: str = "temperature_2m", by: float = 5.0) -> None:
    """Adds `by` to a current value."""
    section = document.get("current", {})
    if variable in section:
        section[variable] = round(section[variable] + by, 1)


def daily_differs(document: Document, *, variable: str = "temperature_2m_max", by: float = 5.0) -> None:
    """Adds `by` to every value of a daily column."""
    column = document.get("daily", {}).get(variable, [])
    column[:] = [round(value + by, 1) for value in column]


def zone_differs(document: Document, *, timezone: str = "Antarctica/Troll", utc_offset_seconds: int = 7200) -> None:
    """Names another time zone and offset from UTC; the hours stay."""
    document["timezone"], document["utc_offset_seconds"] = timezone, utc_offset_seconds


def _hourly(document: Document) -> dict[str, list[Any]]:
    section: dict[str, list[Any]] = document.get("hourly", {})
    return section


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
    current_differs, daily_differs, zone_differs,
)  # fmt: skip
