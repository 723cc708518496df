"""The European and the US air quality index of a pollutant's concentration.

European: the European Environment Agency's bands of hourly concentrations (airindex.eea.europa.eu, "About the European
Air Quality Index"), each 20 wide as Open-Meteo writes them. US: the breakpoints of the EPA's Technical Assistance
Document for the Reporting of Daily Air Quality (May 2024), here of hourly concentrations; Open-Meteo averages over the
8 or 24 hours that the document asks for.
"""

from collections.abc import Sequence
from functools import cache

#: Pollutant → the concentrations, in μg/m³, at which the European index is 0, 20, 40, 60, 80 and 100.
EUROPEAN_BANDS: dict[str, Sequence[float]] = {
    "pm2_5": (0, 5, 15, 50, 90, 140),
    "pm10": (0, 15, 45, 120, 195, 270),
    "nitrogen_dioxide": (0, 10, 25, 60, 100, 150),
    "ozone": (0, 60, 100, 120, 160, 180),
}
EUROPEAN_INDICES = (0, 20, 40, 60, 80, 100)

# The document gives the gases in parts per billion; at 25 °C one is as many μg/m³.
_NITROGEN_DIOXIDE, _OZONE = 1.88, 1.96
#: Pollutant → the concentrations, in μg/m³, at which the US index is 0, 50, 100, 150, 200, 300 and 500.
US_BREAKPOINTS: dict[str, Sequence[float]] = {
    "pm2_5": (0, 9, 35.4, 55.4, 125.4, 225.4, 325.4),
    "pm10": (0, 54, 154, 254, 354, 424, 604),
    "nitrogen_dioxide": [ppb * _NITROGEN_DIOXIDE for ppb in (0, 53, 100, 360, 649, 1249, 2049)],
    # Of eight hours up to 200 ppb, and of one hour beyond.
    "ozone": [ppb * _OZONE for ppb in (0, 54, 70, 85, 105, 200, 604)],
}
US_INDICES = (0, 50, 100, 150, 200, 300, 500)


@cache
def european(pollutant: str, tenths: int) -> int:
    """The European index of an hourly concentration in tenths of μg/m³; beyond 100 it goes on as in the last band."""
    return _index(EUROPEAN_BANDS[pollutant], EUROPEAN_INDICES, tenths / 10)


@cache
def us(pollutant: str, tenths: int) -> int:
    """The US index of a concentration in tenths of μg/m³; beyond 500 it goes on as in the last category."""
    return _index(US_BREAKPOINTS[pollutant], US_INDICES, tenths / 10)


def _index(steps: Sequence[float], indices: Sequence[int], concentration: float) -> int:
    above = next((number for number, step in enumerate(steps) if concentration < step), len(steps) - 1)
    low, high = steps[above - 1], steps[above]
    share = (concentration - low) / (high - low)
    return round(indices[above - 1] + share * (indices[above] - indices[above - 1]))
