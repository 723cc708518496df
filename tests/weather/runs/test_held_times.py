"""When records were fetched, in one sorted set in a real Redis."""

import pytest

from tests.support.clocks import MIDNIGHT, SetClock
from weather.core.cells import Cell
from weather.core.windows import CLOCK_SLACK_SECONDS
from weather.runs import held_times
from weather.runs.held_times import HeldTimes
from weathernote import redis

pytest_plugins = ["tests.support.redis.fixtures"]

HOLD_SECONDS = 48 * 3600
BERLIN, TOKYO, NOWHERE = Cell(525, 134), Cell(357, 1397), Cell(0, -1800)
KEY = "fetched:weather"


@pytest.fixture
def clock():
    return SetClock(MIDNIGHT)


@pytest.fixture
def held(here, clock):
    return HeldTimes("weather", HOLD_SECONDS, clock)


def told(held, *cells):
    return redis.fetch_one(held.fetched_at(cells))


def test_what_was_noted_is_told_and_the_rest_left_out(held):
    redis.execute(held.noting({BERLIN: MIDNIGHT - 60, TOKYO: MIDNIGHT}))
    assert told(held, BERLIN, NOWHERE, TOKYO) == {BERLIN: MIDNIGHT - 60, TOKYO: MIDNIGHT}


def test_the_later_fetch_stands_whichever_is_noted_first(held):
    for at in (MIDNIGHT, MIDNIGHT - 60):
        redis.execute(held.noting({BERLIN: at}))
    assert told(held, BERLIN) == {BERLIN: MIDNIGHT}


def test_members_end_with_their_records_and_the_key_with_the_last(held, here, clock):
    redis.execute(held.noting({BERLIN: MIDNIGHT}))
    assert HOLD_SECONDS - 10 < here.ttl(KEY) <= HOLD_SECONDS
    clock.seconds += HOLD_SECONDS
    assert told(held, BERLIN) == {}
    redis.execute(held.noting({TOKYO: int(clock())}))
    assert here.zrange(KEY, 0, -1) == [TOKYO.key]


def test_beyond_the_most_cells_the_oldest_are_forgotten(held, here, monkeypatch):
    surplus = {f"lat:{number / 10}:lon:0.0": MIDNIGHT - 1 for number in range(held_times.MOST_CELLS)}
    here.zadd(KEY, surplus)
    redis.execute(held.noting({BERLIN: MIDNIGHT}))
    assert here.zcard(KEY) == held_times.MOST_CELLS and told(held, BERLIN)


@pytest.mark.parametrize("score", ["inf", "-inf", "0", f"{MIDNIGHT + CLOCK_SLACK_SECONDS + 60}"])
def test_a_time_at_which_nothing_held_was_fetched_is_not_told_and_does_not_stand(held, here, score):
    here.zadd(KEY, {BERLIN.key: score})
    assert told(held, BERLIN) == {}
    redis.execute(held.noting({BERLIN: MIDNIGHT}))
    assert told(held, BERLIN) == {BERLIN: MIDNIGHT}


def test_a_fetch_in_the_future_is_not_noted(held):
    redis.execute(held.noting({BERLIN: MIDNIGHT + CLOCK_SLACK_SECONDS + 60}))
    assert told(held, BERLIN) == {}


def test_a_foreign_key_is_replaced(held, here):
    here.set(KEY, "foreign")
    redis.execute(held.noting({BERLIN: MIDNIGHT}))
    assert told(held, BERLIN) == {BERLIN: MIDNIGHT}
