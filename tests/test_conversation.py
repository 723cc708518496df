"""Slots and the queue, in a real Redis."""

import pytest

from tests.servers import eventually
from weather.cells import Cell
from weather.conversation import Conversation

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
    assert conversation.is_wanted(CELLS[2]) and not conversation.is_wanted(CELLS[0])


def test_every_key_of_it_has_a_life(conversation, valkey):
    conversation.want(CELLS[:1], 6, CELLS[1:2])
    conversation.turn(0)
    assert all(valkey.ttl(key) != -1 for key in valkey.keys("*"))
