"""Reads a question in Open-Meteo's words, strictly; what is wrong or not held is refused with its reasons."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from weather.core import zones
from weather.core.cells import Cell, latitude_tenths, longitude_tenths
from weather.openmeteo_api.form import AUTO, GMT, USUAL_DAYS, Asked, Form, Format
from weather.openmeteo_api.names import Names, present
from weather.openmeteo_api.units import PRECIPITATION, TEMPERATURE, WIND_SPEED

Given = Mapping[str, Sequence[str]]

MOST_DAYS = 10
MOST_HOURS = MOST_DAYS * 24
#: Of a section: a name may come twice, as at Open-Meteo.
MOST_NAMES = 100

_INTEGER = re.compile(r"-?[0-9]{1,9}")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,25})?([eE]-?[0-9]{1,3})?")
_ZONE_LENGTH = 64
_SHOWN_CHARACTERS = 60

#: Parameters of Open-Meteo that would change an answer in ways that are not held, so they are refused, not ignored.
_NOT_HELD = frozenset({
    "minutely_15", "past_days", "past_hours", "past_minutely_15", "forecast_minutely_15", "initial_hours",
    "initial_minutely_15", "start_date", "end_date", "start_hour", "end_hour", "start_minutely_15", "end_minutely_15",
    "temporal_resolution", "elevation", "tilt", "azimuth", "location_id", "current_weather", "length_unit",
    "six_hourly", "weekly", "monthly", "ensemble", "disable_bias_correction", "domains",
})  # fmt: skip
#: With these values such a parameter changes nothing, and clients send it.
_WITHOUT_EFFECT = frozenset({"", "0", "false", "metric"})
_SUPPORTED = (
    "latitude, longitude, current, hourly, daily, forecast_days, forecast_hours, timezone, timeformat, "
    "temperature_unit, wind_speed_unit, precipitation_unit, cell_selection, models, format"
)
_SINGLE = frozenset({
    "forecast_days", "forecast_hours", "timeformat", "temperature_unit", "wind_speed_unit", "windspeed_unit",
    "precipitation_unit", "cell_selection", "format",
})  # fmt: skip


class Refused(ValueError):
    """A question that is wrong or not held; the text is the `reason` for the client."""


def asked_in(given: Given, names: Names, most_places: int) -> Asked:
    """The question of a query's parameters (name → values, in order). Raises Refused."""
    form = form_in(given, names)
    cells = _cells(given, most_places)
    if len(form.zones) not in (1, len(cells)):
        raise Refused("Parameter 'timezone' must have one element, or as many as 'latitude' and 'longitude'")
    return Asked(cells, form)


def form_in(given: Given, names: Names) -> Form:
    """The form of a query, whatever its places are. Raises Refused; unknown parameters are ignored."""
    for name, values in given.items():
        if name in _NOT_HELD and not _WITHOUT_EFFECT.issuperset(values):
            raise Refused(f"Parameter '{name}' is not supported here. Supported are: {_SUPPORTED}")
        if name in _SINGLE and len(values) > 1:
            raise Refused(f"Parameter '{name}' must be given once")
    _one_of(given, "cell_selection", "GridSelectionMode", ("land", "sea", "nearest"))
    for model in _items(given, "models"):
        if model != "best_match":
            raise _no_value("models", "MultiDomains", model, ("best_match",))
    return Form(
        current=_names(given, "current", "SurfacePressureAndHeightVariable", names.hourly),
        hourly=_names(given, "hourly", "SurfacePressureAndHeightVariable", names.hourly),
        daily=_names(given, "daily", "ForecastVariableDaily", names.daily),
        days=_number(given, "forecast_days", "Forecast days", MOST_DAYS, USUAL_DAYS) or 0,
        hours=_number(given, "forecast_hours", "Forecast hours", MOST_HOURS, None),
        zones=_zones(given),
        unixtime=_one_of(given, "timeformat", "Timeformat", ("iso8601", "unixtime")) == "unixtime",
        temperature=_one_of(given, "temperature_unit", "TemperatureUnit", TEMPERATURE),
        wind_speed=_wind_speed(given),
        precipitation=_one_of(given, "precipitation_unit", "PrecipitationUnit", PRECIPITATION),
        format=_format(given),
    )


# ── places ────────────────────────────────────────────────────────────────────────────────────────


def _cells(given: Given, most: int) -> tuple[Cell, ...]:
    latitudes, longitudes = _coordinates(given, "latitude", most), _coordinates(given, "longitude", most)
    if len(latitudes) != len(longitudes):
        raise Refused("Parameter 'latitude' and 'longitude' must have the same number of elements")
    return tuple(
        Cell(
            _tenths(latitude, latitude_tenths, "Latitude", 90),
            _tenths(longitude, longitude_tenths, "Longitude", 180),
        )
        for latitude, longitude in zip(latitudes, longitudes, strict=True)
    )


def _coordinates(given: Given, name: str, most: int) -> list[str]:
    values = given.get(name, ())
    if not any(values):
        raise Refused(f"Data corrupted at path '{name}'. Value required for key '{name}'.")
    # Counted before it is split, so that an endless list costs nothing.
    if sum(value.count(",") + 1 for value in values) > most:
        raise Refused(f"Only up to {most} locations can be requested at once")
    return [text for value in values for text in value.split(",")]


def _tenths(text: str, parse: Callable[[str], int], what: str, limit: int) -> int:
    try:
        return parse(text)
    except ValueError:
        if _NUMBER.fullmatch(text):
            raise Refused(f"{what} must be in range of -{limit} to {limit}°. Given: {text}.") from None
        path = what.lower()
        raise Refused(
            f"Data corrupted at path '{path}'. Cannot initialize Float from invalid String value {_shown(text)}."
        ) from None


# ── the form ──────────────────────────────────────────────────────────────────────────────────────


def _items(given: Given, name: str) -> list[str]:
    """The items of a list, which may come with commas or as a repeated parameter; empty ones are none."""
    values = given.get(name, ())
    if sum(value.count(",") + 1 for value in values) > MOST_NAMES:
        raise Refused(f"Only up to {MOST_NAMES} elements can be requested in '{name}'")
    return [item for value in values for item in value.split(",") if item]


def _names(given: Given, section: str, kind: str, known: Mapping[str, object]) -> tuple[str, ...]:
    asked = _items(given, section)
    for name in asked:
        if name not in known:
            raise _no_value("", kind, name, present(known))
    return tuple(asked)


def _number(given: Given, name: str, what: str, most: int, default: int | None) -> int | None:
    if name not in given:
        return default
    text = given[name][0]
    if not _INTEGER.fullmatch(text):
        raise Refused(f"Data corrupted at path '{name}'. Cannot initialize Int from {_shown(text)}.")
    if not 0 <= int(text) <= most:
        raise Refused(f"{what} is invalid. Allowed range 0 to {most}. Given {int(text)}.")
    return int(text)


def _zones(given: Given) -> tuple[str, ...]:
    asked = _items(given, "timezone") or [GMT]
    for name in asked:
        if name != AUTO and (len(name) > _ZONE_LENGTH or not zones.is_known(name)):
            raise Refused("Invalid timezone")
    return tuple(asked)


def _wind_speed(given: Given) -> str:
    # The name before October 2023, which Open-Meteo still takes.
    name = "wind_speed_unit" if "wind_speed_unit" in given else "windspeed_unit"
    return _one_of(given, name, "WindspeedUnit", WIND_SPEED)


def _format(given: Given) -> Format:
    return (
        "flatbuffers" if _one_of(given, "format", "ForecastResultFormat", ("json", "flatbuffers")) != "json" else "json"
    )


def _one_of(given: Given, name: str, kind: str, allowed: Collection[str]) -> str:
    """The value of a parameter, the first of `allowed` where it is missing."""
    if name not in given:
        return next(iter(allowed))
    value = given[name][0]
    if value not in allowed:
        raise _no_value(name, kind, value, allowed)
    return value


def _no_value(path: str, kind: str, value: str, allowed: Collection[str]) -> Refused:
    return Refused(
        f"Data corrupted at path '{path}'. Cannot initialize {kind} from invalid String value {_shown(value)}. "
        f"Held here are: {', '.join(allowed)}"
    )


def _shown(text: str) -> str:
    """A client's text as one printable line of at most 60 characters."""
    return "".join(character if character.isprintable() else "…" for character in text[:_SHOWN_CHARACTERS])
