"""How often cells are asked for, and the price of freshness that follows from it."""

import math
import random
import time

import pytest

from tests.support.redis.outage import take_redis_away
from weather.budget import popularity
from weather.budget.popularity import Popularity
from weather.budget.price import Price
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.freshness import refresh_interval
from weather.core.freshness.refresh_interval import Demand
from weathernote import redis
from weathernote.redis import RedisClock

HOUR = 3600
HALF_LIFE = 12 * HOUR
PARIS, OSLO, NOWHERE = Cell(489, 24), Cell(599, 108), Cell(0, -1800)


@pytest.fixture
def popular(shared, clock):
    """Makes the popularity of one more process, on the test's clock."""

    def made(key="popularity:cells", half_life_seconds=HALF_LIFE):
        return Popularity(key, half_life_seconds=half_life_seconds, clock=clock)

    return made


def told(popular, cell, times=1):
    popular.record(cell, times)
    popular.flush()


def rate_of(popular, cell):
    return redis.fetch_one(popular.request_rate(cell))


def test_a_steady_rate_is_read_back_as_it_is(popular, clock):
    seen = popular()
    for _ in range(10 * 12 * 6):  # every ten minutes for ten half-lives
        clock.seconds += 600
        told(seen, PARIS, 60)
    assert rate_of(seen, PARIS) == pytest.approx(0.1, rel=0.02)


def test_a_request_counts_half_after_one_half_life(popular, clock):
    seen = popular()
    told(seen, PARIS, 1_000)
    before = rate_of(seen, PARIS)
    clock.seconds += HALF_LIFE
    assert rate_of(seen, PARIS) == pytest.approx(before / 2)
    told(seen, OSLO, 500)
    assert rate_of(seen, OSLO) == pytest.approx(rate_of(seen, PARIS))


def test_an_unknown_cell_has_no_rate(popular):
    seen = popular()
    assert rate_of(seen, PARIS) == 0
    told(seen, PARIS)
    assert rate_of(seen, NOWHERE) == 0
    assert seen.rates([NOWHERE]) == {}


def test_all_processes_count_together_and_each_reads_it(popular):
    one, other = popular(), popular()
    told(one, PARIS, 3)
    told(other, PARIS, 4)
    told(other, OSLO, 14)
    assert one.rates([OSLO, NOWHERE, PARIS]) == other.rates([OSLO, PARIS])
    assert one.rates([OSLO])[OSLO] == pytest.approx(2 * rate_of(other, PARIS))


def test_the_most_popular_come_first(popular):
    seen = popular()
    for times, cell in enumerate([NOWHERE, OSLO, PARIS], start=1):
        told(seen, cell, times)
    assert list(seen.most_popular(2)) == [PARIS, OSLO]
    assert list(seen.most_popular(100)) == [PARIS, OSLO, NOWHERE]


def test_two_half_lives_run_side_by_side(popular, clock):
    lately, usually = popular("popularity:lately", 1800), popular()
    for seen in (lately, usually):
        told(seen, PARIS, 100)
        clock.seconds += HOUR
        told(seen, OSLO, 50)
    assert list(lately.most_popular(1)) == [OSLO]
    assert list(usually.most_popular(1)) == [PARIS]


def test_counts_outlast_the_range_of_doubles(popular, clock):
    """2,400 half-lives; without rescaling a score would be infinite after 1,024."""
    seen = popular(half_life_seconds=90)
    for _ in range(60):
        clock.seconds += HOUR
        told(seen, PARIS, 7)
        told(seen, OSLO, 14)
    assert rate_of(seen, OSLO) == pytest.approx(14 * math.log(2) / 90)
    assert rate_of(seen, PARIS) == pytest.approx(7 * math.log(2) / 90)


def test_beyond_the_most_the_least_popular_are_forgotten(popular, shared, monkeypatch):
    monkeypatch.setattr(popularity, "MOST_CELLS", 100)
    seen = popular()
    for cell in range(300):
        seen.record(Cell(0, cell), 1 + cell)
    seen.flush()
    assert shared.zcard("popularity:cells") == 101  # and the landmark
    assert set(seen.most_popular(1_000)) == {Cell(0, cell) for cell in range(200, 300)}


def test_names_and_lives_in_redis(popular, shared):
    seen = popular()
    told(seen, PARIS)
    Price({WEATHER: seen}, lambda: 1.0).agree()
    assert set(shared.keys()) == {"popularity:cells", "popularity:price", "popularity:turn"}
    assert shared.ttl("popularity:cells") == pytest.approx(7 * HALF_LIFE, abs=2)
    assert 0 < shared.ttl("popularity:turn") <= 60 and 0 < shared.ttl("popularity:price") <= HOUR


def test_what_lies_under_the_name_and_is_no_set_is_replaced(popular, shared):
    shared.set("popularity:cells", "garbage")
    seen = popular()
    assert rate_of(seen, PARIS) == 0 and seen.rates([PARIS]) == {}
    told(seen, PARIS)
    assert rate_of(seen, PARIS) > 0


def test_redis_own_clock_counts_whatever_the_processes_think(popular):
    wrong = popular()
    wrong.clock = RedisClock(lambda: time.time() + 5 * HOUR)
    told(wrong, PARIS, 100)
    assert rate_of(wrong, PARIS) == pytest.approx(100 * math.log(2) / HALF_LIFE, rel=0.001)


def test_without_redis_nothing_is_known_and_nothing_fails(popular, monkeypatch):
    seen = popular()
    price = Price({WEATHER: seen}, lambda: 1.0)
    take_redis_away(monkeypatch)
    told(seen, PARIS)
    price.agree()
    price.work_out()
    assert rate_of(seen, PARIS) == 0 and seen.rates([PARIS]) == {} and seen.most_popular(5) == {}
    assert price.interval_seconds(0.01, WEATHER.aging) == refresh_interval.SHORTEST_SECONDS


# ── the price ─────────────────────────────────────────────────────────────────────────────────────


def fill(popular, cells):
    for cell, times in cells.items():
        popular.record(cell, times)
    popular.flush()


def towns(number=400, seed=1):
    chance = random.Random(seed)
    return {Cell(at // 100, at % 100): int(chance.paretovariate(0.8) * 20) for at in range(number)}


def test_the_census_gives_the_same_price_as_all_rates(popular):
    seen = popular()
    fill(seen, towns())
    price = Price({WEATHER: seen}, lambda: 500 / 86_400)
    price.work_out()
    exact = refresh_interval.price_of([Demand([(rate, 1) for rate in seen.most_popular(1_000).values()])], 500 / 86_400)
    assert price.active_cells == 400
    assert price.value == pytest.approx(exact, rel=0.02)


def test_one_process_works_it_out_and_the_others_read_it(popular, shared):
    one, other = (Price({WEATHER: popular()}, lambda: 500 / 86_400) for _ in range(2))
    fill(one.popularity[WEATHER], towns())
    one.agree()
    other.agree()
    assert one.active_cells == 400 and other.active_cells == 0
    assert one.value == other.value != 0
    shared.delete("popularity:turn")
    other.agree()
    assert other.active_cells == 400


def test_a_flood_of_cells_asked_for_once_lengthens_no_interval(popular):
    """Row 64."""
    seen = popular()
    fill(seen, towns())
    price = Price({WEATHER: seen}, lambda: 500 / 86_400)
    price.work_out()
    before = price.interval_seconds(0.01, WEATHER.aging)
    fill(seen, {Cell(900 - at // 1_000, at % 1_000): 1 for at in range(20_000)})
    price.work_out()
    assert before <= price.interval_seconds(0.01, WEATHER.aging) <= 1.1 * before


def test_with_nobody_asking_everything_is_as_fresh_as_can_be(popular):
    price = Price({WEATHER: popular()}, lambda: 500 / 86_400)
    price.work_out()
    assert price.interval_seconds(0.01, WEATHER.aging) == refresh_interval.SHORTEST_SECONDS
