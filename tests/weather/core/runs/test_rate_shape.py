"""The shape of the local week, learned from counts of past days, and a cell's level with the shape taken out."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clocks import MIDNIGHT
from weather.core.cells import Cell
from weather.core.runs.rate_shape import (
    DAY_HOURS,
    HOUR_SECONDS,
    MOST_DAYS,
    WEEK_HOURS,
    WEEK_SECONDS,
    RateShape,
    local_hour,
    offset_hours,
)

pytestmark = pytest.mark.pure

DAY = 86_400
HALF_LIFE = 12 * HOUR_SECONDS
TODAY = MIDNIGHT // DAY
#: 1970-01-05, a Monday.
MONDAY = 4 * DAY
EVERY_HOUR = RateShape([1 + hour / 100 for hour in range(WEEK_HOURS)])
offsets = st.integers(-12, 12)
moments = st.floats(MONDAY, 2**31)


def _day(day: int, count_of_hour) -> list[int]:
    """The counts of a UTC day in Greenwich, whose hours are `count_of_hour(hour of the day)`."""
    counts = [0] * WEEK_HOURS
    for hour in range(DAY_HOURS):
        counts[local_hour(0, day * DAY + hour * HOUR_SECONDS)] = count_of_hour(hour)
    return counts


def _busy_at_noon(times: int = 1_000):
    return lambda hour: times * (5 if hour == 12 else 1)


@pytest.mark.parametrize(("tenths_lon", "hours"), [(0, 0), (134, 1), (-740, -5), (1799, 12), (-1800, -12)])
def test_local_time_is_by_the_sun(tenths_lon: int, hours: int) -> None:
    assert offset_hours(Cell(0, tenths_lon)) == hours


@pytest.mark.parametrize(
    ("offset", "seconds", "hour"),
    [(0, 0, 0), (-1, 0, 167), (0, WEEK_SECONDS - 1, 167), (1, WEEK_SECONDS - 1, 0), (12, 6 * DAY, 156)],
)
def test_the_week_begins_on_monday_at_local_midnight(offset: int, seconds: int, hour: int) -> None:
    assert local_hour(offset, MONDAY + seconds) == hour


@given(offsets, moments, st.floats(0, WEEK_SECONDS))
def test_where_all_hours_are_alike_weighted_seconds_are_seconds(offset: int, start: float, seconds: float) -> None:
    assert RateShape.flat().seconds(offset, start, start + seconds) == pytest.approx(seconds, abs=1e-3)


@given(offsets, moments, st.floats(0, WEEK_SECONDS / 2), st.floats(0, WEEK_SECONDS / 2))
def test_weighted_seconds_add_up_across_the_weeks_end(offset: int, start: float, one: float, two: float) -> None:
    middle, end = start + one, start + one + two
    parts = EVERY_HOUR.seconds(offset, start, middle) + EVERY_HOUR.seconds(offset, middle, end)
    assert EVERY_HOUR.seconds(offset, start, end) == pytest.approx(parts, abs=1e-2)


def test_the_weight_is_that_of_the_cells_local_hour() -> None:
    start = MONDAY + 23 * HOUR_SECONDS
    assert EVERY_HOUR.seconds(2, start, start + HOUR_SECONDS) == pytest.approx(HOUR_SECONDS * EVERY_HOUR.weights[25])


@pytest.mark.parametrize("end", [MONDAY, MONDAY - 1])
def test_no_time_has_no_weight(end: int) -> None:
    assert EVERY_HOUR.seconds(0, MONDAY, end) == 0


@pytest.mark.parametrize("far", [3 * WEEK_SECONDS, 1e12])
def test_a_time_more_than_a_week_away_counts_as_a_week(far: float) -> None:
    """As by run times that somebody wrote into Redis."""
    whole = EVERY_HOUR.seconds(0, MONDAY, MONDAY + WEEK_SECONDS)
    assert EVERY_HOUR.seconds(0, MONDAY, MONDAY + far) == pytest.approx(whole)


@given(st.lists(st.integers(0, 10**9), min_size=WEEK_HOURS, max_size=WEEK_HOURS), st.integers(1, 28))
def test_weights_are_one_on_average_whatever_was_counted(counts: list[int], ago: int) -> None:
    shape = RateShape.learned({TODAY - ago: counts}, TODAY)
    assert sum(shape.weights) == pytest.approx(WEEK_HOURS) and min(shape.weights) > 0


@pytest.mark.parametrize("ago", [0, -1, MOST_DAYS + 1])
def test_today_the_future_and_what_is_older_than_four_weeks_tell_nothing(ago: int) -> None:
    assert RateShape.learned({TODAY - ago: _day(TODAY - ago, _busy_at_noon())}, TODAY).weights == (1.0,) * WEEK_HOURS


def test_one_day_tells_the_hours_and_nothing_of_weekdays() -> None:
    weights = RateShape.learned({TODAY - 1: _day(TODAY - 1, _busy_at_noon())}, TODAY).weights
    assert weights[12] > 4 * weights[11]
    assert all(weights[hour] == weights[hour % DAY_HOURS] for hour in range(WEEK_HOURS))


def test_a_week_tells_weekdays_too() -> None:
    days = {
        day: _day(day, lambda hour, busy=3 if (day + 3) % 7 >= 5 else 1: 1_000 * busy)
        for day in range(TODAY - 7, TODAY)
    }
    weights = RateShape.learned(days, TODAY).weights
    assert weights[5 * DAY_HOURS] > 2.5 * weights[0]


def test_the_newest_week_counts_most() -> None:
    days = {TODAY - 1: _day(TODAY - 1, _busy_at_noon()), TODAY - 8: _day(TODAY - 8, lambda hour: 1_000)}
    swapped = {TODAY - 8: _day(TODAY - 8, _busy_at_noon()), TODAY - 1: _day(TODAY - 1, lambda hour: 1_000)}
    assert RateShape.learned(days, TODAY).weights[12] > RateShape.learned(swapped, TODAY).weights[12] > 1


def test_few_counts_say_little() -> None:
    assert RateShape.learned({TODAY - 1: _day(TODAY - 1, _busy_at_noon(1))}, TODAY).weights[12] < 1.1


def test_a_day_with_next_to_no_requests_does_not_count_like_the_others() -> None:
    busy = {TODAY - ago: _day(TODAY - ago, lambda hour: 100_000) for ago in (1, 2)}
    idle = {TODAY - 3: _day(TODAY - 3, lambda hour: 10 * (hour == 3))}
    assert RateShape.learned(busy | idle, TODAY).weights[3] == pytest.approx(1, abs=0.01)


# ── levels ────────────────────────────────────────────────────────────────────────────────────────


def _counted_rate(shape: RateShape, offset: int, now: int, counted_seconds: int) -> float:
    """What the decayed counts come to at `now` of a cell with a level of 1, counted for so long."""
    step, decay = 60, math.log(2) / HALF_LIFE
    return sum(
        shape.weights[local_hour(offset, now - ago)] * 2 ** (-ago / HALF_LIFE) * decay * step
        for ago in range(step // 2, counted_seconds, step)
    )


@pytest.mark.parametrize("hour", range(0, 24, 5))
@pytest.mark.parametrize("counted_hours", [2, 12, 24, 48, 200])
def test_a_level_is_the_same_at_each_hour_and_however_long_ago_counting_began(hour: int, counted_hours: int) -> None:
    shape = RateShape([1 + 0.8 * math.sin(2 * math.pi * hour / DAY_HOURS) for hour in range(WEEK_HOURS)])
    now, counted_seconds = MIDNIGHT + hour * HOUR_SECONDS, counted_hours * HOUR_SECONDS
    rate = _counted_rate(shape, 3, now, counted_seconds)
    assert shape.level(rate, 3, now, HALF_LIFE, counted_seconds) == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("counted_seconds", [-1e9, 0, 60, HOUR_SECONDS])
def test_counts_of_minutes_are_taken_as_those_of_an_hour(counted_seconds: float) -> None:
    expected = 1 / (1 - 2 ** (-1 / 12))
    assert RateShape.flat().level(1, 0, MIDNIGHT, HALF_LIFE, counted_seconds) == pytest.approx(expected)


def test_after_many_half_lives_a_level_is_the_rate_where_all_hours_are_alike() -> None:
    assert RateShape.flat().level(0.5, 0, MIDNIGHT, HALF_LIFE) == pytest.approx(0.5)
