"""The extra variables, made up from the ten: like these as integers in units of their last decimal."""

import math
from collections.abc import Callable, Sequence

from weather.core.variables import EXTRA, KNOWN
from weather.simulator.place import HOUR_SECONDS, Place
from weather.simulator.synthetic.weather import Series

FOG = (45, 48)
SHOWERS = (80, 81, 82, 95, 96, 99)
SNOW = (71, 73, 75, 77, 85, 86)
_CLOUD_BY_CODE = {0: 4, 1: 25, 2: 62}
#: Open-Meteo writes these with more decimals than the service keeps.
_WRITTEN_DECIMALS = {"visibility": 2, "sunshine_duration": 2, "cape": 1, "freezing_level_height": 2}


def values(name: str, place: Place, start: int, series: Series) -> list[int]:
    """The values of an extra variable for the hours of `series`, which begins at `start` (unix seconds)."""
    rows = range(len(series["weather_code"]))
    return [_MADE[name](_Hour(place, start + row * HOUR_SECONDS, series, row)) for row in rows]


def text(name: str, value: int) -> str:
    """A value from `values` as Open-Meteo writes it, with its number of decimals."""
    decimals = KNOWN[name].decimals
    return f"{value / 10**decimals:.{_WRITTEN_DECIMALS.get(name, max(0, decimals))}f}"


class _Hour:
    def __init__(self, place: Place, time: int, series: Series, row: int) -> None:
        self.place, self.time = place, time
        self.temperature, self.humidity = series["temperature_2m"][row], series["relative_humidity_2m"][row]
        self.precipitation, self.code = series["precipitation"][row], series["weather_code"][row]
        self.pressure = series["pressure_msl"][row]

    @property
    def cloud(self) -> int:
        return _CLOUD_BY_CODE.get(self.code, 100)

    @property
    def sun(self) -> float:
        """How much of an overhead sun comes through, by the hour alone."""
        hour = (self.time / HOUR_SECONDS + self.place.longitude / 15) % 24
        height = math.cos((hour - 12) / 12 * math.pi) * math.cos(math.radians(self.place.latitude))
        return max(0.0, height) * (1 - 0.007 * self.cloud)

    def falls_as(self, codes: Sequence[int]) -> int:
        return self.precipitation if self.code in codes else 0


_MADE: dict[str, Callable[[_Hour], int]] = {
    "uv_index": lambda hour: round(1100 * hour.sun),
    "cloud_cover": lambda hour: hour.cloud,
    "visibility": lambda hour: 20 if hour.code in FOG else 800 if hour.precipitation else 2414,
    "dew_point_2m": lambda hour: hour.temperature - 2 * (100 - hour.humidity),
    "rain": lambda hour: 0 if hour.code in (*SHOWERS, *SNOW) else 10 * hour.precipitation,
    "showers": lambda hour: 10 * hour.falls_as(SHOWERS),
    "snowfall": lambda hour: 7 * hour.falls_as(SNOW),
    "snow_depth": lambda hour: 12 if hour.temperature < -50 else 0,
    "surface_pressure": lambda hour: hour.pressure - round(1.2 * hour.place.elevation),
    "sunshine_duration": lambda hour: round(3600 * (1 - hour.cloud / 100)) if hour.sun > 0.05 else 0,
    "shortwave_radiation": lambda hour: round(9000 * hour.sun),
    "cape": lambda hour: max(0, 8 * (hour.temperature - 150)),
    "freezing_level_height": lambda hour: max(0, 15 * hour.temperature) + hour.place.elevation,
}
if list(_MADE) != [variable.name for variable in EXTRA]:
    raise ValueError("every extra variable needs a formula here")
