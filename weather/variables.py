"""The weather variables that one upstream call buys, with Open-Meteo's own names and units.

Ten hourly variables for fourteen days is the most that still weighs 1.0 in Open-Meteo's accounting;
an eleventh variable or a fifteenth day makes every refresh dearer.
"""

from dataclasses import dataclass
from typing import Literal

FORECAST_DAYS = 14
HOURS = FORECAST_DAYS * 24
HOUR_SECONDS = 3600

#: How a value between two full hours is read.
#: linear: between the two; circular: the same on a compass; nearest: of the closer hour;
#: ending: it belongs to the hour that ends at its time, so the next row is taken as it is.
Reading = Literal["linear", "circular", "nearest", "ending"]


@dataclass(frozen=True, slots=True)
class Variable:
    """An hourly variable: Open-Meteo's name and unit, the decimals it is given with, its plausible range."""

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
