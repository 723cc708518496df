"""Requests counted by the hour of the local week in a real Redis, and the shape that whole days of them tell."""

from collections import Counter

import pytest

from tests.support.clocks import MIDNIGHT, SetClock
from tests.support.redis.outage import take_redis_away
from weather.core.cells import Cell
from weather.core.runs.rate_shape import RateShape
from weather.runs.local_hours import DAY_SECONDS, EDGE_SECONDS, LIFE_SECONDS, LocalHours

pytest_plugins = ["tests.support.redis.fixtures"]

HOUR = 3600
BERLIN, TOKYO = Cell(525, 134), Cell(357, 1397)
YESTERDAY = f"popularity:hours:{MIDNIGHT // DAY_SECONDS}"
FLAT = RateShape.flat().weights


@pytest.fixture
def clock():
    return SetClock(MIDNIGHT)


@pytest.fixture
def hours(here, clock):
    return LocalHours(clock=clock)


def count_a_day(hours, clock, begin=0, end=DAY_SECONDS, step=HOUR // 2):
    """Counts a day's requests in Berlin, which are ten times as many at noon, and goes on to the next day."""
    for second in range(begin, end, step):
        clock.seconds = MIDNIGHT + second
        is_noon = second // HOUR == 12 - 1
        hours.count(Counter({BERLIN: 1_000 if is_noon else 100}))
    clock.seconds = MIDNIGHT + DAY_SECONDS + 60


def is_busy_at_noon(hours):
    return hours.shape.weights[12] > 5 * hours.shape.weights[11]


def test_requests_are_counted_by_the_local_hour_of_their_cells(hours, here, clock):
    clock.seconds += 5 * HOUR
    hours.count(Counter({BERLIN: 2, TOKYO: 3}))
    hours.count(Counter({BERLIN: 2}))
    counted = {int(hour) % 24: count for hour, count in here.hgetall(YESTERDAY).items() if hour.isdigit()}
    assert counted == {6: "4", 14: "3"}


def test_a_day_lives_as_long_as_shapes_are_learned_from_it(hours, here):
    hours.count(Counter({BERLIN: 1}))
    assert LIFE_SECONDS - 10 < here.ttl(YESTERDAY) <= LIFE_SECONDS


def test_the_shape_is_flat_until_a_day_is_over_and_then_every_process_has_it(hours, clock):
    hours.learn()
    assert hours.shape.weights == FLAT
    count_a_day(hours, clock)
    another = LocalHours(clock=clock)
    for one in (hours, another):
        one.learn()
        assert is_busy_at_noon(one)


@pytest.mark.parametrize(("begin", "end"), [(EDGE_SECONDS + 60, DAY_SECONDS), (0, DAY_SECONDS - EDGE_SECONDS - 60)])
def test_a_day_of_which_the_beginning_or_the_end_is_lacking_tells_nothing(hours, clock, begin, end):
    count_a_day(hours, clock, begin, end)
    hours.learn()
    assert hours.shape.weights == FLAT


def test_past_days_are_read_once_a_day(hours, clock, round_trips):
    count_a_day(hours, clock)
    hours.learn()
    round_trips.clear()
    hours.learn()
    assert not round_trips
    clock.seconds += DAY_SECONDS
    hours.learn()
    assert len(round_trips) == 1


def test_a_clock_that_is_set_back_takes_no_day_from_the_future(hours, clock):
    count_a_day(hours, clock)
    hours.learn()
    clock.seconds -= DAY_SECONDS
    hours.learn()
    assert hours.shape.weights == FLAT


def test_a_foreign_key_is_a_day_without_counts_and_is_replaced(hours, here, clock):
    count_a_day(hours, clock)
    day_before = f"popularity:hours:{MIDNIGHT // DAY_SECONDS - 1}"
    here.set(day_before, "foreign")
    hours.learn()
    assert is_busy_at_noon(hours)
    clock.seconds = MIDNIGHT - 60
    hours.count(Counter({BERLIN: 1}))
    assert here.type(day_before) == "hash"


@pytest.mark.parametrize("field", ["noon", "168", "99999999999999999999", "from", "until"])
def test_a_day_with_a_foreign_field_tells_nothing_and_breaks_nothing(hours, here, clock, field):
    count_a_day(hours, clock)
    here.hset(YESTERDAY, field, "much")
    hours.learn()
    assert hours.shape.weights == FLAT


def test_without_redis_counts_are_lost_and_the_shape_is_learned_when_it_is_back(hours, clock, monkeypatch):
    count_a_day(hours, clock)
    with monkeypatch.context() as gone:
        take_redis_away(gone)
        hours.count(Counter({BERLIN: 1}))
        hours.learn()
        assert hours.shape.weights == FLAT
    hours.learn()
    assert is_busy_at_noon(hours)
