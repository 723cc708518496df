"""The units that values are shown in: metric as Open-Meteo gives them, what it calls imperial, or a mixture.

Values are converted from the record, or from an interpolation of it, and rounded once, at the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from weather.core.variables import Variable

Name = Literal["metric", "imperial"]

KM_PER_MILE = 1.609344
MM_PER_INCH = 25.4
CM_PER_INCH = 2.54
METRES_PER_FOOT = 0.3048


class Units(Protocol):
    """A system of units: the unit of a variable, and its values in that unit; a missing value is null."""

    def unit(self, variable: Variable) -> str:
        """The variable's unit as Open-Meteo writes it."""

    def shown(self, variable: Variable, value: float | None) -> float | None:
        """A value of a record in this unit, rounded to its decimals."""

    def between(self, variable: Variable, value: float) -> float | None:
        """An interpolated value in this unit, rounded to its decimals."""


class _Metric:
    def unit(self, variable: Variable) -> str:
        return variable.unit

    def shown(self, variable: Variable, value: float | None) -> float | None:
        if value is None:
            return None
        # Adding zero turns -0.0 into 0.0. A value without decimals is an int and any other a float, whether its column
        # came from JSON or from a record.
        if variable.decimals > 0:
            return value + 0.0
        return int(round(value, variable.decimals)) if variable.decimals else round(value)

    def between(self, variable: Variable, value: float) -> float | None:
        return self.shown(variable, round(value, variable.decimals))


@dataclass(frozen=True, slots=True)
class Scale:
    """Another unit for a metric one: its name in Open-Meteo, how many decimals more, and the conversion."""

    unit: str
    more_decimals: int
    converted: Callable[[float], float]


#: Metric unit → the one that Open-Meteo calls imperial.
IMPERIAL_SCALES: Mapping[str, Scale] = {
    "°C": Scale("°F", 0, lambda celsius: celsius * 9 / 5 + 32),
    "km/h": Scale("mp/h", 0, lambda km: km / KM_PER_MILE),
    "mm": Scale("inch", 1, lambda mm: mm / MM_PER_INCH),
    "cm": Scale("inch", 1, lambda cm: cm / CM_PER_INCH),
    "m": Scale("ft", 0, lambda metres: metres / METRES_PER_FOOT),
}


class Converted:
    """Units by the scales given for metric ones; values in other units, such as pressure, stay metric."""

    def __init__(self, scales: Mapping[str, Scale]) -> None:
        self.scales = scales

    def unit(self, variable: Variable) -> str:
        """The variable's unit as Open-Meteo writes it."""
        scale = self.scales.get(variable.unit)
        return scale.unit if scale else variable.unit

    def shown(self, variable: Variable, value: float | None) -> float | None:
        """A value of a record in this unit, rounded to its decimals."""
        scale = self.scales.get(variable.unit)
        if value is None or scale is None:
            return METRIC.shown(variable, value)
        decimals = variable.decimals + scale.more_decimals
        converted = round(scale.converted(value), decimals)
        return converted + 0.0 if decimals > 0 else int(converted)

    def between(self, variable: Variable, value: float) -> float | None:
        """An interpolated value in this unit, rounded to its decimals."""
        if variable.unit in self.scales:
            return self.shown(variable, value)
        return METRIC.between(variable, value)


METRIC: Units = _Metric()
IMPERIAL: Units = Converted(IMPERIAL_SCALES)
BY_NAME: Mapping[Name, Units] = {"metric": METRIC, "imperial": IMPERIAL}

#: Unit → the decimals that Open-Meteo writes its values with (`significantDigits` in its public source).
WRITTEN_DECIMALS: Mapping[str, int] = {
    "°C": 1,
    "°F": 1,
    "km/h": 1,
    "mp/h": 1,
    "kn": 1,
    "m/s": 2,
    "mm": 2,
    "cm": 2,
    "inch": 3,
    "ft": 3,
    "m": 2,
    "%": 0,
    "hPa": 1,
    "°": 0,
    "wmo code": 0,
    "W/m²": 1,
    "J/kg": 1,
    "s": 2,
    "EAQI": 0,
    "USAQI": 0,
    "μg/m³": 1,
    "grains/m³": 1,
}
