"""Finished answers in a real Redis, and what a process remembers of them."""

from dataclasses import replace

import pytest

from tests.support.weather.series import a_series
from weather.api.answer_cache import AnswerCache
from weather.core import answers
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER as DATASET
from weathernote import redis

CELL = Cell(407, -740)
WEATHER, USUAL, UNUSUAL = (
    Question(DATASET, CELL),
    Question(DATASET, CELL, 7),
    Question(DATASET, CELL, 3),
)
NOW = a_series().fetched_at + 60


@pytest.fixture
def clock():
    return [float(NOW)]


@pytest.fixture
def cache(api, clock):
    return AnswerCache(DATASET, now=lambda: clock[0])


def derived(question, life_seconds=600):
    return answers.derive(question, a_series(), NOW, life_seconds, stale=False)


def test_answers_are_stored_as_long_as_they_live_and_unusual_ones_for_a_minute(cache, valkey):
    assert cache.store_answers({question: derived(question) for question in (WEATHER, USUAL, UNUSUAL)}) == 3
    assert [round(life) for life in cache.lives_of([WEATHER, USUAL, UNUSUAL]).values()] == [600, 600, 60]
    assert valkey.get(WEATHER.key) == derived(WEATHER).text.decode()


def test_what_has_ended_is_not_stored(cache, valkey):
    assert cache.store_answers({WEATHER: derived(WEATHER, 0)}) == 0
    assert not valkey.keys() and cache.lives_of([WEATHER]) == {WEATHER: 0}


@pytest.mark.parametrize(("seconds", "stored"), [(-1, 0), (0, 1), (1, 1)])
def test_an_answer_from_an_older_record_replaces_none_where_that_is_asked(cache, valkey, seconds, stored):
    cache.store_answers({WEATHER: derived(WEATHER)})
    series = replace(a_series(), fetched_at=a_series().fetched_at + seconds)
    other = answers.derive(WEATHER, series, NOW, 600, stale=True)
    assert cache.store_answers({WEATHER: other}, unless_newer=True) == stored
    assert valkey.get(WEATHER.key) == (other if stored else derived(WEATHER)).text.decode()


def test_what_is_no_answer_is_replaced_then_too(cache, valkey):
    valkey.lpush(WEATHER.key, "no text")
    valkey.set(USUAL.key, "no answer")
    answered = {question: derived(question) for question in (WEATHER, USUAL)}
    assert cache.store_answers(answered, unless_newer=True) == 2
    assert valkey.get(WEATHER.key) == derived(WEATHER).text.decode()


def test_what_is_stored_is_found(cache):
    assert redis.fetch_one(cache.answer(WEATHER)).answer is None
    cache.store_answers({WEATHER: derived(WEATHER)})
    assert redis.fetch_one(cache.answer(WEATHER)) == (derived(WEATHER), True)


def test_without_redis_it_is_remembered_until_it_ends_and_expired_for_an_hour(cache, clock, monkeypatch):
    cache.store_answers({WEATHER: derived(WEATHER)})
    down = redis.RedisDown("gone")
    lookup = cache.answer(WEATHER)
    assert lookup.value([down]) == (derived(WEATHER), False)
    clock[0] = NOW + 600
    assert lookup.value([down]) == (None, False)
    expired = cache.expired_answer(WEATHER)
    assert expired and expired.stale and expired.expires_at == NOW + 660
    clock[0] = NOW + 600 + 3600
    assert cache.expired_answer(WEATHER) is None


def test_without_redis_nothing_is_stored(cache, monkeypatch):
    monkeypatch.setattr("weathernote.redis.client.ask", lambda *commands: [redis.RedisDown("gone")] * len(commands))
    with pytest.raises(redis.RedisDown):
        cache.store_answers({WEATHER: derived(WEATHER)})
