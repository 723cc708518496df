"""The shapes of answers, for the OpenAPI schema alone; weather.core.answers writes the answers themselves."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from weather.core.datasets import WEATHER
from weather.core.forecast import daily_units, hourly_units
from weather.core.units import IMPERIAL
from weather.core.variables import HOURLY
from weathernote.http.problems import ProblemSerializer

_EXTRAS = WEATHER.with_extras(settings.EXTRA_VARIABLES).extras
_HOURLY_UNITS, _DAILY_UNITS = hourly_units(_EXTRAS), daily_units(_EXTRAS)
_IMPERIAL_UNITS = daily_units(_EXTRAS, IMPERIAL) | hourly_units(_EXTRAS, IMPERIAL)

_DESCRIPTIONS = {
    "temperature_2m": "Air temperature 2 m above ground",
    "relative_humidity_2m": "Relative humidity 2 m above ground",
    "apparent_temperature": "What it feels like",
    "precipitation": "Rain, showers and snow of the hour that ends at this time",
    "precipitation_probability": "Probability of precipitation in the hour that ends at this time",
    "weather_code": "WMO 4677 weather code; of a day the highest of its hours",
    "pressure_msl": "Air pressure at mean sea level",
    "wind_speed_10m": "Wind speed 10 m above ground",
    "wind_direction_10m": "Where the wind comes from",
    "wind_gusts_10m": "Strongest gust of the hour that ends at this time",
    "temperature_2m_max": "Highest temperature of the day",
    "temperature_2m_min": "Lowest temperature of the day",
    "apparent_temperature_max": "Highest apparent temperature of the day",
    "apparent_temperature_min": "Lowest apparent temperature of the day",
    "precipitation_sum": "Precipitation of the day",
    "precipitation_probability_max": "Highest probability of precipitation of the day",
    "wind_speed_10m_max": "Highest wind speed of the day",
    "wind_gusts_10m_max": "Strongest gust of the day",
    "wind_direction_10m_dominant": "Where the day's wind mostly comes from",
    "uv_index": "UV index",
    "cloud_cover": "Part of the sky that clouds cover",
    "visibility": "How far one can see, to ten metres",
    "dew_point_2m": "Dew point 2 m above ground",
    "rain": "Rain of the hour that ends at this time, without showers",
    "showers": "Showers of the hour that ends at this time",
    "snowfall": "Snow of the hour that ends at this time",
    "snow_depth": "Snow on the ground",
    "surface_pressure": "Air pressure at the ground",
    "sunshine_duration": "Sunshine of the hour that ends at this time; of a day all of it",
    "shortwave_radiation": "Mean solar radiation of the hour that ends at this time",
    "cape": "Convective available potential energy",
    "freezing_level_height": "Height of 0 °C above sea level",
    "uv_index_max": "Highest UV index of the day",
    "cloud_cover_mean": "Mean cloud cover of the day",
    "visibility_min": "Shortest visibility of the day",
    "rain_sum": "Rain of the day, without showers",
    "showers_sum": "Showers of the day",
    "snowfall_sum": "Snow of the day",
    "cape_max": "Highest convective available potential energy of the day",
    "sunrise": "Sunrise, with the zone's offset; null in polar day and night",
    "sunset": "Sunset, with the zone's offset; null in polar day and night",
}
_WHOLE = {variable.name for variable in (*HOURLY, *_EXTRAS) if variable.decimals <= 0}
_INSTANTS = ("sunrise", "sunset")
_IS_DAY = "Whether the sun is up"


def _value(name: str, unit: str) -> serializers.Field:
    text = f"{_DESCRIPTIONS[name]}{_in_units(name, unit)}"
    if name in _INSTANTS:
        return serializers.DateTimeField(help_text=text, allow_null=True)
    if name.rpartition("_")[0] in _WHOLE or name in _WHOLE:
        return serializers.IntegerField(help_text=text, allow_null=True)
    return serializers.FloatField(help_text=text, allow_null=True)


def _in_units(name: str, unit: str) -> str:
    if name in _INSTANTS:
        return "; ISO 8601"
    if not unit:
        return ""
    other = _IMPERIAL_UNITS[name]
    return f"; in {unit}" if other == unit else f"; in {unit}, imperial in {other}"


def _columns(units: dict[str, str]) -> dict[str, Any]:
    return {
        name: serializers.ListField(child=_value(name, unit), help_text=f"{_DESCRIPTIONS[name]}{_in_units(name, unit)}")
        for name, unit in units.items()
        if name != "time"
    }


def _serializer(name: str, fields: dict[str, Any], meaning: str) -> Any:
    return type(name, (serializers.Serializer,), {"__doc__": meaning, **fields})


CurrentSerializer = _serializer(
    "Current",
    {
        "time": serializers.DateTimeField(help_text="The minute that the values were worked out for"),
        **{name: _value(name, unit) for name, unit in _HOURLY_UNITS.items() if name != "time"},
        "is_day": serializers.BooleanField(help_text=_IS_DAY),
    },
    "The conditions of the present minute, read from the hourly series.",
)
DailySerializer = _serializer(
    "Daily",
    {
        "time": serializers.ListField(child=serializers.DateField(), help_text="The cell's local days, today first"),
        **_columns(_DAILY_UNITS),
    },
    "One item a day in every column.",
)
HourlySerializer = _serializer(
    "Hourly",
    {
        "time": serializers.ListField(
            child=serializers.DateTimeField(), help_text="Full hours from the present one on, with the zone's offset"
        ),
        **_columns(_HOURLY_UNITS),
        "is_day": serializers.ListField(child=serializers.BooleanField(), help_text=_IS_DAY),
    },
    "One item an hour in every column: 48, or to the end of the last day if that is sooner.",
)


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
    timezone = serializers.CharField(help_text="The cell's IANA time zone")
    units = serializers.DictField(child=serializers.CharField(), help_text="The unit of every value by its name")
    cached = serializers.BooleanField(help_text="No upstream call was made for this answer")
    stale = serializers.BooleanField(help_text="The forecast behind it was due for a refresh that has not come yet")
    source = serializers.ChoiceField(  # type: ignore[assignment] # a field of that name, as in the answer
        choices=["open-meteo", "simulator"], help_text="Where the forecast comes from"
    )
    fetched_at = serializers.DateTimeField(help_text="When Open-Meteo said it, UTC")
    expires_at = serializers.DateTimeField(help_text="When this answer ends, UTC")
    attribution = serializers.CharField(help_text="To be shown beside the weather, as a link")


class WeatherSerializer(AnswerSerializer):
    current = CurrentSerializer()


class ForecastSerializer(AnswerSerializer):
    daily = DailySerializer()
    hourly = HourlySerializer()


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
