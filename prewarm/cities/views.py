"""`/api/v1/cities`: the list of active cities, stored in Redis as finished JSON."""

import functools
from time import time

from django.http import HttpResponse, HttpResponseNotModified, QueryDict
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from prewarm.cities import listing
from prewarm.cities.cities_cache import CachedListing, CitiesCache
from prewarm.cities.listing import Listing
from prewarm.cities.models import City
from prewarm.cities.serializers import CitiesSerializer
from weather.places.listing import ATTRIBUTION
from weather.places.query import LONGEST_SEARCH, SOMETHING, wrong_with
from weathernote.http import problems
from weathernote.http.api_view import ApiViewSet
from weathernote.http.database_reader import reader
from weathernote.http.headers.cache_headers import cache_control, cache_status
from weathernote.http.headers.conditional import matches, weak_etag
from weathernote.http.problems import ProblemSerializer
from weathernote.redis import Lookup

_EXAMPLE = {
    "cities": [
        {
            "name": "Tokyo",
            "country": "JP",
            "latitude": 35.6895,
            "longitude": 139.69171,
            "timezone": "Asia/Tokyo",
            "population": 9733276,
        }
    ],
    "attribution": ATTRIBUTION,
}
_ERRORS = {
    400: "`search` is empty, blank, repeated or too long",
    405: "GET, HEAD and OPTIONS only",
    429: "Too many requests; Retry-After says when to try again",
    500: "A fault of the service",
    503: "The cities are not cached and cannot be read at the moment, or too many requests wait for them; "
    "Retry-After says when to try again",
}


@functools.cache
def cities_cache() -> CitiesCache:
    """The cache of this process."""
    return CitiesCache(_loaded, read=reader().read)


def _loaded() -> Listing:
    columns = "name", "country", "latitude", "longitude", "timezone", "population"
    cities = City.objects.active().values(*columns)
    return listing.compose(
        city | {name: float(city[name]) for name in ("latitude", "longitude")} for city in cities.iterator()
    )


class CitiesViewSet(ApiViewSet[CachedListing | None]):
    """The list of active cities."""

    def look_up(self, request: Request) -> list[Lookup[CachedListing | None]]:
        """The lookup for the round trip that the throttle and this view share."""
        self.search = search_in(request.query_params)
        return [cities_cache().lookup()]

    @extend_schema(
        operation_id="cities",
        summary="The cities whose weather is kept ready",
        parameters=[
            OpenApiParameter(
                "search",
                {"type": "string", "pattern": SOMETHING, "minLength": 1, "maxLength": LONGEST_SEARCH},
                description="Part of a name; case and accents make no difference",
            )
        ],
        examples=[OpenApiExample("Tokyo", value=_EXAMPLE, response_only=True, status_codes=["200"])],
        responses={200: CitiesSerializer, 304: None}
        | {
            (status, problems.CONTENT_TYPE): OpenApiResponse(ProblemSerializer, description=description)
            for status, description in _ERRORS.items()
        },
    )
    def retrieve(self, request: Request) -> HttpResponse:
        """The active cities in staff's order: all, or those whose name contains `search`."""
        found = cities_cache().answer(self.values[0])
        text = found.listing.text if self.search is None else found.listing.matching(self.search)
        headers = _headers(found, weak_etag(text), int(time()))
        if matches(request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
            return HttpResponseNotModified(headers=headers)
        return HttpResponse(text, content_type="application/json", headers=headers)


def search_in(query: QueryDict) -> str | None:
    """The value of `search`, None without one. Raises Problem (400) if it is empty, repeated or too long."""
    values = query.getlist("search")
    if not values:
        return None
    if wrong := wrong_with(values):
        raise problems.invalid_parameters([("search", wrong)])
    return values[0]


def _headers(found: CachedListing, etag: str, now: int) -> dict[str, str]:
    life_seconds = max(0, found.expires_at - now)
    return {
        "Cache-Control": cache_control(life_seconds),
        "ETag": etag,
        "Cache-Status": cache_status(found.result, life_seconds, is_stored=found.is_stored),
    }
