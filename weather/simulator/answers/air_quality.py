"""Air quality: what /v1/air-quality answers about a place, as JSON text.

It has no daily values: as on the real server, a call that asks for some gets none.
"""

from collections.abc import Iterable, Sequence

from weather.simulator.answers.json_text import TENTHS, array, section
from weather.simulator.call import Asked, Product
from weather.simulator.clock import Clock
from weather.simulator.place import HOUR_SECONDS, Place
from weather.simulator.synthetic import pollution

#: With the Greek letter mu, as Open-Meteo writes it, and not the micro sign.
_CONCENTRATION = "\N{GREEK SMALL LETTER MU}g/m³"

_UNITS = (
    {"european_aqi": "EAQI", "us_aqi": "USAQI"}
    | dict.fromkeys(pollution.POLLUTANTS, _CONCENTRATION)
    | dict.fromkeys(pollution.POLLEN, "grains/m³")
)


def _sections(asked: Asked, place: Place, clock: Clock) -> list[str]:
    sections = [_current_section(asked.current, place, clock)] if asked.current else []
    if asked.hourly:
        air = pollution.hourly(place, clock.first_hour, clock.hours, clock.now)
        columns = {"time": array([clock.times(HOUR_SECONDS)])}
        columns |= {name: array(_texts(name, air[name])) for name in asked.hourly}
        sections.append(section("hourly", _UNITS | {"time": clock.unit}, columns))
    return sections


def _current_section(names: Sequence[str], place: Place, clock: Clock) -> str:
    """The present hour's values, which begin at a full hour of UTC in every zone."""
    hour = int(clock.now) // HOUR_SECONDS * HOUR_SECONDS
    air = pollution.hourly(place, hour, 1, clock.now)
    columns = {"time": clock.time(hour), "interval": str(HOUR_SECONDS)}
    columns |= {name: "".join(_texts(name, air[name])) for name in names}
    return section("current", _UNITS | {"time": clock.unit, "interval": "seconds"}, columns)


def _texts(name: str, values: Iterable[int | None]) -> list[str]:
    if name in pollution.INDICES:
        return ["null" if value is None else str(value) for value in values]
    return ["null" if value is None else TENTHS[value] for value in values]


def _grid_point(place: Place) -> tuple[float, float]:
    """The nearest point of the model's grid: of 0.1° in Europe, of 0.4° elsewhere; never named 180° east."""
    per_degree = 10 if pollution.is_in_europe(place) else 2.5
    latitude, longitude = (
        round(round(at * per_degree) / per_degree, 1) + 0.0 for at in (place.latitude, place.longitude)
    )
    return latitude, -180.0 if longitude == 180 else longitude


AIR_QUALITY = Product(
    path="/v1/air-quality",
    hourly=_UNITS,
    daily={},
    usual_days=5,
    most_days=7,
    hourly_kind="VariableOrDerived<CamsVariable, CamsVariableDerived>",
    grid_point=_grid_point,
    sections=_sections,
)
