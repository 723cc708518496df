"""Whether a refresh changed values, and whether the old record lacked a run: tables of moments."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from weather.core.runs.comparison import COMPARED_HOURS, EARLY_SECONDS, has_changed, lacked_run
from weather.core.runs.run_times import SETTLED_SECONDS, Run, RunTimes
from weather.core.series import Series

pytestmark = pytest.mark.pure

HOUR = 3600
MIDNIGHT = 1_795_564_800
NOON = MIDNIGHT + 12 * HOUR


def series(
    hours: Mapping[int, float | None] | None = None,
    *,
    start: int = MIDNIGHT,
    rows: int = 72,
    source: str = "open-meteo",
) -> Series:
    """Each hour's temperature is its number from MIDNIGHT on; `hours` replaces."""
    first = (start - MIDNIGHT) // HOUR
    numbered: Sequence[float | None] = [(hours or {}).get(hour, float(hour)) for hour in range(first, first + rows)]
    columns = {"temperature_2m": numbered, "wind_speed_10m": [0.0] * rows}
    return Series(52.5, 13.4, 40.0, "Europe/Berlin", start, columns, start, source)


# Values


def test_the_same_numbers_are_no_change() -> None:
    assert has_changed(series(), series(), NOON) is False


@pytest.mark.parametrize("hour", [12, 13, 12 + COMPARED_HOURS - 1])
def test_a_tenth_of_a_degree_in_one_of_the_coming_hours_is_a_change(hour: int) -> None:
    assert has_changed(series(), series({hour: hour + 0.1}), NOON + 1800) is True


@pytest.mark.parametrize("hour", [0, 11, 12 + COMPARED_HOURS, 71])
def test_the_past_and_the_hours_of_other_models_are_no_change(hour: int) -> None:
    assert has_changed(series(), series({hour: 99.0}), NOON + 1800) is False


def test_a_day_that_has_begun_and_an_hour_at_the_end_are_no_change() -> None:
    next_day = MIDNIGHT + 24 * HOUR
    assert has_changed(series(), series(start=next_day, rows=96), next_day + HOUR) is False


@pytest.mark.parametrize("held", [True, False])
def test_an_hour_that_one_of_the_two_has_no_value_for_is_no_change(held: bool) -> None:
    without = series({13: None})
    assert has_changed(*((without, series()) if held else (series(), without)), NOON) is False


def test_another_variable_may_be_of_another_model() -> None:
    new = series()
    assert has_changed(series(), replace(new, columns={**new.columns, "wind_speed_10m": [9.0] * 72}), NOON) is False


def test_with_no_hour_in_common_there_is_nothing_to_say() -> None:
    assert has_changed(series(rows=12), series(), NOON) is None
    assert has_changed(series(), series(), NOON + 90 * 24 * HOUR) is None
    assert has_changed(series(), replace(series(), columns={"wind_speed_10m": [0.0]}), NOON) is None


def test_a_simulators_record_is_not_held_against_open_meteo() -> None:
    assert has_changed(series(source="simulator"), series({13: 99.0}), NOON) is None


# Runs

#: Runs of 6 and 9 o'clock, there at 8 and 11.
TIMES = RunTimes(
    3 * HOUR,
    (
        Run(MIDNIGHT + 9 * HOUR, MIDNIGHT + 11 * HOUR),
        Run(MIDNIGHT + 6 * HOUR, MIDNIGHT + 8 * HOUR),
        Run(MIDNIGHT + 3 * HOUR, MIDNIGHT + 5 * HOUR),
    ),
    NOON,
)


@pytest.mark.parametrize(("held", "new", "lacked"), [
    # minutes from 11:00, when the newest run came
    (-60, 30, True), (-300, 30, True), (-11, 10, True), (-60, 10, True),
    (15, 30, False), (10, 60, False), (-120, -30, False), (-60, -11, False),
    (-60, 9, None), (-60, 0, None), (-60, -10, None),  # the new one may have it or not
    (-10, 30, None), (0, 30, None), (9, 30, None),  # the old one may have had it
    (-185, 9, None), (-195, 9, True),  # the latter lacks the one of 8:00, whatever became of that of 11:00
])  # fmt: skip
def test_a_record_lacked_a_run_if_that_came_and_settled_in_between(held: int, new: int, lacked: bool | None) -> None:
    came = MIDNIGHT + 11 * HOUR
    assert (EARLY_SECONDS, SETTLED_SECONDS) == (600, 600)
    assert lacked_run(TIMES, came + held * 60, came + new * 60) is lacked


def test_a_record_from_before_the_known_runs_may_have_lacked_others() -> None:
    oldest = TIMES.runs[-1].available
    assert lacked_run(TIMES, oldest - 2 * HOUR, oldest - HOUR) is None
    assert lacked_run(TIMES, oldest - 2 * HOUR, oldest + HOUR) is True
    assert lacked_run(RunTimes(3 * HOUR, (), NOON), NOON - HOUR, NOON) is None
