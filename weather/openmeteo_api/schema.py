"""The OpenAPI schema of /v1/forecast: its parameters, answers and errors."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from weather.api.query import MOST_PLACES
from weather.openmeteo_api.form import USUAL_DAYS
from weather.openmeteo_api.names import present
from weather.openmeteo_api.query import MOST_DAYS, MOST_HOURS
from weather.openmeteo_api.request_query import names_here
from weather.openmeteo_api.units import PRECIPITATION, TEMPERATURE, WIND_SPEED

_NAMES = names_here()


class OpenMeteoErrorSerializer(serializers.Serializer):
    """An error in Open-Meteo's shape."""

    error = serializers.BooleanField(help_text="Always true")
    reason = serializers.CharField(help_text="What is wrong, or when to come again")


def _coordinate(name: str, what: str, limit: int) -> OpenApiParameter:
    # A comma list is what OpenAPI calls a form that does not explode; a list of one is a number.
    schema = {
        "type": "array",
        "items": {"type": "number", "minimum": -limit, "maximum": limit},
        "minItems": 1,
        "maxItems": MOST_PLACES,
    }
    return OpenApiParameter(
        name, schema, required=True, style="form", explode=False, description=f"{what}. One, or up to {MOST_PLACES}"
    )


def _list(name: str, allowed: list[str], what: str) -> OpenApiParameter:
    # As at Open-Meteo, an empty item is none: `hourly=temperature_2m,` is a list of one.
    schema = {"type": "array", "items": {"type": "string", "enum": [*allowed, ""]}}
    return OpenApiParameter(name, schema, style="form", explode=False, description=what)


def _choice(name: str, allowed: list[str]) -> OpenApiParameter:
    return OpenApiParameter(name, {"type": "string", "enum": allowed, "default": allowed[0]})


def _number(name: str, most: int, what: str, **more: int) -> OpenApiParameter:
    return OpenApiParameter(name, {"type": "integer", "minimum": 0, "maximum": most, **more}, description=what)


_PARAMETERS = [
    _coordinate("latitude", "Latitude, degrees north", 90),
    _coordinate("longitude", "Longitude, degrees east", 180),
    _list("current", present(_NAMES.hourly), "Values of the present quarter of an hour"),
    _list("hourly", present(_NAMES.hourly), "Columns of values by hour"),
    _list("daily", present(_NAMES.daily), "Columns of values by day"),
    _number("forecast_days", MOST_DAYS, "How many days, today first", default=USUAL_DAYS),
    _number("forecast_hours", MOST_HOURS, "How many hours from the present one on, in place of whole days"),
    OpenApiParameter("timezone", str, description="GMT (the default), auto for the place's own, or an IANA name"),
    _choice("timeformat", ["iso8601", "unixtime"]),
    _choice("temperature_unit", list(TEMPERATURE)),
    _choice("wind_speed_unit", list(WIND_SPEED)),
    _choice("precipitation_unit", list(PRECIPITATION)),
    _choice("cell_selection", ["land", "sea", "nearest"]),
    _list("models", ["best_match"], "The weather model, by Open-Meteo's name"),
    _choice("format", ["json", "flatbuffers"]),
]

_SECTION: dict[str, Any] = {"type": "object", "additionalProperties": True}
_PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "latitude": {"type": "number", "description": "Of the weather model's own point"},
        "longitude": {"type": "number"},
        "generationtime_ms": {"type": "number"},
        "utc_offset_seconds": {"type": "integer"},
        "timezone": {"type": "string"},
        "timezone_abbreviation": {"type": "string"},
        "elevation": {"type": "number"},
        "location_id": {"type": "integer", "description": "The number of the place, but for the first"},
        **{f"{section}{suffix}": _SECTION for section in ("current", "hourly", "daily") for suffix in ("_units", "")},
    },
    "required": [
        "latitude", "longitude", "generationtime_ms", "utc_offset_seconds", "timezone", "timezone_abbreviation",
    ],
}  # fmt: skip
_ANSWER = {"oneOf": [_PLACE, {"type": "array", "items": _PLACE}]}
_ERRORS = {
    400: "A parameter is missing, repeated, makes no sense or asks for what is not held, and the reason names what is;"
    " or Open-Meteo has no data for a place",
    405: "GET, HEAD and OPTIONS only",
    429: "Too many requests; Retry-After says when to come again",
    500: "A fault of the service",
    503: "Nothing is known of a place and Open-Meteo cannot be asked now; Retry-After says when to come again",
}

FORECAST: dict[str, Any] = {
    "tags": ["open-meteo"],
    "parameters": _PARAMETERS,
    "responses": {
        (200, "application/json"): OpenApiResponse(
            _ANSWER, description="As Open-Meteo answers: an object about one place, an array about several"
        ),
        (200, "application/octet-stream"): OpenApiResponse(
            {"type": "string", "format": "binary"}, description="Messages of openmeteo-sdk, each after its length"
        ),
        304: None,
        **{
            (status, "application/json"): OpenApiResponse(OpenMeteoErrorSerializer, description=said)
            for status, said in _ERRORS.items()
        },
    },
}
