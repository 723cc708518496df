"""Open-Meteo's FlatBuffers: how an answer about one place is written, and how its variables are named there.

The schema is that of openmeteo-sdk (`WeatherApiResponse`), whose classes read only. So messages are written here by its
fields' numbers, with whole columns put in as bytes.
"""

import struct
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

from flatbuffers import Builder
from openmeteo_sdk.Aggregation import Aggregation
from openmeteo_sdk.Model import Model
from openmeteo_sdk.Unit import Unit
from openmeteo_sdk.Variable import Variable as Name

#: Open-Meteo's name of a unit in JSON → its number. What has none there is `dimensionless`, or an integer.
UNITS: Mapping[str, int] = {
    "°C": Unit.celsius,
    "°F": Unit.fahrenheit,
    "km/h": Unit.kilometres_per_hour,
    "m/s": Unit.metre_per_second,
    "mp/h": Unit.miles_per_hour,
    "kn": Unit.knots,
    "mm": Unit.millimetre,
    "cm": Unit.centimetre,
    "inch": Unit.inch,
    "m": Unit.metre,
    "ft": Unit.feet,
    "%": Unit.percentage,
    "hPa": Unit.hectopascal,
    "°": Unit.degree_direction,
    "wmo code": Unit.wmo_code,
    "s": Unit.seconds,
    "W/m²": Unit.watt_per_square_metre,
    "J/kg": Unit.joule_per_kilogram,
    "EAQI": Unit.european_air_quality_index,
    "USAQI": Unit.us_air_quality_index,
    "μg/m³": Unit.micrograms_per_cubic_metre,
    "grains/m³": Unit.grains_per_cubic_metre,
    "": Unit.dimensionless,
    "iso8601": Unit.iso8601,
    "unixtime": Unit.unix_time,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What a message says in place of a variable's name; `altitude` is in metres, 0 for none."""

    variable: int
    altitude: int = 0
    aggregation: int = Aggregation.none


_MIN, _MAX, _MEAN, _SUM = Aggregation.minimum, Aggregation.maximum, Aggregation.mean, Aggregation.sum
#: Name in JSON → identity, of hourly and current variables.
HOURLY: Mapping[str, Identity] = {
    "temperature_2m": Identity(Name.temperature, 2),
    "relative_humidity_2m": Identity(Name.relative_humidity, 2),
    "apparent_temperature": Identity(Name.apparent_temperature),
    "precipitation": Identity(Name.precipitation),
    "precipitation_probability": Identity(Name.precipitation_probability),
    "weather_code": Identity(Name.weather_code),
    "pressure_msl": Identity(Name.pressure_msl),
    "wind_speed_10m": Identity(Name.wind_speed, 10),
    "wind_direction_10m": Identity(Name.wind_direction, 10),
    "wind_gusts_10m": Identity(Name.wind_gusts, 10),
    "uv_index": Identity(Name.uv_index),
    "cloud_cover": Identity(Name.cloud_cover),
    "visibility": Identity(Name.visibility),
    "dew_point_2m": Identity(Name.dew_point, 2),
    "rain": Identity(Name.rain),
    "showers": Identity(Name.showers),
    "snowfall": Identity(Name.snowfall),
    "snow_depth": Identity(Name.snow_depth),
    "surface_pressure": Identity(Name.surface_pressure),
    "sunshine_duration": Identity(Name.sunshine_duration),
    "shortwave_radiation": Identity(Name.shortwave_radiation),
    "cape": Identity(Name.cape),
    "freezing_level_height": Identity(Name.freezing_level_height),
    "is_day": Identity(Name.is_day),
    "european_aqi": Identity(Name.european_aqi),
    "us_aqi": Identity(Name.us_aqi),
    "pm2_5": Identity(Name.pm2p5),
    "pm10": Identity(Name.pm10),
    "nitrogen_dioxide": Identity(Name.nitrogen_dioxide),
    "ozone": Identity(Name.ozone),
    "alder_pollen": Identity(Name.alder_pollen),
    "birch_pollen": Identity(Name.birch_pollen),
    "grass_pollen": Identity(Name.grass_pollen),
    "ragweed_pollen": Identity(Name.ragweed_pollen),
}
#: Name in JSON → identity, of daily values.
DAILY: Mapping[str, Identity] = {
    "weather_code": Identity(Name.weather_code),
    "temperature_2m_max": Identity(Name.temperature, 2, _MAX),
    "temperature_2m_min": Identity(Name.temperature, 2, _MIN),
    "apparent_temperature_max": Identity(Name.apparent_temperature, 2, _MAX),
    "apparent_temperature_min": Identity(Name.apparent_temperature, 2, _MIN),
    "precipitation_sum": Identity(Name.precipitation, 0, _SUM),
    "precipitation_probability_max": Identity(Name.precipitation_probability, 0, _MAX),
    "wind_speed_10m_max": Identity(Name.wind_speed, 10, _MAX),
    "wind_gusts_10m_max": Identity(Name.wind_gusts, 10, _MAX),
    "wind_direction_10m_dominant": Identity(Name.wind_direction, 10, Aggregation.dominant),
    "sunrise": Identity(Name.sunrise),
    "sunset": Identity(Name.sunset),
    "daylight_duration": Identity(Name.daylight_duration),
    "uv_index_max": Identity(Name.uv_index, 0, _MAX),
    "cloud_cover_mean": Identity(Name.cloud_cover, 0, _MEAN),
    "visibility_min": Identity(Name.visibility, 0, _MIN),
    "rain_sum": Identity(Name.rain, 0, _SUM),
    "showers_sum": Identity(Name.showers, 0, _SUM),
    "snowfall_sum": Identity(Name.snowfall, 0, _SUM),
    "sunshine_duration": Identity(Name.sunshine_duration),
    "cape_max": Identity(Name.cape, 0, _MAX),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A variable's values, null as None; moments, in unix seconds, if `is_time`."""

    identity: Identity
    unit: int
    values: Sequence[float | None]
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Columns whose rows begin at `start`, one each `interval` seconds; `end` is after the last. Times are unix."""

    start: int
    end: int
    interval: int
    columns: Sequence[Column]
    #: Whether each column is one value rather than a row of them.
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """An answer about one place; the names of the zone are None for GMT."""

    latitude: float
    longitude: float
    elevation: float | None
    generation_ms: float
    location_id: int
    utc_offset_seconds: int
    timezone: str | None
    timezone_abbreviation: str | None
    current: Section | None = None
    daily: Section | None = None
    hourly: Section | None = None


def packed(message: Message) -> bytes:
    """The message with its length before it: 4 bytes, little-endian. Values are float32, NaN for None."""
    builder = Builder(4096)
    texts = [text and builder.CreateString(text) for text in (message.timezone, message.timezone_abbreviation)]
    sections = [section and _section(builder, section) for section in (message.current, message.daily, message.hourly)]
    builder.StartObject(15)
    elevation = nan if message.elevation is None else message.elevation
    floats = (message.latitude, message.longitude, elevation, message.generation_ms)
    for slot, value in enumerate(floats):
        builder.PrependFloat32Slot(slot, value, 0.0)
    builder.PrependInt64Slot(4, message.location_id, 0)
    builder.PrependUint8Slot(5, Model.best_match, 0)
    builder.PrependInt32Slot(6, message.utc_offset_seconds, 0)
    for slot, offset in enumerate((*texts, *sections), start=7):
        if offset:
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.FinishSizePrefixed(builder.EndObject())
    return bytes(builder.Output())


def _section(builder: Builder, section: Section) -> int:
    columns = [_column(builder, column, is_current=section.is_current) for column in section.columns]
    builder.StartVector(4, len(columns), 4)
    for column in reversed(columns):
        builder.PrependUOffsetTRelative(column)
    variables = builder.EndVector()
    builder.StartObject(4)
    builder.PrependInt64Slot(0, section.start, 0)
    builder.PrependInt64Slot(1, section.end, 0)
    builder.PrependInt32Slot(2, section.interval, 0)
    builder.PrependUOffsetTRelativeSlot(3, variables, 0)
    end: int = builder.EndObject()
    return end


def _column(builder: Builder, column: Column, *, is_current: bool) -> int:
    vector = 0 if is_current else _vector(builder, column)
    builder.StartObject(13)
    builder.PrependUint8Slot(0, column.identity.variable, 0)
    builder.PrependUint8Slot(1, column.unit, 0)
    if is_current:
        (value,) = column.values
        builder.PrependFloat32Slot(2, nan if value is None else value, 0.0)
    else:
        builder.PrependUOffsetTRelativeSlot(4 if column.is_time else 3, vector, 0)
    builder.PrependInt16Slot(5, column.identity.altitude, 0)
    builder.PrependUint8Slot(6, column.identity.aggregation, 0)
    end: int = builder.EndObject()
    return end


def _vector(builder: Builder, column: Column) -> int:
    """The values as a vector of float32, or of int64 for moments."""
    size = 8 if column.is_time else 4
    if column.is_time:
        data = struct.pack(f"<{len(column.values)}q", *(int(value or 0) for value in column.values))
    else:
        data = _floats([nan if value is None else value for value in column.values])
    builder.StartVector(size, len(column.values), size)
    builder.head = head = builder.Head() - len(data)
    builder.Bytes[head : head + len(data)] = data
    end: int = builder.EndVector()
    return end


def _floats(values: Sequence[float]) -> bytes:
    # An array is made in a third of the time of struct.pack with as many arguments, but in the machine's byte order.
    floats = array("f", values)
    return floats.tobytes() if struct.pack("=H", 1) == b"\1\0" else struct.pack(f"<{len(values)}f", *values)
