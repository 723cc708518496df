"""Checks that a text read from Redis has the shape of an answer before it is sent to a phone.

The answer cache remembers the bytes that it has checked for each key, so that repeated hits skip the check.
"""

import json
import re
from collections.abc import Iterable, Mapping, Set
from typing import Any, NoReturn

from weather.core import zones
from weather.core.datasets import Section

#: More than any value or sum of a column. JSON may contain 1e999, which Python reads as infinity.
_MOST = 1e9
_NUMBER = frozenset({int, float, type(None)})
_TEXT = frozenset({str})
#: How an answer writes moments in UTC.
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_RUN = re.compile(TIME, re.ASCII)
#: Names whose values are not numbers or null; sunrise and sunset are null on days without one.
_TYPES = {
    "time": _TEXT,
    "is_day": frozenset({bool}),
    "sunrise": frozenset({str, type(None)}),
    "sunset": frozenset({str, type(None)}),
}


class OtherShape(ValueError):
    """The text is not an answer with the expected sections; the message names the first fault."""


def zone_of_answer(text: bytes, sections: Iterable[Section]) -> str:
    """The IANA time zone of an answer with these sections, in UTF-8 JSON.

    Raises OtherShape for any other text, and RecursionError for JSON that is nested too deeply.
    """
    try:
        # Decoded here, because json.loads would accept encoded surrogates.
        body = json.loads(text.decode(), parse_constant=_refuse)
    except ValueError:
        raise OtherShape("not JSON") from None
    zone = body.get("timezone") if type(body) is dict else None
    if type(zone) is not str or not zones.is_known(zone):
        raise OtherShape("no time zone that this machine knows")
    for section in sections:
        check = _check_columns if section.has_columns else _check_values
        check(body.get(section.name), section.names)
    _check_grid(body.get("grid"))
    _check_model_run(body.get("model"), body.get("run"))
    units = body.get("units")
    if type(units) is not dict or not set(map(type, units.values())) <= _TEXT:
        raise OtherShape("no units")
    return zone


def _refuse(constant: str) -> NoReturn:
    raise OtherShape(f"{constant} is not JSON")


def _section(section: Any, names: Set[str]) -> Mapping[str, Any]:
    if type(section) is not dict or not names <= section.keys():
        raise OtherShape("a section that is missing or incomplete")
    return section


def _check_values(section: Any, names: Set[str]) -> None:
    for name, value in _section(section, names).items():
        allowed = _TYPES.get(name, _NUMBER)
        if type(value) not in allowed or (allowed is _NUMBER and not _is_small(value or 0)):
            raise OtherShape(f"{name} has an invalid value")


def _check_columns(section: Any, names: Set[str]) -> None:
    lengths = set()
    for name, column in _section(section, names).items():
        allowed = _TYPES.get(name, _NUMBER)
        if type(column) is not list or not set(map(type, column)) <= allowed:
            raise OtherShape(f"{name} is not a column of valid values")
        if allowed is _NUMBER and not _is_small(_sum(column)):
            raise OtherShape(f"{name} has a number that is too large")
        lengths.add(len(column))
    if len(lengths) != 1:
        raise OtherShape("columns of different lengths")


def _check_grid(grid: Any) -> None:
    if type(grid) is not dict or not set(map(type, grid.values())) <= _NUMBER or not _is_small(_sum(grid.values())):
        raise OtherShape("no grid point")


def _check_model_run(model: Any, run: Any) -> None:
    # Both are missing from an answer of an instance that does not know them.
    if not (model is None or type(model) is str):
        raise OtherShape("a model without a name")
    if not (run is None or (type(run) is str and _RUN.fullmatch(run))):
        raise OtherShape("a run without a time")


def _is_small(number: float) -> bool:
    return -_MOST < number < _MOST  # false for NaN, the sum of two opposite infinities


def _sum(values: Iterable[float | None]) -> float:
    try:
        return sum(filter(None, values))
    except OverflowError:  # an integer of 400 digits and a float
        return _MOST
