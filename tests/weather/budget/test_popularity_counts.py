"""The counts of weather.budget.popularity against a model of every request; prices are in test_popularity.py."""

import math
import time
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support.clocks import MIDNIGHT
from tests.support.redis.outage import round_trips
from weather.budget import popularity
from weather.budget.popularity import Popularity
from weather.core.cells import Cell
from weathernote import redis

HALF_LIFE = 12 * 3600
of_one_server = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def seen(valkey, valkey_server, settings, forget, clock):
    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    forget()
    return Popularity(clock=clock)


cells = st.integers(0, 4).map(lambda number: Cell(number, -number))
requests = st.lists(st.tuples(st.integers(0, 6 * 3600), cells, st.integers(1, 50)), min_size=1, max_size=25)


@of_one_server
@given(requests)
def test_each_request_counts_half_for_every_half_life_since(seen, valkey, clock, requests):
    valkey.flushall()
    clock.seconds = MIDNIGHT
    asked: dict[Cell, list[float]] = defaultdict(list)
    for seconds, cell, times in requests:
        clock.seconds += seconds
        seen.record(cell, times)
        seen.flush()
        asked[cell] += [clock.seconds] * times
    expected = {
        cell: sum(2 ** ((at - clock.seconds) / HALF_LIFE) for at in moments) * math.log(2) / HALF_LIFE
        for cell, moments in asked.items()
    }
    assert seen.rates(expected) == pytest.approx(expected)
    assert seen.most_popular(10) == pytest.approx(expected)
    best = list(seen.most_popular(2).values())
    assert best == pytest.approx(sorted(expected.values(), reverse=True)[:2])
    for cell, rate in expected.items():
        assert redis.fetch_one(seen.request_rate(cell)) == pytest.approx(rate)


@of_one_server
@given(st.lists(st.integers(1, 400), min_size=1, max_size=40))
def test_the_census_counts_every_cell_asked_for_twice_at_nearly_its_rate(seen, valkey, clock, times):
    valkey.flushall()
    clock.seconds = MIDNIGHT
    for number, asked in enumerate(times):
        seen.record(Cell(0, number), asked)
    seen.flush()
    one = math.log(2) / HALF_LIFE
    told = [rate / one for rate, number in seen.census() for _ in range(number)]
    assert len(told) == sum(asked >= 2 for asked in times)
    for counted, asked in zip(sorted(told), sorted(asked for asked in times if asked >= 2), strict=True):
        # An octave has four steps, and the middle of one stands for it.
        assert asked / 2 ** (1 / 8) <= counted * 1.000001 and counted <= asked * 2 ** (1 / 8) * 1.000001
        assert math.log2(counted / 1.5) * 4 % 1 == pytest.approx(0.5)


@of_one_server
@given(st.floats(0.01, 48), st.integers(1, 5))
def test_a_cell_was_asked_for_within_so_many_hours_or_it_was_not(seen, valkey, clock, hours, others):
    valkey.flushall()
    clock.seconds = MIDNIGHT
    seen.record(Cell(1, 1))
    seen.flush()
    clock.seconds += hours * 3600
    for number in range(others):
        seen.record(Cell(2, number), 2)
    seen.flush()
    asked_for = [seen.asked_for_within(hours * 3600 + late, 10) for late in (-20, 20)]
    assert [Cell(1, 1) in asked for asked in asked_for] == [False, True]
    assert [len(asked) for asked in asked_for] == [others, others + 1]


def test_one_request_is_one(seen):
    seen.record(Cell(1, 1))
    seen.flush()
    assert seen.rates([Cell(1, 1)])[Cell(1, 1)] == pytest.approx(seen.rate_of_one)


def test_nothing_is_counted_twice(seen):
    for _ in range(2):
        seen.flush()
        seen.record(Cell(1, 1), 3)
        seen.flush()
    assert seen.rates([Cell(1, 1)])[Cell(1, 1)] == pytest.approx(6 * seen.rate_of_one)


@pytest.mark.parametrize("number", [99, 100, 101, 102])
def test_only_the_cells_beyond_the_most_are_forgotten(seen, valkey, monkeypatch, number):
    monkeypatch.setattr(popularity, "MOST_CELLS", 100)
    for cell in range(number):
        seen.record(Cell(0, cell), 1 + cell)
    seen.flush()
    assert set(seen.most_popular(1_000)) == {Cell(0, cell) for cell in range(max(0, number - 100), number)}


def test_a_landmark_that_is_ahead_gives_no_request_more_than_its_worth(seen, valkey, clock):
    """As after a failover to a server whose clock is behind."""
    seen.record(Cell(1, 1))
    seen.flush()
    clock.seconds -= HALF_LIFE
    seen.record(Cell(2, 2))
    seen.flush()
    rates = seen.rates([Cell(1, 1), Cell(2, 2)])
    assert rates[Cell(1, 1)] == rates[Cell(2, 2)] > 0


def test_what_was_counted_from_a_landmark_further_ahead_tells_nothing(seen, clock):
    seen.record(Cell(1, 1), 5)
    seen.flush()
    clock.seconds -= HALF_LIFE + 1
    assert set(seen.rates([Cell(1, 1)]).values()) == {0.0} and seen.census() == []
    seen.record(Cell(2, 2))
    seen.flush()
    assert seen.rates([Cell(1, 1), Cell(2, 2)]) == pytest.approx({Cell(2, 2): seen.rate_of_one})


@pytest.mark.parametrize("half_lives", [499, 500, 501, 1_500])
def test_after_a_long_silence_one_request_is_one(seen, clock, half_lives):
    seen.record(Cell(1, 1), 1_000)
    seen.flush()
    clock.seconds += half_lives * HALF_LIFE
    seen.record(Cell(2, 2))
    seen.flush()
    assert seen.rates([Cell(2, 2)])[Cell(2, 2)] == pytest.approx(seen.rate_of_one)


@pytest.mark.parametrize("half_lives", [0, 1, 499, 502])
def test_a_new_landmark_is_no_new_beginning_of_the_counts(seen, clock, half_lives):
    assert seen.counted_seconds(clock()) == math.inf
    seen.record(Cell(1, 1))
    seen.flush()
    clock.seconds += half_lives * HALF_LIFE
    seen.record(Cell(1, 1))
    seen.flush()
    seen.rates([Cell(1, 1)])
    assert seen.counted_seconds(clock()) >= min(half_lives, 10) * HALF_LIFE


def test_both_half_lives_are_told_of_every_request(seen, clock):
    seen.recent = Popularity("popularity:now", half_life_seconds=1800, clock=clock)
    seen.record(Cell(1, 1), 4)
    seen.flush()
    assert seen.recent.rates([Cell(1, 1)])[Cell(1, 1)] == pytest.approx(4 * math.log(2) / 1800)


@pytest.mark.parametrize("half_life_seconds", [1800, 0.5])
def test_the_counts_outlive_seven_half_lives(seen, valkey, clock, half_life_seconds):
    short = Popularity("popularity:now", half_life_seconds=half_life_seconds, clock=clock)
    short.record(Cell(1, 1))
    before = int(time.time() * 1000)
    short.flush()
    life_seconds = math.ceil(7 * half_life_seconds)
    assert before <= valkey.pexpiretime("popularity:now") - life_seconds * 1000 <= time.time() * 1000


def test_a_count_written_by_hand_costs_no_more_than_64_octaves_of_the_census(seen, valkey, monkeypatch):
    seen.record(Cell(1, 1), 2)
    seen.flush()
    valkey.zadd("popularity:cells", {Cell(2, 2).key: 1e300})
    trips = round_trips(monkeypatch)
    seen.census()
    assert max(map(len, trips)) == 64 * 4 + 2


def test_a_count_without_end_is_none(seen, valkey):
    seen.record(Cell(1, 1), 2)
    seen.flush()
    valkey.zadd("popularity:cells", {Cell(2, 2).key: math.inf})
    assert seen.rates([Cell(2, 2)]) == {Cell(2, 2): 0.0}


def test_a_count_below_zero_is_none(seen, valkey):
    seen.record(Cell(1, 1), 2)
    seen.flush()
    valkey.zadd("popularity:cells", {Cell(2, 2).key: -1.0})
    assert seen.rates([Cell(2, 2)]) == {Cell(2, 2): 0.0}


def test_a_cell_asked_for_this_moment_was_asked_for_within_no_time(seen):
    seen.record(Cell(1, 1))
    seen.flush()
    assert seen.asked_for_within(0, 10) == [Cell(1, 1)]
