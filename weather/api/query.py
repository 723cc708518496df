"""Reads the queries about cells, of all datasets: one place or several, for how many days, in which units."""

import re
from collections.abc import Callable
from functools import lru_cache

from django.http import QueryDict

from weather.core.answers import Question
from weather.core.cells import Cell, latitude_tenths, longitude_tenths
from weather.core.datasets import Dataset
from weather.core.units import BY_NAME, Name
from weathernote.http import problems
from weathernote.http.parameters import Errors, parsed
from weathernote.http.problems import Problem

MAX_DAYS = 10
MOST_PLACES = 20
_DAYS = re.compile(r"[1-9][0-9]?")
_PLAIN = re.compile(r"lat=([-.0-9]{1,30})&lon=([-.0-9]{1,30})")
_COORDINATES = {"lat": latitude_tenths, "lon": longitude_tenths}


def plain_question_in(query: str, dataset: Dataset, default_days: int | None) -> Question | None:
    """The question of a query of plain decimals, `lat=40.7128&lon=-74.0060`, and nothing else; None for any other.

    It is what phones send, and takes a sixth of the time of `question_in`, which reads every query.
    """
    match = _PLAIN.fullmatch(query)
    if match is None:
        return None
    try:
        return _question_about(dataset, latitude_tenths(match[1]), longitude_tenths(match[2]), default_days)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _question_about(dataset: Dataset, tenths_lat: int, tenths_lon: int, days: int | None) -> Question:
    return Question(dataset, Cell(tenths_lat, tenths_lon), days)


def question_in(query: QueryDict, dataset: Dataset, default_days: int | None) -> Question:
    """The question of a query about one place; a forecast is for `default_days`, None for /weather.

    Raises Problem (400), which names every parameter at fault.
    """
    errors: Errors = []
    lat = parsed(query, "lat", latitude_tenths, errors) or 0
    lon = parsed(query, "lon", longitude_tenths, errors) or 0
    days, units = _days_and_units(query, dataset, default_days, errors)
    if errors:
        raise problems.invalid_parameters(errors)
    return Question(dataset, Cell(lat, lon), days, units)


def is_about_several(query: QueryDict) -> bool:
    """Whether a query that `question_in` refused has lists of places, be they right or wrong."""
    return any("," in text for name in _COORDINATES for text in query.getlist(name))


def questions_in(
    query: QueryDict, dataset: Dataset, default_days: int | None, most: int = MOST_PLACES
) -> list[Question | Problem]:
    """The question about each place of a query, in their order; a Problem (400) in place of one that is wrong.

    Raises Problem (400) if the query is wrong as a whole, has more than `most` places, or no place in it is right.
    """
    errors: Errors = []
    lats, lons = (parsed(query, name, _items(most), errors) or [] for name in _COORDINATES)
    days, units = _days_and_units(query, dataset, default_days, errors)
    if lats and lons and len(lats) != len(lons):
        longer, other = ("lat", "lon") if len(lats) > len(lons) else ("lon", "lat")
        counts = sorted((len(lats), len(lons)))
        errors.append((longer, f"has {counts[1]} places where {other} has {counts[0]}"))
    if errors:
        raise problems.invalid_parameters(errors)
    asked = [
        _question(dataset, number, *position, days, units)
        for number, position in enumerate(zip(lats, lons, strict=True))
    ]
    wrong = [error for one in asked if isinstance(one, Problem) for error in one.errors]
    if all(isinstance(one, Problem) for one in asked):
        raise problems.invalid_parameters(wrong)
    return asked


def _question(dataset: Dataset, number: int, lat: str, lon: str, days: int | None, units: Name) -> Question | Problem:
    errors: Errors = []
    tenths = []
    for (name, parse), text in zip(_COORDINATES.items(), (lat, lon), strict=True):
        try:
            tenths.append(parse(text))
        except ValueError as invalid:
            errors.append((name, f"of place {number + 1} {invalid}"))
    return problems.invalid_parameters(errors) if errors else Question(dataset, Cell(*tenths), days, units)


def _days_and_units(
    query: QueryDict, dataset: Dataset, default_days: int | None, errors: Errors
) -> tuple[int | None, Name]:
    days, units = default_days, None
    if default_days is not None and "days" in query:
        days = parsed(query, "days", _days, errors)
    if "units" in query:
        units = parsed(query, "units", _units, errors)
    return days, units if units and dataset.has_imperial_units else "metric"


def _days(text: str) -> int:
    if _DAYS.fullmatch(text) and int(text) <= MAX_DAYS:
        return int(text)
    raise ValueError(f"must be a whole number from 1 to {MAX_DAYS}")


def _units(text: str) -> Name:
    for name in BY_NAME:
        if text == name:
            return name
    raise ValueError(f"must be {' or '.join(BY_NAME)}")


def _items(most: int) -> Callable[[str], list[str]]:
    def items(text: str) -> list[str]:
        # Counted before it is split, so that an endless list costs nothing.
        if text.count(",") >= most:
            raise ValueError(f"has {text.count(',') + 1} places, {most} at most")
        found = text.split(",")
        if not all(found):
            raise ValueError("has an empty place")
        return found

    return items
