"""`/api/v1/places`: the places that have a name beginning with a text."""

import re

from django.http import HttpResponse, HttpResponseNotModified, QueryDict
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from weather.places import listing
from weather.places.query import LONGEST_SEARCH, SOMETHING, wrong_with
from weather.places.search import MOST_PLACES, places
from weather.places.serializers import PlacesSerializer
from weathernote.http import problems
from weathernote.http.api_view import ApiViewSet
from weathernote.http.conditional import matches, weak_etag
from weathernote.http.problems import ProblemSerializer
from weathernote.redis import Lookup

USUAL_LIMIT = 10
#: Places change with a new version of the service alone.
LIFE_SECONDS, STALE_LIFE_SECONDS = 3600, 86_400
_CACHE_CONTROL = (
    f"public, max-age={LIFE_SECONDS}, stale-while-revalidate={LIFE_SECONDS}, stale-if-error={STALE_LIFE_SECONDS}"
)
_LIMIT = re.compile(r"[1-9][0-9]?")
_EXAMPLE = {
    "places": [
        {
            "name": "Munich",
            "country": "DE",
            "region": "Bavaria",
            "latitude": 48.13743,
            "longitude": 11.57549,
            "timezone": "Europe/Berlin",
            "population": 1505005,
        }
    ],
    "attribution": listing.ATTRIBUTION,
}
_ERRORS = {
    400: "`search` is missing, empty, blank, repeated or too long, or `limit` makes no sense",
    405: "GET, HEAD and OPTIONS only",
    429: "Too many requests; Retry-After says when to come again",
    500: "A fault of the service",
    503: "The places cannot be read now, or too many wait for them; Retry-After says when to come again",
}


class PlacesViewSet(ApiViewSet[None]):
    """GET /api/v1/places."""

    def look_up(self, request: Request) -> list[Lookup[None]]:
        """Reads the query; a search needs nothing from Redis. Raises Problem with status 400."""
        self.search, self.limit = question_in(request.query_params)
        return []

    @extend_schema(
        operation_id="places",
        tags=["places"],
        summary="Places by the start of a name",
        parameters=[
            OpenApiParameter(
                "search",
                {"type": "string", "pattern": SOMETHING, "minLength": 1, "maxLength": LONGEST_SEARCH},
                required=True,
                description="The start of any usual name, in any script; case, accents, hyphens and dots aside",
            ),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MOST_PLACES, "default": USUAL_LIMIT},
                description="How many places at most",
            ),
        ],
        examples=[OpenApiExample("Munich", value=_EXAMPLE, response_only=True, status_codes=["200"])],
        responses={200: PlacesSerializer, 304: None}
        | {
            (status, problems.CONTENT_TYPE): OpenApiResponse(ProblemSerializer, description=text)
            for status, text in _ERRORS.items()
        },
    )
    def retrieve(self, request: Request) -> HttpResponse:
        """Of the world's 34,006 places above 15,000 people those with such a name, the most populous first."""
        text = places().answer(self.search, self.limit)
        headers = {"Cache-Control": _CACHE_CONTROL, "ETag": weak_etag(text)}
        if matches(request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
            return HttpResponseNotModified(headers=headers)
        return HttpResponse(text, content_type="application/json", headers=headers)


def question_in(query: QueryDict) -> tuple[str, int]:
    """The text to search for and the most places wanted; raises a 400 Problem that names every invalid parameter."""
    searches, limits = query.getlist("search"), query.getlist("limit")
    wrong = {"search": wrong_with(searches), "limit": _wrong_limit(limits)}
    if errors := [(name, detail) for name, detail in wrong.items() if detail]:
        raise problems.invalid_parameters(errors)
    return searches[0], int(limits[0]) if limits else USUAL_LIMIT


def _wrong_limit(limits: list[str]) -> str | None:
    if len(limits) > 1:
        return "must be given once"
    if limits and not (_LIMIT.fullmatch(limits[0]) and int(limits[0]) <= MOST_PLACES):
        return f"must be a whole number from 1 to {MOST_PLACES}"
    return None
