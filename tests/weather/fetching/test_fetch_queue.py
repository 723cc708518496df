"""Slots and the queue, in a real Redis."""

import time
from dataclasses import replace

import pytest

from tests.support.servers import eventually
from tests.weather.core.test_packing import a_series
from weather.budget.budget import Budget
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.fetching.fetch_queue import Conversation
from weather.fetching.store import Store
from weather.fetching.worker import Fetcher
from weathernote.redis import ask

CELLS = [Cell(n, n) for n in range(20)]


@pytest.fixture
def conversation(api):
    return Conversation(slots=1, batch=5, call_seconds=5)


def test_one_holds_the_slot_and_the_others_do_not(conversation):
    conversation.want(CELLS[:1], 6, [])
    turn = conversation.turn(0)
    assert turn is not None and turn.cold == CELLS[:1]
    assert conversation.turn(0) is None
    conversation.end(turn, turn.cold)
    assert (turn := conversation.turn(0)) and turn.cold == []


def test_cold_cells_go_before_refreshes_and_a_batch_is_no_larger_than_it_may(conversation):
    conversation.want([], 6, CELLS[:4])
    conversation.want(CELLS[10:13], 6, [])
    turn = conversation.turn(0)
    assert set(turn.cold) == set(CELLS[10:13])
    assert len(turn.refresh) == 2


def test_a_cell_stands_once_in_the_queue_and_a_waiter_takes_a_refresh_forward(conversation, valkey):
    conversation.want([], 6, CELLS[:1])
    conversation.want([], 6, CELLS[:1])
    conversation.want(CELLS[:1], 6, [])
    conversation.want([], 6, CELLS[:1])
    turn = conversation.turn(0)
    assert (turn.cold, turn.refresh) == (CELLS[:1], [])


def test_a_cell_that_nobody_waits_for_any_more_leaves_the_queue(conversation, valkey):
    conversation.want(CELLS[:1], 0, CELLS[1:2])
    (queue,) = valkey.keys("wanted:*")
    for member, score in valkey.zrange(queue, 0, -1, withscores=True):
        valkey.zadd(queue, {member: score - 100})  # as if the time had passed
    turn = conversation.turn(0)
    assert (turn.cold, turn.refresh) == ([], [])


def test_a_dead_holders_slot_comes_free_by_itself(conversation, valkey):
    """Fault 31."""
    conversation.turn(0)
    (slot,) = valkey.keys("slot:*")
    assert 5000 < valkey.pttl(slot) <= 6000
    valkey.pexpire(slot, 20)
    assert eventually(lambda: conversation.turn(0))


def test_nobody_gives_back_or_keeps_anothers_slot(conversation, valkey):
    """Fault 32: the slot expired in the middle of a long call, and another has it by now."""
    late = conversation.turn(0)
    (slot,) = valkey.keys("slot:*")
    valkey.delete(slot)
    other = conversation.turn(0)
    assert not conversation.renew(late)
    conversation.end(late, [])
    assert valkey.get(slot) == other.token
    assert conversation.renew(other)


def test_each_slot_has_the_cells_that_fall_to_it(api):
    conversation = Conversation(slots=3, batch=50, call_seconds=5)
    conversation.want(CELLS, 6, [])
    taken = [set(turn.cold) for slot in range(3) if (turn := conversation.turn(slot))]
    assert set().union(*taken) == set(CELLS) and sum(map(len, taken)) == len(CELLS)


def test_what_is_dealt_with_is_wanted_no_more(conversation):
    conversation.want(CELLS[:3], 6, [])
    turn = conversation.turn(0)
    conversation.end(turn, CELLS[:2])
    assert conversation.still_wanted(CELLS[:3]) == {CELLS[2]}
    assert [conversation.stands(reply) for reply in ask(*map(conversation.standing, CELLS[1:3]))] == [False, True]


def test_every_key_of_it_has_a_life(conversation, valkey):
    conversation.want(CELLS[:1], 6, CELLS[1:2])
    conversation.turn(0)
    assert all(valkey.ttl(key) != -1 for key in valkey.keys("*"))


# ── two processes' fetchers over one Redis ────────────────────────────────────────────────────────


class Upstream:
    """Answers after `seconds`, and notes each cell that it was asked for."""

    def __init__(self, seconds=0.1):
        self.seconds = seconds
        self.asked = []

    def fetch(self, cells, before_attempt):
        before_attempt(len(cells))
        self.asked += cells
        time.sleep(self.seconds)
        return {cell: replace(a_series(), fetched_at=int(time.time())) for cell in cells}


def two_fetchers(upstream, slots=1):
    def one():
        budget = Budget(minute=600, hour=5000, day=10_000, fleet_processes=2)
        conversation = Conversation(slots, batch=100, call_seconds=5)
        return Fetcher(upstream, Store(WEATHER, 172_800), budget, conversation, wait_seconds=5, fresh_seconds=600)

    return one(), one()


def _wants_nothing(fetcher):
    return lambda: not fetcher._wanted


def commands(valkey):
    return valkey.info("stats")["total_commands_processed"]


def test_a_refresh_that_both_want_is_asked_for_once_and_neither_spins(api, valkey):
    upstream = Upstream()
    for _ in range(5):
        valkey.flushall()
        upstream.asked.clear()
        first, second = two_fetchers(upstream)
        before = commands(valkey)
        for fetcher in (first, second):
            fetcher.refresh(CELLS[0])
        for fetcher in (first, second):
            eventually(_wants_nothing(fetcher))
        assert upstream.asked == [CELLS[0]]
        assert commands(valkey) - before < 500


def test_a_refresh_whose_queue_redis_forgot_is_dropped_and_nobody_spins(api, valkey):
    first, second = two_fetchers(Upstream(seconds=0.5))
    first.refresh(CELLS[0])
    eventually(lambda: valkey.keys("slot:*"))
    second.refresh(CELLS[1])
    eventually(lambda: second._wanted and second._wanted[CELLS[1]].queued_at)
    valkey.flushall()
    before = commands(valkey)
    eventually(lambda: not second._wanted)
    assert commands(valkey) - before < 500


def test_with_several_slots_a_cell_is_still_asked_for_once(api, valkey):
    upstream = Upstream(seconds=0.3)
    first, second = two_fetchers(upstream, slots=2)
    in_slot = {slot: [cell for cell in CELLS if first.conversation.slot_of(cell) == slot] for slot in (0, 1)}
    cold = in_slot[1][0]
    asked_by_second = second.want(cold)
    eventually(lambda: upstream.asked)
    refreshed = first.refresh(in_slot[0][0])
    assert first.want(cold).result(60) and asked_by_second.result(60) and refreshed.result(60)
    assert upstream.asked.count(cold) == 1
