"""Which runs the fleet has gone through: each once a day, for all processes, in a real Redis."""

import pytest

from tests.support.clocks import MIDNIGHT
from tests.support.redis.outage import take_redis_away
from weather.core.runs.run_times import Run, RunTimes
from weather.runs import refreshed_runs
from weather.runs.refreshed_runs import DAY_BEGINS_SECONDS, KEY, LIFE_SECONDS, news, note
from weathernote.redis import RedisDown

pytest_plugins = ["tests.support.redis.fixtures"]

HOUR, DAY = 3600, 86_400
NOON = MIDNIGHT + 12 * HOUR
NOW = NOON + 2 * HOUR
TIMES = {
    "dwd_icon_d2": RunTimes(3 * HOUR, (Run(NOON, NOON + HOUR), Run(NOON - 3 * HOUR, NOON - 2 * HOUR)), NOW),
    "ecmwf_ifs": RunTimes(6 * HOUR, (Run(NOON, NOON + HOUR),), NOW),
}
BOTH = {"dwd_icon_d2": NOON, "ecmwf_ifs": NOON}


def test_a_run_is_news_until_it_was_gone_through(here):
    assert news(TIMES, NOW) == BOTH
    note({"ecmwf_ifs": NOON}, NOW)
    assert news(TIMES, NOW) == {"dwd_icon_d2": NOON}


def test_a_run_that_is_not_settled_is_no_news(here):
    assert news(TIMES, NOON + HOUR) == {"dwd_icon_d2": NOON - 3 * HOUR}


def test_a_new_run_is_news_again(here):
    note(BOTH, NOW)
    later = {"ecmwf_ifs": RunTimes(6 * HOUR, (Run(NOON + HOUR, NOON + HOUR),), NOW)}
    assert news(later, NOW) == {"ecmwf_ifs": NOON + HOUR}


def test_once_a_new_day_has_its_price_all_is_news_again(here):
    note(BOTH, NOW)
    assert news(TIMES, MIDNIGHT + DAY + DAY_BEGINS_SECONDS - 1) == {}
    assert news(TIMES, MIDNIGHT + DAY + DAY_BEGINS_SECONDS) == BOTH


def test_the_note_has_a_life(here):
    note(BOTH, NOW)
    assert LIFE_SECONDS - 10 < here.ttl(KEY) <= LIFE_SECONDS


def test_without_runs_redis_is_not_asked(here, round_trips):
    assert news({}, NOW) == {}
    note({}, NOW)
    assert not round_trips


def test_a_foreign_key_tells_of_no_run_and_is_replaced(here):
    here.set(KEY, "foreign")
    assert news(TIMES, NOW) == BOTH
    note(BOTH, NOW)
    assert news(TIMES, NOW) == {}


def test_without_redis_nothing_was_gone_through_and_nothing_can_be_noted(here, monkeypatch):
    note(BOTH, NOW)
    take_redis_away(monkeypatch)
    assert news(TIMES, NOW) == BOTH
    with pytest.raises(RedisDown):
        refreshed_runs.note(BOTH, NOW)
