"""What a query of `/places` asks: a search by name, or the place at a position."""

import re
from typing import NamedTuple

from django.http import QueryDict

from weather.core.cells import exact_degrees
from weather.places.query import wrong_with
from weather.places.search import MOST_PLACES
from weathernote.http import problems
from weathernote.http.parameters import Errors, parsed

USUAL_LIMIT = 10
_LIMIT = re.compile(r"[1-9][0-9]?")


class Search(NamedTuple):
    """The start of a name, and how many places are wanted at most."""

    text: str
    limit: int


class Position(NamedTuple):
    """A point of the map in degrees, exactly as it was sent.

    Rounded to the tenth of a cell, every fifth position would get another place, and the middle of Paris would be
    Pantin; rounded to hundredths one in 40, and the middle of Paris would be a quarter. Anything finer is hardly ever
    asked for by two phones. So nothing is rounded, and neither the service nor its edge stores such a question.
    """

    latitude: float
    longitude: float


def question_in(query: QueryDict) -> Search | Position:
    """What the query asks; raises a 400 Problem that names every parameter at fault.

    A limit is valid for both, but a position has one place at most.
    """
    errors: Errors = []
    is_about_position = "lat" in query or "lon" in query
    question = _position(query, errors) if is_about_position else None
    searches, limits = query.getlist("search"), query.getlist("limit")
    if not is_about_position and (wrong := wrong_with(searches)):
        errors.append(("search", wrong))
    if wrong := _wrong_limit(limits):
        errors.append(("limit", wrong))
    if errors:
        raise problems.invalid_parameters(errors)
    if question is not None:
        return question
    return Search(searches[0], int(limits[0]) if limits else USUAL_LIMIT)


def _position(query: QueryDict, errors: Errors) -> Position:
    if "search" in query:
        errors.append(("search", "cannot be combined with lat and lon"))
    lat = parsed(query, "lat", lambda text: float(exact_degrees("lat", text, 90)), errors)
    lon = parsed(query, "lon", lambda text: float(exact_degrees("lon", text, 180)), errors)
    return Position(lat or 0.0, lon or 0.0)


def _wrong_limit(limits: list[str]) -> str | None:
    if len(limits) > 1:
        return "must be given once"
    if limits and not (_LIMIT.fullmatch(limits[0]) and int(limits[0]) <= MOST_PLACES):
        return f"must be a whole number from 1 to {MOST_PLACES}"
    return None
