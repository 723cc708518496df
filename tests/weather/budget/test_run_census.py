"""The popular cells beside the runs of their models, read from a real Redis, and the price that follows."""

import pytest

from tests.support.redis.outage import replace_ask
from weather.budget import run_census
from weather.budget.popularity import Popularity
from weather.budget.price import KEY, TURN_KEY, Price
from weather.budget.run_census import RunCensus
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.runs.run_times import Run, RunTimes
from weather.runs.evidence import Evidence
from weather.runs.held_times import HeldTimes
from weather.runs.known import KnownRuns
from weather.runs.local_hours import LocalHours
from weather.runs.table import RunTable
from weathernote import redis
from weathernote.redis import RedisDown, ask

HOUR = 3600
#: In Germany and in the United States; of the latter's model nothing is known.
BERLIN, DENVER = Cell(525, 134), Cell(397, -1050)
MODEL = "dwd_icon_d2"


@pytest.fixture
def popularity(shared, clock):
    return Popularity(clock=clock)


@pytest.fixture
def census(popularity, clock):
    hours = LocalHours(clock=clock)
    assert WEATHER.areas is not None
    table = RunTable(WEATHER.areas.models)
    now = int(clock())
    runs = tuple(Run(now - 2 * HOUR - n * 3 * HOUR, now - HOUR - n * 3 * HOUR) for n in range(8))
    table.write(MODEL, RunTimes(3 * HOUR, runs, now))
    known = KnownRuns(WEATHER.areas, table, hours, Evidence(WEATHER.areas, table, clock), popularity.counted_seconds)
    return RunCensus(known, popularity, HeldTimes("weather", 48 * HOUR, clock))


@pytest.fixture
def price(census, popularity, clock):
    """Of a fleet that has 1,000 calls left for the ten hours until its day ends."""
    return Price({WEATHER: popularity}, lambda: 1.0, {WEATHER: census}, lambda: (1_000.0, 10 * HOUR), now=clock)


def ask_for(popularity, requests):
    for cell, times in requests.items():
        popularity.record(cell, times)
    popularity.flush()


def hold(census, clock, *cells):
    redis.execute(census.held.noting({cell: int(clock()) - HOUR for cell in cells}))


def test_cells_come_by_popularity_with_the_time_of_their_record_and_without_those_asked_for_once(
    census, popularity, clock, monkeypatch
):
    monkeypatch.setattr(run_census, "_CELLS_AT_ONCE", 2)
    others = [Cell(500, number) for number in range(5)]
    ask_for(popularity, {BERLIN: 50, DENVER: 20, Cell(0, 0): 1} | dict.fromkeys(others, 5))
    hold(census, clock, BERLIN)
    found = list(census.cells())
    assert [one.cell for one in found[:2]] == [BERLIN, DENVER] and {one.cell for one in found[2:]} == set(others)
    assert [one.fetched_at for one in found[:2]] == [clock() - HOUR, None]
    assert found[0].rate == pytest.approx(50 * popularity.rate_of_one)


def test_who_follows_runs_and_who_has_an_interval(census, popularity, clock):
    ask_for(popularity, {BERLIN: 50, DENVER: 20})
    hold(census, clock, BERLIN, DENVER)
    demand, rates = census.demand(clock(), clock() + 10 * HOUR)
    assert demand.number_of_cells == 1 and [number for _, number in rates] == [1]


def test_redis_gone_halfway_is_no_smaller_census(census, popularity, monkeypatch):
    monkeypatch.setattr(run_census, "_CELLS_AT_ONCE", 2)
    ask_for(popularity, dict.fromkeys((Cell(500, number) for number in range(5)), 5))
    asked = []

    def ask_twice(*commands):
        asked.append(commands)
        return ask(*commands) if len(asked) <= 2 else [RedisDown("gone")] * len(commands)

    replace_ask(monkeypatch, ask_twice)
    with pytest.raises(RedisDown):
        list(census.cells())


@pytest.mark.parametrize("score", ["inf", "1e308", "1e300"])
def test_a_count_that_somebody_wrote_breaks_nothing(census, popularity, shared, clock, price, score):
    ask_for(popularity, {BERLIN: 50, DENVER: 20})
    hold(census, clock, BERLIN, DENVER)
    shared.zadd(popularity.key, {BERLIN.key: score, DENVER.key: score})
    price.work_out()
    assert price.is_known


def test_run_times_that_are_believed_no_more_while_the_cells_are_read_break_nothing(
    census, popularity, clock, monkeypatch
):
    ask_for(popularity, {BERLIN: 50})
    hold(census, clock, BERLIN)
    monkeypatch.setattr(KnownRuns, "believed", lambda known, now: {})
    demand, rates = census.demand(clock(), clock() + HOUR)
    assert demand.number_of_cells == 0 and len(rates) == 1


def test_the_price_is_the_one_at_which_calls_come_to_what_is_left_of_the_day(census, popularity, clock, price):
    clock.seconds += 3 * 86_400  # counts have filled up
    now = int(clock())
    runs = tuple(Run(now - 2 * HOUR - n * 3 * HOUR, now - HOUR - n * 3 * HOUR) for n in range(8))
    census.known.table.write(MODEL, RunTimes(3 * HOUR, runs, now))
    cells = [Cell(480 + number % 60, 90 + number // 60) for number in range(3_000)]
    ask_for(popularity, {cell: 5 + number for number, cell in enumerate(cells)})
    for start in range(0, len(cells), 500):
        hold(census, clock, *cells[start : start + 500])
    price.work_out()
    demand, _ = census.demand(now, now + 10 * HOUR)
    assert demand.calls(price.value * 1.05) <= 1_000 <= demand.calls(price.value * 0.95)
    assert price.active_cells == len(cells)


# ── the turn, and whether the price is known ──────────────────────────────────────────────────────


def test_a_price_is_known_once_it_was_worked_out_or_read(price, popularity, shared):
    shared.set(TURN_KEY, "1")
    price.agree()
    assert not price.is_known
    shared.set(KEY, "7.5")
    price.agree()
    assert price.is_known and price.value == 7.5


@pytest.mark.parametrize(("left", "seconds"), [(10 * HOUR, 300), (120.5, 121)])
def test_with_runs_a_turn_takes_five_minutes_and_ends_with_the_day(price, shared, left, seconds):
    price.left_of_the_day = lambda: (1_000.0, left)
    price.agree()
    assert seconds - 10 < shared.ttl(TURN_KEY) <= seconds


def test_where_nobody_asks_the_price_is_nothing_and_known(price):
    price.work_out()
    assert price.value == 0 and price.is_known and price.active_cells == 0


def test_where_nothing_is_left_of_the_day_the_price_is_more_than_any_refresh_is_worth(price, census, popularity, clock):
    ask_for(popularity, {BERLIN: 1_000_000})
    redis.execute(census.held.noting({BERLIN: int(clock()) - 8 * HOUR}))
    price.left_of_the_day = lambda: (0.0, 10 * HOUR)
    price.work_out()
    demand, _ = census.demand(clock(), clock() + 10 * HOUR)
    assert demand.calls(0.0) > demand.calls(price.value) == 0
