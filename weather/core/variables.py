"""The weather variables of an upstream call, with Open-Meteo's own names and units.

Ten hourly variables for fourteen days is the most that still weighs 1.0 in Open-Meteo's accounting; an eleventh
variable or a fifteenth day makes every refresh cost more. So there are ten, and extra ones by setting.
"""

from dataclasses import dataclass
from typing import Literal

FORECAST_DAYS = 14
HOURS = FORECAST_DAYS * 24
HOUR_SECONDS = 3600

#: How a value between two full hours is read. linear: interpolated; circular: interpolated on a compass; nearest: the
#: closer hour's; ending: the next row's, because a row's value is about the hour that ends at its time.
Reading = Literal["linear", "circular", "nearest", "ending"]


@dataclass(frozen=True, slots=True)
class Variable:
    """An hourly variable: Open-Meteo's name and unit, the decimals that are stored and shown, the plausible range.

    With -1 decimals values are rounded to tens.
    """

    name: str
    unit: str
    decimals: int
    reading: Reading
    minimum: float
    maximum: float


HOURLY = (
    Variable("temperature_2m", "°C", 1, "linear", -100, 70),
    Variable("relative_humidity_2m", "%", 0, "linear", 0, 100),
    Variable("apparent_temperature", "°C", 1, "linear", -130, 90),
    Variable("precipitation", "mm", 2, "ending", 0, 320),
    Variable("precipitation_probability", "%", 0, "ending", 0, 100),
    Variable("weather_code", "wmo code", 0, "nearest", 0, 99),
    Variable("pressure_msl", "hPa", 1, "linear", 800, 1150),
    Variable("wind_speed_10m", "km/h", 1, "linear", 0, 600),
    Variable("wind_direction_10m", "°", 0, "circular", 0, 360),
    Variable("wind_gusts_10m", "km/h", 1, "ending", 0, 600),
)
HOURLY_NAMES = tuple(variable.name for variable in HOURLY)

#: What EXTRA_VARIABLES may name. Ranges are wide, because a value out of its range makes the cell's answer invalid.
EXTRA = (
    Variable("uv_index", "", 2, "linear", 0, 50),
    Variable("cloud_cover", "%", 0, "linear", 0, 100),
    # Open-Meteo gives it to the metre, finer than any model knows it; to ten metres it fits a packed column.
    Variable("visibility", "m", -1, "linear", 0, 300_000),
    Variable("dew_point_2m", "°C", 1, "linear", -130, 70),
    Variable("rain", "mm", 2, "ending", 0, 320),
    Variable("showers", "mm", 2, "ending", 0, 320),
    Variable("snowfall", "cm", 2, "ending", 0, 320),
    Variable("snow_depth", "m", 2, "linear", 0, 300),
    Variable("surface_pressure", "hPa", 1, "linear", 300, 1150),
    Variable("sunshine_duration", "s", 0, "ending", 0, 3600),
    Variable("shortwave_radiation", "W/m²", 1, "ending", 0, 2000),
    Variable("cape", "J/kg", 0, "linear", 0, 20_000),
    Variable("freezing_level_height", "m", 0, "linear", -500, 15_000),
)
EXTRA_NAMES = tuple(variable.name for variable in EXTRA)
KNOWN = {variable.name: variable for variable in (*HOURLY, *EXTRA)}
