"""The shapes of answers, for the OpenAPI schema alone; weather.core.answers writes the answers themselves."""

from collections.abc import Set
from typing import Any

from django.conf import settings
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from weather.api.descriptions import DESCRIPTIONS
from weather.core.datasets import AIR_QUALITY, WEATHER, Dataset, Section
from weather.core.units import IMPERIAL, METRIC
from weathernote.http.problems import ProblemSerializer

_INSTANTS = ("sunrise", "sunset")
_TIMES = {
    "current": "The minute that the values were worked out for",
    "daily": "The cell's local days, today first",
    "hourly": "Full hours from the present one on, with the zone's offset",
}
_MEANINGS = {
    "current": "The conditions of the present minute, read from the hourly series.",
    "daily": "One item a day in every column.",
    "hourly": "One item an hour in every column: 48, or to the end of the last day if that is sooner.",
}


def _serializer(name: str, fields: dict[str, Any], meaning: str) -> Any:
    return type(name, (serializers.Serializer,), {"__doc__": meaning, **fields})


def _sections(dataset: Dataset, prefix: str = "") -> dict[str, Any]:
    """Name of a section → a serializer of it, by the dataset's declaration; its name begins with `prefix`."""
    dataset = dataset.with_extras(settings.EXTRA_VARIABLES)
    whole = {variable.name for variable in dataset.asked if variable.decimals <= 0}
    return {
        section.name: _serializer(
            f"{prefix}{section.name.title()}", _fields(section, dataset, whole), _MEANINGS[section.name]
        )
        for kind in dataset.kinds
        for section in kind.sections
    }


def _fields(section: Section, dataset: Dataset, whole: Set[str]) -> dict[str, Any]:
    """Name → field of a section's values, or of its columns; `whole` are the variables without decimals."""
    metric, imperial = (section.units(dataset.extras, units) for units in (METRIC, IMPERIAL))
    time = serializers.DateField if section.name == "daily" else serializers.DateTimeField
    fields: dict[str, serializers.Field] = {"time": time(help_text=_TIMES[section.name])}
    fields |= {name: _value(name, unit, imperial[name], whole) for name, unit in metric.items() if name != "time"}
    fields |= {name: serializers.BooleanField(help_text=DESCRIPTIONS[name]) for name in section.without_unit}
    if not section.has_columns:
        return fields
    return {name: serializers.ListField(child=field, help_text=field.help_text) for name, field in fields.items()}


def _value(name: str, unit: str, imperial: str, whole: Set[str]) -> serializers.Field:
    text = f"{DESCRIPTIONS[name]}{_in_units(name, unit, imperial)}"
    if name in _INSTANTS:
        return serializers.DateTimeField(help_text=text, allow_null=True)
    if name.rpartition("_")[0] in whole or name in whole:
        return serializers.IntegerField(help_text=text, allow_null=True)
    return serializers.FloatField(help_text=text, allow_null=True)


def _in_units(name: str, unit: str, imperial: str) -> str:
    if name in _INSTANTS:
        return "; ISO 8601"
    if not unit:
        return ""
    return f"; in {unit}" if imperial == unit else f"; in {unit}, imperial in {imperial}"


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
