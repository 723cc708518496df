"""Redis' clock as a process knows it, and as scripts do."""

import time

import pytest

from tests.support.clocks import SetClock
from weathernote import redis
from weathernote.redis import RedisClock
from weathernote.redis.clock import NOW_LUA

pytest_plugins = ["tests.support.redis.fixtures"]

NOW = redis.script(NOW_LUA + "return string.format('%.3f', now)")


@pytest.mark.pure
@pytest.mark.parametrize("ahead_seconds", [0, 3600, -0.25])
def test_the_clock_goes_on_from_what_redis_told(ahead_seconds):
    machine = SetClock(1_800_000_000)
    clock = RedisClock(machine)
    assert clock.now() == machine.seconds
    clock.synchronize(machine.seconds + ahead_seconds)
    machine.seconds += 10
    assert clock.now() == 1_800_000_010 + ahead_seconds


def test_a_script_takes_the_time_from_redis(here):
    (told,) = redis.execute(NOW("key", RedisClock(lambda: 0.0).script_argument))
    assert abs(float(told) - time.time()) < 5


def test_a_script_goes_by_a_clock_that_is_set(here):
    (told,) = redis.execute(NOW("key", SetClock(1_800_000_000.125).script_argument))
    assert float(told) == 1_800_000_000.125
