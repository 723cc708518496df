"""Open-Meteo's own values against ours, each at its tolerance and beyond it; the rest is in test_verification.py."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.series import Series
from weather.core.variables import FORECAST_DAYS
from weather.simulator.answers.forecast import FORECAST
from weather.simulator.answers.json_text import joined, place_texts
from weather.simulator.call import Asked
from weather.upstream import comparison
from weather.upstream.comparison import Differs
from weather.upstream.validation import read_location
from weather.upstream.weather_plan import WEATHER_PLAN

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC).timestamp()
SANTIAGO = Cell(-334, -707)
#: By how much a current value may differ, in its unit.
TOLERANCES = {
    "temperature_2m": 0.5,
    "relative_humidity_2m": 4,
    "apparent_temperature": 0.8,
    "precipitation": 0.2,
    "precipitation_probability": 3,
    "weather_code": 0,
    "pressure_msl": 0.5,
    "wind_speed_10m": 2,
    "wind_direction_10m": 20,
    "wind_gusts_10m": 2,
}


@pytest.fixture
def document() -> dict[str, Any]:
    """An answer at a full hour, so that no current value is interpolated."""
    query = {name: ",".join(names) for name, names in WEATHER_PLAN.sections.items()} | {
        "latitude": SANTIAGO.latitude,
        "longitude": SANTIAGO.longitude,
        "forecast_days": FORECAST_DAYS,
        "timezone": "auto",
        "timeformat": "unixtime",
    }
    parsed: dict[str, Any] = json.loads(joined(place_texts(Asked.parse(urlencode(query), FORECAST), NOW)))
    return parsed


def series_of(document: dict[str, Any]) -> Series:
    return read_location(document, SANTIAGO, NOW, "simulator", WEATHER)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("name", "tolerance"), TOLERANCES.items())
def test_a_current_value_may_differ_by_its_tolerance_and_no_more(
    document: dict[str, Any], name: str, tolerance: float, sign: int
) -> None:
    series, current = series_of(document), document["current"]
    own = series.columns[name][int(NOW - series.start) // 3600]
    assert own is not None
    # A sum of a quarter of an hour is compared with a quarter of ours.
    reported = own / 4 if name == "precipitation" else own
    current[name] = reported + sign * tolerance
    assert comparison.current(series, document)
    current[name] = reported + sign * (tolerance + 0.5 * (tolerance or 1))
    with pytest.raises(Differs, match=f"^{name} "):
        comparison.current(series, document)


@pytest.mark.parametrize("turn", [-360, 360])
@pytest.mark.parametrize("sign", [-1, 1])
def test_directions_are_compared_around_the_compass(document: dict[str, Any], sign: int, turn: int) -> None:
    series, daily = series_of(document), document["daily"]
    own = list(daily["wind_direction_10m_dominant"])
    daily["wind_direction_10m_dominant"] = [value + turn + sign * 5 for value in own]
    assert comparison.days(series, document)
    daily["wind_direction_10m_dominant"] = [value + turn + sign * 6.5 for value in own]
    with pytest.raises(Differs, match="wind_direction_10m_dominant"):
        comparison.days(series, document)
