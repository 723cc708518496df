"""The units that a question to Open-Meteo can choose, each by itself, and the decimals that values are written with."""

from collections.abc import Mapping
from functools import lru_cache

from weather.core.units import IMPERIAL_SCALES, Converted, Scale, Units

KM_PER_NAUTICAL_MILE = 1.852

_Scales = Mapping[str, Scale]
#: Choice of `temperature_unit` → scales.
TEMPERATURE: Mapping[str, _Scales] = {"celsius": {}, "fahrenheit": {"°C": IMPERIAL_SCALES["°C"]}}
#: Choice of `wind_speed_unit` → scales.
WIND_SPEED: Mapping[str, _Scales] = {
    "kmh": {},
    "ms": {"km/h": Scale("m/s", 1, lambda km: km / 3.6)},
    "mph": {"km/h": IMPERIAL_SCALES["km/h"]},
    "kn": {"km/h": Scale("kn", 0, lambda km: km / KM_PER_NAUTICAL_MILE)},
}
#: Choice of `precipitation_unit` → scales. Snow and heights follow it.
PRECIPITATION: Mapping[str, _Scales] = {
    "mm": {},
    "inch": {unit: IMPERIAL_SCALES[unit] for unit in ("mm", "cm", "m")},
}


@lru_cache(maxsize=16)
def units_of(temperature: str, wind_speed: str, precipitation: str) -> Units:
    """The units of three choices, which are keys of TEMPERATURE, WIND_SPEED and PRECIPITATION."""
    return Converted({**TEMPERATURE[temperature], **WIND_SPEED[wind_speed], **PRECIPITATION[precipitation]})
