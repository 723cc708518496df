"""Whether a text out of Redis has the shape of an answer, for nothing else is to reach a phone.

Read once for the same bytes under the same key (store.py), so that a hit does not pay for it again and again.
"""

import json
from collections.abc import Iterable, Mapping, Set
from typing import Any, NoReturn

from weather.core import zones
from weather.core.forecast import CURRENT_UNITS, DAILY_UNITS, HOURLY_UNITS

#: Beyond any value and any sum of values that is shown. JSON may write 1e999, which Python reads as infinity.
_MOST = 1e9
_NUMBER = frozenset({int, float, type(None)})
_TEXT = frozenset({str})
#: What is not a number or null; a day without a sunrise has null there.
_TYPES = {
    "time": _TEXT,
    "is_day": frozenset({bool}),
    "sunrise": frozenset({str, type(None)}),
    "sunset": frozenset({str, type(None)}),
}
_CURRENT_NAMES = CURRENT_UNITS.keys() | {"is_day"}
_HOURLY_NAMES = HOURLY_UNITS.keys() | {"is_day"}
_DAILY_NAMES = DAILY_UNITS.keys()


class OtherShape(ValueError):
    """The text is not that of an answer."""


def zone_of_answer(text: bytes, *, is_forecast: bool) -> str:
    """The time zone that an answer names; OtherShape where the text is none, RecursionError where it is a deep nest."""
    try:
        # Decoded apart, for JSON alone would let half of a character pass.
        body = json.loads(text.decode(), parse_constant=_refuse)
    except ValueError:
        raise OtherShape("no JSON") from None
    zone = body.get("timezone") if type(body) is dict else None
    if type(zone) is not str or not zones.is_known(zone):
        raise OtherShape("no zone that this machine knows")
    if is_forecast:
        _check_columns(body.get("hourly"), _HOURLY_NAMES)
        _check_columns(body.get("daily"), _DAILY_NAMES)
    else:
        _check_values(body.get("current"), _CURRENT_NAMES)
    _check_grid(body.get("grid"))
    units = body.get("units")
    if type(units) is not dict or not set(map(type, units.values())) <= _TEXT:
        raise OtherShape("no names of units")
    return zone


def _refuse(constant: str) -> NoReturn:
    raise OtherShape(f"{constant} is no JSON")


def _section(section: Any, names: Set[str]) -> Mapping[str, Any]:
    if type(section) is not dict or not names <= section.keys():
        raise OtherShape("a section that is not there, or not whole")
    return section


def _check_values(section: Any, names: Set[str]) -> None:
    for name, value in _section(section, names).items():
        allowed = _TYPES.get(name, _NUMBER)
        if type(value) not in allowed or (allowed is _NUMBER and not _is_small(value or 0)):
            raise OtherShape(f"{name} is no value")


def _check_columns(section: Any, names: Set[str]) -> None:
    lengths = set()
    for name, column in _section(section, names).items():
        allowed = _TYPES.get(name, _NUMBER)
        if type(column) is not list or not set(map(type, column)) <= allowed:
            raise OtherShape(f"{name} is no column of values")
        if allowed is _NUMBER and not _is_small(_sum(column)):
            raise OtherShape(f"{name} has a number without end")
        lengths.add(len(column))
    if len(lengths) != 1:
        raise OtherShape("columns of different lengths")


def _check_grid(grid: Any) -> None:
    if type(grid) is not dict or not set(map(type, grid.values())) <= _NUMBER or not _is_small(_sum(grid.values())):
        raise OtherShape("no point of a grid")


def _is_small(number: float) -> bool:
    return -_MOST < number < _MOST  # NaN, of two infinities, is not


def _sum(values: Iterable[float | None]) -> float:
    try:
        return sum(filter(None, values))
    except OverflowError:  # an integer of 400 digits beside a float
        return _MOST
