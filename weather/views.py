"""`/api/v1/weather` and `/api/v1/forecast`: from the query to finished bytes and honest headers."""

import re
from collections.abc import Callable
from functools import lru_cache
from time import time
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseNotModified, QueryDict
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from weather.answers import Question
from weather.cells import Cell, latitude_tenths, longitude_tenths
from weather.serializers import ForecastSerializer, WeatherSerializer
from weather.service import NOBODY, Origin, Served, service
from weather.waiting import Asker
from weathernote import problems
from weathernote.api import ApiViewSet
from weathernote.conditional import matches
from weathernote.problems import ProblemSerializer
from weathernote.redis import Command

MAX_DAYS = 10
_DAYS = re.compile(r"[1-9][0-9]?")
_PLAIN_QUERY = re.compile(r"lat=([-.0-9]{1,30})&lon=([-.0-9]{1,30})")
_CACHE_STATUS: dict[Origin, str] = {
    "found": "weathernote; hit; ttl={ttl}",
    "derived": "weathernote; hit; ttl={ttl}",
    "fetched": "weathernote; fwd=miss{stored}",
    "stale": "weathernote; fwd=stale{stored}",
}


class CellViewSet(ApiViewSet):
    """What /weather and /forecast share: the question, and its answer with honest headers."""

    default_days: ClassVar[int | None] = None

    def look_up(self, request: Request) -> list[Command]:
        plain = plain_question_in(request._request.META.get("QUERY_STRING", ""), self.default_days)
        self.question = plain or question_in(request.query_params, self.default_days)
        return [service().finding(self.question)]

    def respond(self, request: Request) -> HttpResponse:
        cell, reply = self.question.cell, self.replies[0]
        # What is told of the request, if nothing better comes of it.
        request._request.place = (cell, "none", None)  # type: ignore[attr-defined]
        served = service().answer(self.question, reply, _asker(request))
        now = time()
        origin = "memory" if served.origin == "found" and isinstance(reply, Exception) else served.origin
        request._request.place = (cell, origin, now - served.answer.fetched_at)  # type: ignore[attr-defined]
        headers = _headers(served, int(now))
        if matches(request._request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
            return HttpResponseNotModified(headers=headers)
        text = served.answer.fetched_text if served.origin == "fetched" else served.answer.text
        return HttpResponse(text, content_type="application/json", headers=headers)


def _asker(request: Request) -> Asker:
    client: Any = getattr(request._request, "client", None)  # put there by the throttle that identified it
    return Asker(client.hash, client.address_hash) if client else NOBODY


def _errors(*statuses: int) -> dict[Any, OpenApiResponse]:
    said = {
        400: "A parameter is missing, repeated or makes no sense",
        405: "GET, HEAD and OPTIONS only",
        429: "Too many requests; Retry-After says when to come again",
        500: "A fault of the service",
        503: "Nothing is known of this place and Open-Meteo cannot be asked now; Retry-After says when to come again",
    }
    return {
        (status, problems.CONTENT_TYPE): OpenApiResponse(ProblemSerializer, description=said[status])
        for status in statuses
    }


_LAT = OpenApiParameter(
    "lat", {"type": "number", "minimum": -90, "maximum": 90}, required=True, description="Latitude, degrees north"
)
_LON = OpenApiParameter(
    "lon", {"type": "number", "minimum": -180, "maximum": 180}, required=True, description="Longitude, degrees east"
)
_DAYS_PARAMETER = OpenApiParameter(
    "days",
    {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "default": 7},
    description="How many days, today first",
)


class WeatherViewSet(CellViewSet):
    @extend_schema(
        operation_id="weather",
        tags=["weather"],
        summary="The weather of a cell now",
        parameters=[_LAT, _LON],
        responses={200: WeatherSerializer, 304: None, **_errors(400, 405, 429, 500, 503)},
    )
    def retrieve(self, request: Request) -> HttpResponse:
        """The conditions of the present minute in the 0.1° cell of a position."""
        return self.respond(request)


class ForecastViewSet(CellViewSet):
    default_days = 7

    @extend_schema(
        operation_id="forecast",
        tags=["weather"],
        summary="The forecast of a cell",
        parameters=[_LAT, _LON, _DAYS_PARAMETER],
        responses={200: ForecastSerializer, 304: None, **_errors(400, 405, 429, 500, 503)},
    )
    def retrieve(self, request: Request) -> HttpResponse:
        """Up to ten days and the next 48 hours in the 0.1° cell of a position."""
        return self.respond(request)


def plain_question_in(query: str, default_days: int | None) -> Question | None:
    """The same as `question_in`, for a query that needs no decoding and has nothing wrong; None for all others."""
    match = _PLAIN_QUERY.fullmatch(query)
    if match is None:
        return None
    try:
        return Question(Cell(latitude_tenths(match[1]), longitude_tenths(match[2])), default_days)
    except ValueError:
        return None


def question_in(query: QueryDict, default_days: int | None) -> Question:
    """The question that a query asks; a 400 Problem that names every parameter at fault."""
    errors: list[tuple[str, str]] = []
    lat = _parsed(query, "lat", latitude_tenths, errors)
    lon = _parsed(query, "lon", longitude_tenths, errors)
    days = default_days
    if default_days is not None and "days" in query:
        days = _parsed(query, "days", _days, errors)
    if errors:
        raise problems.invalid_parameters(errors)
    return Question(Cell(lat, lon), days)


def _parsed(query: QueryDict, name: str, parse: Callable[[str], int], errors: list[tuple[str, str]]) -> int:
    """The parameter's value; 0 where an error about it was added to `errors`."""
    values = query.getlist(name)
    try:
        if len(values) == 1 and values[0]:
            return parse(values[0])
        errors.append((name, "must be given once" if len(values) > 1 else "is empty" if values else "is missing"))
    except ValueError as invalid:
        errors.append((name, str(invalid)))
    return 0


def _days(text: str) -> int:
    if _DAYS.fullmatch(text) and int(text) <= MAX_DAYS:
        return int(text)
    raise ValueError(f"must be a whole number from 1 to {MAX_DAYS}")


def _headers(served: Served, now: int) -> dict[str, str]:
    answer = served.answer
    life_seconds = max(0, answer.expires_at - now)
    # Nobody is shown yesterday as today: what may be kept past its end ends with the cell's day.
    left_of_day = 3600 if answer.midnight is None else min(3600, max(0, answer.midnight - answer.expires_at))
    return {
        "Cache-Control": _cache_control(life_seconds, left_of_day),
        "ETag": answer.etag,
        "Cache-Status": _cache_status(served.origin, life_seconds, served.kept),
    }


@lru_cache(maxsize=4096)
def _cache_control(life_seconds: int, left_of_day: int) -> str:
    return (
        f"public, max-age={life_seconds}, stale-while-revalidate={min(60, left_of_day)}, stale-if-error={left_of_day}"
    )


@lru_cache(maxsize=4096)
def _cache_status(origin: Origin, life_seconds: int, is_kept: bool) -> str:
    return _CACHE_STATUS[origin].format(ttl=life_seconds, stored="; stored" if is_kept else "")
