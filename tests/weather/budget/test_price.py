"""The price of freshness: what the processes tell each other of it, for how long, and what is believed."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.budget.popularity import Popularity
from weather.budget.price import Price
from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, WEATHER
from weather.core.freshness import refresh_interval
from weathernote.redis import RedisDown


@pytest.fixture
def popularity(valkey, valkey_server, settings, forget):
    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    forget()
    return Popularity()


def own(value=7.0):
    price = Price({WEATHER: Popularity()}, lambda: 1.0)
    price.value = value
    return price


@pytest.mark.pure
@given(st.floats(min_value=0, allow_infinity=False))
def test_any_price_that_was_told_is_read_back(value):
    assert own().shared().value([repr(value).encode()]) == value


@pytest.mark.pure
@pytest.mark.parametrize(
    "reply", [None, b"", b"much", b"nan", b"inf", b"-inf", b"-0.1", b"-5e-324", [b"1"], RedisDown("gone")]
)
def test_what_is_no_price_leaves_a_process_with_its_own(reply):
    assert own().shared().value([reply]) == 7.0


@pytest.mark.parametrize(("key", "seconds"), [("popularity:turn", 60), ("popularity:price", 3600)])
def test_a_turn_takes_a_minute_and_a_price_outlives_an_hours_silence(popularity, valkey, key, seconds):
    before = int(time.time() * 1000)
    Price({WEATHER: popularity}, lambda: 1.0).agree()
    assert before <= valkey.pexpiretime(key) - seconds * 1000 <= time.time() * 1000


def test_until_it_is_known_every_cell_is_as_fresh_as_can_be(popularity):
    price = Price({WEATHER: popularity}, lambda: 1.0)
    assert (price.value, price.active_cells, price.interval_seconds(0.01, WEATHER.aging)) == (0.0, 0, 600)


def test_one_price_is_worked_out_from_what_is_asked_for_of_all_datasets(popularity, valkey):
    of_air = Popularity(AIR_QUALITY.popularity_key)
    for one in (popularity, of_air):
        for number in range(200):
            one.record(Cell(number, 0), 100)
        one.flush()
    alone = Price({WEATHER: popularity}, lambda: 800 / 86_400)
    together = Price({WEATHER: popularity, AIR_QUALITY: of_air}, lambda: 800 / 86_400)
    alone.work_out()
    together.work_out()
    assert together.value > alone.value > 0 and together.active_cells == 2 * alone.active_cells == 400
    demands = together.demands()
    assert [demand.is_late for demand in demands] == [False, True]
    assert together.value == pytest.approx(refresh_interval.price_of(demands, 800 / 86_400), rel=1e-3)


def test_while_another_has_the_turn_a_process_goes_by_what_was_told(popularity, valkey):
    valkey.set("popularity:turn", "1")
    valkey.set("popularity:price", "42.5")
    price = Price({WEATHER: popularity}, lambda: 1.0)
    price.agree()
    assert price.value == 42.5 and valkey.get("popularity:price") == "42.5"
