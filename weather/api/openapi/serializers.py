"""The shapes of answers, for the OpenAPI schema alone; weather.core.answers writes the answers themselves."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from weather.api.openapi.field_shapes import MEANINGS, FieldShape, Kind, shapes_of
from weather.core.datasets import AIR_QUALITY, WEATHER, Dataset, Section
from weathernote.http.problems import ProblemSerializer

_FIELDS: dict[Kind, type[serializers.Field]] = {
    "date": serializers.DateField,
    "datetime": serializers.DateTimeField,
    "integer": serializers.IntegerField,
    "number": serializers.FloatField,
    "boolean": serializers.BooleanField,
}


def _serializer(name: str, fields: dict[str, Any], meaning: str) -> Any:
    return type(name, (serializers.Serializer,), {"__doc__": meaning, **fields})


def _sections(dataset: Dataset, prefix: str = "") -> dict[str, Any]:
    """Name of a section → a serializer of it, by the dataset's declaration; its name begins with `prefix`."""
    dataset = dataset.with_extras(settings.EXTRA_VARIABLES)
    return {
        section.name: _serializer(f"{prefix}{section.name.title()}", _fields(section, dataset), MEANINGS[section.name])
        for kind in dataset.kinds
        for section in kind.sections
    }


def _fields(section: Section, dataset: Dataset) -> dict[str, Any]:
    """Name → field of a section's values, or of its columns."""
    fields = {name: _field(shape) for name, shape in shapes_of(section, dataset).items()}
    if not section.has_columns:
        return fields
    return {name: serializers.ListField(child=field, help_text=field.help_text) for name, field in fields.items()}


def _field(shape: FieldShape) -> serializers.Field:
    nullable: dict[str, Any] = {"allow_null": True} if shape.is_nullable else {}
    return _FIELDS[shape.kind](help_text=shape.meaning, **nullable)


class GridSerializer(serializers.Serializer):
    """The weather model's own point."""

    latitude = serializers.FloatField(help_text="Degrees north")
    longitude = serializers.FloatField(help_text="Degrees east")
    elevation = serializers.FloatField(help_text="Metres above sea level", allow_null=True)


class AnswerSerializer(serializers.Serializer):
    """What every answer says of itself."""

    latitude = serializers.FloatField(help_text="The cell's centre, degrees north")
    longitude = serializers.FloatField(help_text="The cell's centre, degrees east")
    grid = GridSerializer()
    model = serializers.CharField(
        help_text="Open-Meteo's name of the model that it answers from for the first two days; null where not known",
        allow_null=True,
    )
    run = serializers.DateTimeField(
        help_text="The start of the newest run of that model which this answer has in it, UTC; null where not known",
        allow_null=True,
    )
    timezone = serializers.CharField(help_text="The cell's IANA time zone")
    units = serializers.DictField(child=serializers.CharField(), help_text="The unit of every value by its name")
    cached = serializers.BooleanField(help_text="No upstream call was made for this answer")
    stale = serializers.BooleanField(help_text="The record behind it was due for a refresh that has not come yet")
    source = serializers.ChoiceField(  # type: ignore[assignment] # a field of that name, as in the answer
        choices=["open-meteo", "simulator"], help_text="Where the values come from"
    )
    fetched_at = serializers.DateTimeField(help_text="When Open-Meteo said it, UTC")
    expires_at = serializers.DateTimeField(help_text="When this answer ends, UTC")
    attribution = serializers.CharField(help_text="To be shown beside the values, as a link")


_WEATHER = _sections(WEATHER)
_AIR_QUALITY = _sections(AIR_QUALITY, "AirQuality")


class WeatherSerializer(AnswerSerializer):
    current = _WEATHER["current"]()


class ForecastSerializer(AnswerSerializer):
    daily = _WEATHER["daily"]()
    hourly = _WEATHER["hourly"]()


class AirQualitySerializer(AnswerSerializer):
    current = _AIR_QUALITY["current"]()
    hourly = _AIR_QUALITY["hourly"]()
    daily = _AIR_QUALITY["daily"]()


class ProblemOfAPlaceSerializer(ProblemSerializer):
    """A problem where there is no header to say when to come again."""

    retry_after_seconds = serializers.IntegerField(required=False, help_text="As Retry-After of a single call")


class PlaceProblemSerializer(serializers.Serializer):
    """What stands in the stead of a place's answer: what its own call would have been refused with."""

    problem = ProblemOfAPlaceSerializer()


def places_of(name: str, answer: Any, problem: Any) -> Any:
    """A serializer of the answers to a call about several places, each an `answer` or a `problem`."""
    either = PolymorphicProxySerializer(
        component_name=f"{name}OrProblem", serializers=[answer, problem], resource_type_field_name=None, many=True
    )
    return _serializer(f"{name}Places", {"places": either}, "Several places, in the order asked.")
