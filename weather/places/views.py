"""`/api/v1/places`: the places that have a name beginning with a text, or the one place at a position."""

from django.http import HttpResponse, HttpResponseNotModified
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from weather.places import listing
from weather.places.query import LONGEST_SEARCH, SOMETHING
from weather.places.question import USUAL_LIMIT, Position, Search, question_in
from weather.places.search import MOST_PLACES, places
from weather.places.serializers import PlacesSerializer
from weather.places.table import table
from weathernote.http import problems
from weathernote.http.api_view import ApiViewSet
from weathernote.http.headers.conditional import matches, weak_etag
from weathernote.http.problems import ProblemSerializer
from weathernote.redis import Lookup

#: Places change with a new version of the service alone.
LIFE_SECONDS, STALE_LIFE_SECONDS = 3600, 86_400
_CACHE_CONTROL = (
    f"public, max-age={LIFE_SECONDS}, stale-while-revalidate={LIFE_SECONDS}, stale-if-error={STALE_LIFE_SECONDS}"
)
_MUNICH = {
    "name": "Munich",
    "country": "DE",
    "region": "Bavaria",
    "latitude": 48.13743,
    "longitude": 11.57549,
    "timezone": "Europe/Berlin",
    "population": 1505005,
}
_EXAMPLE = {"places": [_MUNICH], "attribution": listing.ATTRIBUTION}
_EXAMPLE_AT_POSITION = {"places": [_MUNICH | {"distance_km": 0.4}], "attribution": listing.ATTRIBUTION}
_ERRORS = {
    400: (
        "`search` is missing, empty, blank, repeated, too long or combined with a position; `lat` or `lon` is missing, "
        "repeated or no position; or `limit` makes no sense"
    ),
    405: "GET, HEAD and OPTIONS only",
    429: "Too many requests; Retry-After says when to come again",
    500: "A fault of the service",
    503: "The places cannot be read now, or too many wait for them; Retry-After says when to come again",
}


def _coordinate(name: str, what: str, limit: int, example: float) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "number", "minimum": -limit, "maximum": limit},
        description=f"{what}. Given with the other coordinate and without `search`",
        examples=[OpenApiExample(f"{name} of a place", example)],
    )


class PlacesViewSet(ApiViewSet[None]):
    """GET /api/v1/places."""

    def look_up(self, request: Request) -> list[Lookup[None]]:
        """Reads the query; places need nothing from Redis. Raises Problem with status 400."""
        self.question = question_in(request.query_params)
        return []

    @extend_schema(
        operation_id="places",
        tags=["places"],
        summary="Places by the start of a name, or the place at a position",
        parameters=[
            OpenApiParameter(
                "search",
                {"type": "string", "pattern": SOMETHING, "minLength": 1, "maxLength": LONGEST_SEARCH},
                description="The start of any usual name, in any script; case, accents, hyphens and dots aside. "
                "Required unless `lat` and `lon` are given",
            ),
            _coordinate("lat", "Latitude, degrees north", 90, 48.14),
            _coordinate("lon", "Longitude, degrees east", 180, 11.58),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MOST_PLACES, "default": USUAL_LIMIT},
                description="How many places at most",
            ),
        ],
        examples=[
            OpenApiExample(name, value=value, response_only=True, status_codes=["200"])
            for name, value in (("Munich", _EXAMPLE), ("The place at a position", _EXAMPLE_AT_POSITION))
        ],
        responses={200: PlacesSerializer, 304: None}
        | {
            (status, problems.CONTENT_TYPE): OpenApiResponse(ProblemSerializer, description=text)
            for status, text in _ERRORS.items()
        },
    )
    def retrieve(self, request: Request) -> HttpResponse:
        """Of the world's 34,006 places above 15,000 people those with such a name, or the one at a position.

        By name the most populous come first. A position gets the one place that people would name for it, with its
        distance: the least distance ÷ √population within 60 km; an empty list where there is none.
        """
        text = _text_for(self.question)
        headers = {"Cache-Control": _CACHE_CONTROL, "ETag": weak_etag(text)}
        if matches(request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
            return HttpResponseNotModified(headers=headers)
        return HttpResponse(text, content_type="application/json", headers=headers)


def _text_for(question: Search | Position) -> bytes:
    if isinstance(question, Position):
        return table().answer(*question)
    return places().answer(*question)
