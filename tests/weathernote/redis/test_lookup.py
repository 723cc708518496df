"""Lookups: typed values in one round trip, and a stand-in for each that Redis does not give."""

from dataclasses import FrozenInstanceError
from typing import Any, assert_type

import pytest

from tests.support.redis.outage import open_the_breaker
from weathernote import redis
from weathernote.redis import Lookup, RedisDown, Several, Sourced, fetch, fetch_all, fetch_one

pytest_plugins = ["tests.support.redis.fixtures"]


def number(key: str) -> Lookup[int]:
    return Lookup(("GET", key), read=int, without=lambda: -1)


def text(key: str) -> Lookup[str]:
    return Lookup(("GET", key), read=bytes.decode, without=lambda: "unknown")


def total(*keys: str) -> Lookup[int]:
    return Lookup(*(("GET", key) for key in keys), read=lambda *counts: sum(map(int, counts)), without=lambda: 0)


@pytest.fixture
def filled(here):
    here.mset({"a": 1, "b": 2, "c": "three"})
    return here


@pytest.fixture
def sent(monkeypatch):
    """The commands of each round trip."""
    trips: list[tuple[Any, ...]] = []

    def asked(*commands):
        trips.append(commands)
        return redis.ask(*commands)

    monkeypatch.setattr("weathernote.redis.lookup.ask", asked)
    return trips


def test_lookups_of_different_kinds_give_their_values_in_one_round_trip(filled, sent):
    of_a, of_c, of_both = fetch(number("a"), text("c"), total("a", "b"))
    assert_type(of_a, int)
    assert_type(of_c, str)
    assert (of_a, of_c, of_both) == (1, "three", 3)
    assert sent == [(("GET", "a"), ("GET", "c"), ("GET", "a"), ("GET", "b"))]


def test_any_number_of_lookups_of_one_kind_give_a_list(filled, sent):
    values = fetch_all(map(number, "ab"))
    assert_type(values, list[int])
    assert values == [1, 2] and len(sent) == 1
    assert fetch_all([]) == []


def test_one_lookup_gives_its_value(filled):
    assert fetch_one(text("c")) == "three"
    assert fetch(text("c")) == ("three",)


def test_several_lookups_go_as_one_beside_others(filled, sent):
    numbers, said = fetch(Several(map(number, "ab")), text("c"))
    assert_type(numbers, list[int])
    assert (numbers, said) == ([1, 2], "three") and len(sent) == 1
    assert fetch(Several([]), number("a")) == ([], 1)


def test_what_redis_refuses_costs_that_value_alone(filled):
    filled.rpush("list", 1)
    assert fetch(number("list"), number("a"), total("a", "list")) == (-1, 1, 0)
    assert fetch_one(Several(map(number, ("a", "list", "b")))) == [1, -1, 2]


def test_without_redis_each_value_has_its_stand_in(filled, own):
    own().kill()
    open_the_breaker()
    assert fetch(number("a"), text("c"), total("a", "b")) == (-1, "unknown", 0)
    assert fetch(Several(map(number, "ab")), text("c")) == ([-1, -1], "unknown")


def test_without_redis_and_a_stand_in_redis_down_rises(filled, own):
    needed = Lookup(("GET", "a"), read=int)
    assert fetch_one(needed) == 1
    filled.rpush("list", 1)
    with pytest.raises(RedisDown):
        fetch_one(Lookup(("GET", "list"), read=int))
    own().kill()
    for fetched in (lambda: fetch(text("c"), needed), lambda: fetch_one(needed), lambda: fetch_all([needed])):
        with pytest.raises(RedisDown):
            fetched()


@pytest.mark.pure
def test_a_mistake_in_reading_is_not_taken_for_an_outage():
    with pytest.raises(ValueError, match="three"):
        number("c").value([b"three"])


@pytest.mark.pure
def test_a_value_says_whether_it_comes_from_memory():
    remembered: Lookup[Sourced[str]] = Lookup(
        ("GET", "c"), read=lambda said: Sourced(said.decode(), "redis"), without=lambda: Sourced("as seen", "memory")
    )
    assert remembered.value([b"three"]) == ("three", "redis")
    assert remembered.value([RedisDown("gone")]).source == "memory"


@pytest.mark.pure
def test_a_lookup_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        number("a").commands = ()  # type: ignore[misc]


def test_execute_gives_what_redis_said_or_raises(filled):
    assert redis.execute(("GET", "a"), ("INCR", "b")) == [b"1", 3]
    assert redis.execute() == []
    with pytest.raises(RedisDown):
        redis.execute(("GET", "a"), ("INCR", "c"))
