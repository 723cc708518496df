"""When prewarm runs next, and when a run last succeeded."""

import time

import pytest

from prewarm.runs import schedule
from prewarm.runs.plan import PERIOD_SECONDS
from weathernote import redis

GARBAGE = ("", "garbage", "nan", "inf", "-1", "1e400")


def test_a_run_that_begins_soon_after_another_announces_nothing(api, valkey):
    schedule.begin()
    announced = valkey.get(schedule.NEXT_KEY)
    schedule.begin()
    assert valkey.get(schedule.NEXT_KEY) == announced
    assert 0 < PERIOD_SECONDS - schedule.seconds_to_next_run() < 60


def test_a_good_run_is_stored_with_its_moment(api, valkey):
    schedule.record_good_run()
    assert redis.fetch_one(schedule.last_good_run()) == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("moment", GARBAGE)
def test_what_is_no_moment_counts_as_none(api, valkey, moment):
    valkey.set(schedule.NEXT_KEY, moment)
    valkey.set(schedule.LAST_GOOD_KEY, moment)
    assert schedule.seconds_to_next_run() == PERIOD_SECONDS
    assert redis.fetch_one(schedule.last_good_run()) is None


def test_a_moment_ahead_of_this_machines_clock_is_now(api, valkey):
    valkey.set(schedule.LAST_GOOD_KEY, time.time() + 100)
    assert redis.fetch_one(schedule.last_good_run()) == pytest.approx(time.time(), abs=5)
