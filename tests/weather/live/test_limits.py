"""How many streams a client, an address and all together may have."""

import pytest

from weather.live.limits import Limits


@pytest.fixture
def limits() -> Limits:
    return Limits(of_client=2, of_address=3, of_all=5)


def test_each_limit_refuses_the_stream_that_would_exceed_it(limits):
    for client, address in (("a", "1"), ("a", "1"), ("b", "1"), ("b", "2"), ("c", "3")):
        assert limits.exceeded(client, address) is None
        limits.opened(client, address)
        if limits.open == 2:
            assert limits.exceeded("a", "9") == "client"
        if limits.open == 3:
            assert limits.exceeded("c", "1") == "address"
    assert limits.exceeded("d", "4") == "all"


def test_a_stream_that_ends_makes_room_and_who_has_left_is_forgotten(limits):
    for _ in range(2):
        limits.opened("a", "1")
    limits.closed("a", "1")
    assert limits.exceeded("a", "1") is None
    limits.closed("a", "1")
    assert (limits.open, limits.clients, limits.addresses) == (0, {}, {})


@pytest.mark.parametrize(
    ("limit", "code", "policy"),
    [
        ("client", "rate_limited", '"streams-client";q=2;w=30'),
        ("address", "rate_limited", '"streams-address";q=3;w=30'),
        ("all", "overloaded", None),
    ],
)
def test_the_problem_names_the_limit_and_when_to_come_again(limits, limit, code, policy):
    problem = limits.problem(limit)
    assert (problem.code, problem.policy) == (code, policy)
    assert problem.retry_after_seconds
