"""The scripts of weather.budget.allowance against a model: charges, refunds; answers are in test_allowance.py."""

import math
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support.clocks import SetClock
from tests.support.redis.outage import take_redis_away
from weather.budget.allowance import Allowance, Charge, Exceeded

MIDNIGHT = 1_795_478_400
DAY = 86_400

of_one_server = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


class Reserve:
    """A budget that keeps so much for cold cells, whatever is spent."""

    def __init__(self, hour: float, day: float) -> None:
        self.reserve = {"minute": 0.0, "hour": hour, "day": day}

    def cold_reserve(self) -> dict[str, float]:
        return self.reserve


def allowance_of(hour=100.0, day=1_000.0, cells=30, share=0.1, weight=1.0, now=MIDNIGHT):
    reserve: Any = Reserve(hour, day)
    clock = SetClock(now)
    made = Allowance(reserve, cells_per_client=cells, share_per_address=share, weight_of_a_cell=weight, clock=clock)
    return made, clock


def counts(shared, client="phone", address="street"):
    return (
        int(shared.get(f"cold:client:{client}") or 0),
        *(int(shared.hget(f"cold:address:{address}", f"spent:{length}") or 0) for length in (3600, DAY)),
    )


@of_one_server
@given(
    st.tuples(st.integers(0, 60), st.integers(0, 60)),
    st.integers(1, 12),
    st.sampled_from([0.1, 0.25, 0.5]),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.lists(st.tuples(st.sampled_from(["phone", "tablet"]), st.integers(1, 6)), min_size=1, max_size=8),
)
def test_a_place_is_charged_where_both_the_client_and_the_address_have_one_left(
    shared, reserve, cells, share, weight, asked
):
    shared.flushall()
    allowance, _ = allowance_of(reserve[0], reserve[1], cells=cells, share=share, weight=weight, now=MIDNIGHT + 1000)
    of_client: Counter[str] = Counter()
    of_address = 0
    for client, number in asked:
        outcomes = allowance.charge(client, "street", number)
        # Each of the two counts all that the call asks for, before what the other refused is given back.
        passed_by_client = min(number, cells - of_client[client])
        passed_by_address, refusal = passed(number, of_address, share, [left / weight for left in reserve])
        charged = min(passed_by_client, passed_by_address)
        assert [isinstance(outcome, Charge) for outcome in outcomes] == [True] * charged + [False] * (number - charged)
        for outcome in outcomes[charged:passed_by_client]:
            assert outcome == refusal
        for outcome in outcomes[passed_by_client:]:
            assert (outcome.limit, outcome.quota, outcome.window_seconds) == ("cold-client", cells, 3600)
            assert 0 < outcome.retry_after_seconds <= 3600
        of_client[client] += charged
        of_address += charged
        assert counts(shared, client) == (of_client[client], of_address, of_address)


def passed(number: int, spent: int, share: float, lefts: list[float]) -> tuple[int, Exceeded | None]:
    """How many places an address may have 1,000 seconds past midnight, and what it is told of the next one."""
    for taken in range(number):
        for left, window in zip(lefts, (3600, DAY), strict=True):
            most = max(1, math.floor(share * (left + spent)))
            if spent + 1 > most:
                return taken, Exceeded("cold-address", most, window, window - 1000)
        spent += 1
    return number, None


@pytest.mark.parametrize("number", [1, 2, 5])
def test_what_is_given_back_may_be_taken_again(shared, number):
    allowance, _ = allowance_of(cells=5)
    charges = allowance.charge("phone", "street", 5)
    allowance.give_back(charges[:number])
    assert counts(shared) == (5 - number,) * 3
    again = allowance.charge("phone", "street", number + 1)
    assert [isinstance(charge, Charge) for charge in again] == [True] * number + [False]


def test_no_more_comes_back_than_is_there(shared):
    allowance, _ = allowance_of()
    charges = allowance.charge("phone", "street", 2)
    allowance.give_back(charges * 3)
    assert counts(shared) == (0, 0, 0)


@pytest.mark.parametrize(("later", "left"), [(0, (0, 0, 0)), (3600, (0, 1, 1)), (DAY, (0, 1, 1))])
def test_what_was_taken_of_one_window_is_not_given_back_to_the_next(shared, later, left):
    allowance, clock = allowance_of(now=MIDNIGHT + 100)
    charged = allowance.charge("phone", "street")
    clock.seconds += later
    if later:
        allowance.charge("tablet", "street")
    allowance.give_back(charged)
    assert counts(shared) == left


def test_a_client_whose_hour_has_begun_anew_gets_nothing_back(shared):
    allowance, _ = allowance_of()
    charged = allowance.charge("phone", "street")
    shared.expire("cold:client:phone", 1_800)  # as if another hour had begun
    allowance.give_back(charged)
    assert counts(shared) == (1, 0, 0)


@pytest.mark.parametrize(("apart_ms", "left"), [(900, 0), (-900, 0), (1_500, 1), (-1_500, 1)])
def test_a_window_is_known_by_its_end_to_the_second(shared, apart_ms, left):
    allowance, _ = allowance_of()
    charged = allowance.charge("phone", "street")
    shared.pexpireat("cold:client:phone", shared.pexpiretime("cold:client:phone") + apart_ms)
    allowance.give_back(charged)
    assert counts(shared)[0] == left


def test_one_address_may_have_one_place_though_nothing_is_left(shared):
    allowance, _ = allowance_of(hour=0.0, day=0.0)
    got = allowance.charge("phone", "street", 2)
    assert isinstance(got[0], Charge) and got[1] == Exceeded("cold-address", 1, 3600, 3600)


def test_a_client_that_may_have_none_gets_none_and_may_ask_again_in_a_second(shared):
    allowance, _ = allowance_of(cells=0)
    assert allowance.charge("phone", "street") == [Exceeded("cold-client", 0, 3600, 1)]


def test_an_address_that_may_have_all_is_never_refused(shared):
    allowance, _ = allowance_of(hour=0.0, day=0.0, share=1)
    assert all(isinstance(charge, Charge) for charge in allowance.charge("phone", "street", 9))


def test_a_charge_names_the_windows_that_it_was_taken_from(shared):
    allowance, _ = allowance_of(now=MIDNIGHT + 4000)
    before = int(time.time() * 1000)
    (charge,) = allowance.charge("phone", "street")
    assert (charge.client, charge.address, charge.address_windows) == ("phone", "street", (MIDNIGHT + 3600, MIDNIGHT))
    assert before <= charge.client_window - 3_600_000 <= time.time() * 1000 + 1


def test_the_counts_live_as_long_as_their_windows(shared):
    before = int(time.time() * 1000)
    allowance, _ = allowance_of()
    allowance.charge("phone", "street")
    after = time.time() * 1000
    assert before <= shared.pexpiretime("cold:client:phone") - 3_600_000 <= after
    assert before <= shared.pexpiretime("cold:address:street") - 86_400_000 <= after


def test_a_second_place_does_not_lengthen_the_clients_hour(shared):
    allowance, _ = allowance_of()
    allowance.charge("phone", "street")
    shared.expire("cold:client:phone", 100)
    allowance.charge("phone", "street")
    assert 0 < shared.ttl("cold:client:phone") <= 100


def test_without_a_clock_of_its_own_it_goes_by_that_of_redis(shared):
    reserve: Any = Reserve(100, 1_000)
    allowance = Allowance(reserve, cells_per_client=3, share_per_address=0.1)
    (charge,) = allowance.charge("phone", "street")
    now = time.time()
    assert isinstance(charge, Charge) and charge.address_windows is not None
    assert [0 <= now - start < length + 60 for start, length in zip(charge.address_windows, (3600, DAY), strict=True)]


def test_without_redis_nothing_is_counted(shared, monkeypatch):
    take_redis_away(monkeypatch)
    allowance, _ = allowance_of()
    charges = allowance.charge("phone", "street", 3)
    assert charges == [Charge("phone", "street", None, None)] * 3
    allowance.give_back(charges)
