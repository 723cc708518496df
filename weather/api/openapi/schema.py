"""The OpenAPI schema of /weather, /forecast and /air-quality: their parameters, answers and errors."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, PolymorphicProxySerializer

from weather.api.openapi.serializers import (
    AirQualitySerializer,
    ForecastSerializer,
    PlaceProblemSerializer,
    WeatherSerializer,
    places_of,
)
from weather.api.query import MAX_DAYS, MOST_PLACES
from weather.core.units import BY_NAME
from weathernote.http import problems
from weathernote.http.problems import ProblemSerializer

_ERRORS = {
    400: "A parameter is missing, repeated or makes no sense; of several places, not one makes sense",
    405: "GET, HEAD and OPTIONS only",
    429: "Too many requests, or of several places more than are left; Retry-After says when to come again",
    500: "A fault of the service",
    503: (
        "Nothing is known of this place and Open-Meteo cannot be asked now; Retry-After says when to come again. "
        "Of several places, nothing is known of any: it is then the shortest"
    ),
}


def _coordinate(name: str, what: str, limit: int, *examples: float) -> OpenApiParameter:
    # A comma list is what OpenAPI calls a form that does not explode; a list of one is a number.
    schema = {
        "type": "array",
        "items": {"type": "number", "minimum": -limit, "maximum": limit},
        "minItems": 1,
        "maxItems": MOST_PLACES,
    }
    return OpenApiParameter(
        name,
        schema,
        required=True,
        style="form",
        explode=False,
        description=f"{what}. One number, or up to {MOST_PLACES} separated by commas, as many as of the other",
        examples=[
            OpenApiExample(f"{name} of one place", examples[:1]),
            OpenApiExample(f"{name} of two places", examples),
        ],
    )


_LAT = _coordinate("lat", "Latitude, degrees north", 90, 40.7128, 51.5074)
_LON = _coordinate("lon", "Longitude, degrees east", 180, -74.006, -0.1278)
_DAYS = OpenApiParameter(
    "days",
    {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "default": 7},
    description="How many days, today first",
)
_UNITS = OpenApiParameter(
    "units",
    {"type": "string", "enum": list(BY_NAME), "default": "metric"},
    description="metric: °C, km/h, mm · imperial: °F, mp/h (miles an hour), inch, ft. "
    "Pressure is in hPa and air quality in its own units in both",
)


def _errors() -> dict[Any, OpenApiResponse]:
    return {
        (status, problems.CONTENT_TYPE): OpenApiResponse(ProblemSerializer, description=said)
        for status, said in _ERRORS.items()
    }


def _described(name: str, answer: Any, *parameters: OpenApiParameter, tag: str = "weather") -> dict[str, Any]:
    either = PolymorphicProxySerializer(
        component_name=f"{name}OrPlaces",
        serializers=[answer, places_of(name, answer, PlaceProblemSerializer)],
        resource_type_field_name=None,
    )
    said = (
        "The answer; to a call about several places `places`, in the order asked, each the answer of a single call "
        "or a problem. Such a call counts as that many requests."
    )
    return {
        "tags": [tag],
        "parameters": [_LAT, _LON, *parameters, _UNITS],
        "responses": {200: OpenApiResponse(either, description=said), 304: None, **_errors()},
    }


WEATHER = _described("Weather", WeatherSerializer)
FORECAST = _described("Forecast", ForecastSerializer, _DAYS)
AIR_QUALITY = _described("AirQuality", AirQualitySerializer, tag="air quality")
