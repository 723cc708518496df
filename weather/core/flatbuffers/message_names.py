"""How Open-Meteo's FlatBuffers name what its JSON names by text: units and variables, by openmeteo-sdk's numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from openmeteo_sdk.Aggregation import Aggregation
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
