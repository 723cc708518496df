"""Metric and imperial values of one held series, against values worked out by hand."""

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from tests.support.problems import problem_of
from tests.support.weather.series import make_series
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER as DATASET
from weather.core.forecast import current, daily, daily_units, hourly, hourly_units
from weather.core.units import IMPERIAL, METRIC
from weather.core.variables import EXTRA, HOURLY, HOURS, KNOWN

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"


@pytest.mark.parametrize(
    ("name", "metric", "imperial"),
    [
        ("temperature_2m", -40.0, -40.0),
        ("temperature_2m", 0.0, 32.0),
        ("temperature_2m", 36.6, 97.9),
        ("temperature_2m", -17.8, 0.0),
        ("apparent_temperature", 21.1, 70.0),
        ("wind_speed_10m", 100.0, 62.1),
        ("wind_gusts_10m", 1.6, 1.0),
        ("precipitation", 25.4, 1.0),
        ("precipitation", 0.1, 0.004),
        ("precipitation", 1.0, 0.039),
        ("pressure_msl", 1013.2, 1013.2),
        ("relative_humidity_2m", 76, 76),
        ("wind_direction_10m", 260, 260),
        ("weather_code", 3, 3),
        ("snowfall", 2.54, 1.0),
        ("snowfall", 0.1, 0.039),
        ("snow_depth", 0.61, 2.0),
        ("visibility", 24140, 79200),
        ("freezing_level_height", 1000, 3281),
        ("uv_index", 6.35, 6.35),
    ],
)
@pytest.mark.pure
def test_a_value_in_both_units(name, metric, imperial):
    shown = METRIC.shown(KNOWN[name], metric), IMPERIAL.shown(KNOWN[name], metric)
    assert shown == (metric, imperial)
    assert {*map(type, shown)} == {float if KNOWN[name].decimals > 0 else int}


@pytest.mark.pure
@pytest.mark.parametrize("variable", [*HOURLY, *EXTRA], ids=lambda variable: variable.name)
def test_what_is_unknown_is_unknown_in_every_unit(variable):
    assert METRIC.shown(variable, None) is IMPERIAL.shown(variable, None) is None


@pytest.mark.pure
def test_no_imperial_zero_is_negative():
    assert str(IMPERIAL.shown(KNOWN["temperature_2m"], -17.8)) == "0.0"


@pytest.mark.pure
def test_what_is_between_two_hours_is_rounded_once():
    """10.1 °C and 10.2 °C, half an hour between: 10.15 °C is 50.27 °F, and 10.2 °C, rounded first, would be 50.4 °F."""
    column = [10.1, 10.2] + [0.0] * (HOURS - 2)
    series = make_series(columns={"temperature_2m": column})
    assert current(series, series.start + 1800, IMPERIAL)["temperature_2m"] == 50.3


@pytest.mark.pure
def test_the_sum_of_a_day_is_converted_and_not_a_sum_of_converted_hours():
    """24 hours of 0.01 mm are 0.24 mm, 0.009 inch; each alone would be 0.000 inch."""
    series = make_series(columns={"precipitation": [0.01] * HOURS})
    assert daily(series, series.start, 2, IMPERIAL)["precipitation_sum"][1] == 0.009
    assert hourly(series, series.start, 2, IMPERIAL)["precipitation"][0] == 0.0


@pytest.mark.pure
@given(st.floats(-60, 60).map(lambda value: round(value, 1)))
def test_a_temperature_comes_back_to_within_its_decimals(celsius):
    fahrenheit = IMPERIAL.shown(KNOWN["temperature_2m"], celsius)
    assert fahrenheit is not None and (fahrenheit - 32) / 1.8 == pytest.approx(celsius, abs=0.03)


@pytest.mark.pure
def test_every_value_has_its_unit():
    units = hourly_units(EXTRA, IMPERIAL) | daily_units(EXTRA, IMPERIAL)
    assert set(units.values()) == {
        *("iso8601", "°F", "%", "inch", "wmo code", "hPa", "mp/h", "°", "ft", "", "s", "W/m²", "J/kg"),
    }
    assert not set(hourly_units(EXTRA).values()) & {"°F", "inch", "mp/h", "ft"}


@pytest.mark.pure
def test_the_keys_are_as_promised():
    cell = Cell.parse("40.7", "-74")
    assert Question(DATASET, cell, units="imperial").key == "weather:lat:40.7:lon:-74.0:units:imperial"
    assert Question(DATASET, cell, 7, "imperial").key == "forecast:lat:40.7:lon:-74.0:days:7:units:imperial"
    assert Question(DATASET, cell, 7, "metric").key == "forecast:lat:40.7:lon:-74.0:days:7"


def test_both_units_are_of_one_record_and_one_minute(api, simulator, valkey):
    with time_machine.travel(1_795_500_000, tick=False):
        metric, imperial = api.get(WEATHER).json(), api.get(f"{WEATHER}&units=imperial").json()
    assert simulator.state()["calls"] == 1
    celsius, fahrenheit = metric["current"]["temperature_2m"], imperial["current"]["temperature_2m"]
    assert fahrenheit == pytest.approx(celsius * 1.8 + 32, abs=0.14)
    assert (metric["units"]["wind_speed_10m"], imperial["units"]["wind_speed_10m"]) == ("km/h", "mp/h")
    assert valkey.exists("weather:lat:40.7:lon:-74.0", "weather:lat:40.7:lon:-74.0:units:imperial") == 2


def test_an_imperial_answer_is_found_again(api):
    first, second = (api.get(f"{WEATHER}&units=imperial") for _ in range(2))
    assert second["Cache-Status"].startswith("weathernote; hit")
    assert first.json()["current"] == second.json()["current"]


def test_metric_is_the_default(api, valkey):
    assert api.get(f"{WEATHER}&units=metric").json()["current"] == api.get(WEATHER).json()["current"]
    assert len(valkey.keys("weather:*")) == 1


@pytest.mark.parametrize(
    "query", ["units=", "units=Imperial", "units=us", "units=metric&units=metric", "units=metric,imperial"]
)
@pytest.mark.parametrize("path", [WEATHER, "/api/v1/forecast?lat=1&lon=1"])
def test_other_units_are_refused(api, simulator, path, query):
    body = problem_of(api.get(f"{path}&{query}"), 400, "invalid_parameter")
    assert [error["parameter"] for error in body["errors"]] == ["units"]
    assert simulator.state()["calls"] == 0
