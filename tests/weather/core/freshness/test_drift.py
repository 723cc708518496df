"""What freshness is worth: held against new, as pure functions of two series."""

from dataclasses import replace

import pytest

from weather.core.datasets import WEATHER
from weather.core.freshness import drift
from weather.core.series import Series
from weather.core.variables import HOURLY_NAMES

pytestmark = pytest.mark.pure

NOON = 1_795_348_800
HOURS = 48


def series(fetched_at: int = NOON, **columns: float | None) -> Series:
    """Two days of constant weather."""
    values = dict.fromkeys(HOURLY_NAMES, 1.0) | columns
    held = {name: [value] * HOURS for name, value in values.items()}
    return Series(52.5, 13.4, 40.0, "Europe/Berlin", NOON - 3600, held, fetched_at, "open-meteo")


def drifted(held: Series, new: Series, now: float) -> dict[str, float]:
    assert WEATHER.drift is not None
    return WEATHER.drift.between(held, new, now)


def test_degrees_and_millimetres_are_distances_whichever_way_they_went() -> None:
    held, new = series(temperature_2m=3.5, precipitation=0.2), series(temperature_2m=2.0, precipitation=1.0)
    expected = {"temperature_2m": 1.5, "precipitation": 0.8, "weather_code": 0.0}
    assert drifted(held, new, NOON) == drifted(new, held, NOON) == expected


@pytest.mark.parametrize(("before", "after", "changed"), [(3.0, 3.0, 0.0), (3.0, 95.0, 1.0), (95.0, 3.0, 1.0)])
def test_a_weather_code_changed_or_it_did_not(before: float, after: float, changed: float) -> None:
    assert drifted(series(weather_code=before), series(weather_code=after), NOON)["weather_code"] == changed


def test_what_either_does_not_know_is_left_out() -> None:
    known = {"precipitation", "weather_code"}
    assert set(drifted(series(temperature_2m=None), series(), NOON)) == known
    assert set(drifted(series(), series(temperature_2m=None), NOON)) == known


def test_a_series_that_has_ended_has_nothing_to_compare() -> None:
    assert drifted(series(), series(), NOON + 90 * 86_400) == {}


def test_the_present_is_compared_and_not_the_hours_that_were_fetched() -> None:
    held = series()
    rising = replace(held, columns={**held.columns, "temperature_2m": list(range(HOURS))})
    assert drifted(rising, series(temperature_2m=0.0), NOON)["temperature_2m"] == 1.0
    assert drifted(rising, series(temperature_2m=0.0), NOON + 5 * 3600)["temperature_2m"] == 6.0


@pytest.mark.parametrize(("before", "after", "apart"), [(3.0, 3.01, 0.01), (3.0, 3.004, 0.0), (0.1, 0.3, 0.2)])
def test_distances_are_told_to_the_hundredth(before: float, after: float, apart: float) -> None:
    held, new = series(precipitation=before), series(precipitation=after)
    assert drifted(held, new, NOON)["precipitation"] == apart


@pytest.mark.parametrize(("minutes", "name", "longer"), [
    (10, "10m", "1h"), (60, "1h", "3h"), (3 * 60, "3h", "6h"), (6 * 60, "6h", "12h"), (12 * 60, "12h", "1d"),
    (24 * 60, "1d", "2d"),
])  # fmt: skip
def test_an_age_has_its_name_to_the_last_second(minutes: int, name: str, longer: str) -> None:
    ages = [drift.age_of(series(NOON - minutes * 60 - seconds), NOON) for seconds in (0, 1)]
    assert ages == [name, longer]


@pytest.mark.parametrize(("seconds", "name"), [(-5, "10m"), (0, "10m"), (10**9, "2d")])
def test_every_age_has_one_of_seven_names(seconds: int, name: str) -> None:
    assert drift.age_of(series(NOON - seconds), NOON) == name
