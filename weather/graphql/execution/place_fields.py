"""The fields `places` and `cities`: from their arguments to what the other ways in answer, and its JSON rows."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from weather.core.cells import exact_degrees
from weather.graphql.execution.answer_plan import Picks, picked
from weather.graphql.execution.arguments import Arguments, NotAnArgument
from weather.graphql.execution.fragments import Pieces, pieces
from weather.places.query import wrong_with
from weather.places.question import Position, Search
from weather.places.search import MOST_PLACES, places
from weather.places.table import table
from weathernote.http import problems
from weathernote.http.parameters import Errors
from weathernote.http.problems import Problem

#: Lists of places that a process remembers as pieces.
REMEMBERED = 256


class PlaceField(NamedTuple):
    """A field about places, or about cities."""

    alias: str
    prefix: bytes
    arguments: Arguments
    picks: Picks


class Cities(NamedTuple):
    """All cities, or those whose name contains a text."""

    search: str | None


def places_asked(field: PlaceField, variables: Mapping[str, Any]) -> Search | Position | Problem:
    """What `places` asks, or what is wrong with it, by the rules of /places."""
    try:
        given = field.arguments.values(variables)
    except NotAnArgument as wrong:
        return problems.invalid_parameters([(str(wrong), "must not be null")])
    errors: Errors = []
    search, lat, lon, limit = (given.get(name) for name in ("search", "lat", "lon", "limit"))
    if not 1 <= (limit or 0) <= MOST_PLACES:
        errors.append(("limit", f"must be a whole number from 1 to {MOST_PLACES}"))
    if lat is None and lon is None:
        if wrong_search := wrong_with([] if search is None else [search]):
            errors.append(("search", wrong_search))
        return problems.invalid_parameters(errors) if errors else Search(str(search), int(limit or 0))
    if search is not None:
        errors.append(("search", "cannot be combined with lat and lon"))
    degrees = [_degrees(name, value, most, errors) for name, value, most in (("lat", lat, 90), ("lon", lon, 180))]
    return problems.invalid_parameters(errors) if errors else Position(*degrees)


def _degrees(name: str, value: float | None, most: int, errors: Errors) -> float:
    if value is None:
        errors.append((name, "is missing"))
        return 0.0
    try:
        return float(exact_degrees(name, repr(value), most))
    except ValueError as invalid:
        errors.append((name, str(invalid)))
        return 0.0


def cities_asked(field: PlaceField, variables: Mapping[str, Any]) -> Cities | Problem:
    """What `cities` asks, or what is wrong with it, by the rules of /cities."""
    search = field.arguments.values(variables).get("search")
    if search is not None and (wrong := wrong_with([search])):
        return problems.invalid_parameters([("search", wrong)])
    return Cities(search)


def places_text(asked: Search | Position) -> bytes:
    """The answer of /places; raises Problem if the database does not answer."""
    return table().answer(*asked) if isinstance(asked, Position) else places().answer(*asked)


def rows_text(field: PlaceField, text: bytes) -> bytes:
    """The JSON of the field's value, of the answer of /places or /cities."""
    return b"[%s]" % b",".join([picked(field.picks, row) for row in _rows(text)])


@lru_cache(maxsize=REMEMBERED)
def _rows(text: bytes) -> Sequence[Pieces]:
    body = json.loads(text)
    return [pieces(row) for row in body.get("places", body.get("cities"))]
