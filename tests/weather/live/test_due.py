"""The questions that are asked for anew."""

import asyncio

import pytest

from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.live.due import Due

METRIC, IMPERIAL, OTHER = (
    Question(WEATHER, Cell(1, 1), None, "metric"),
    Question(WEATHER, Cell(1, 1), None, "imperial"),
    Question(WEATHER, Cell(2, 2), None, "metric"),
)


@pytest.fixture
def due() -> Due:
    return Due()


def test_a_batch_has_no_cell_twice_and_no_more_than_it_may(due):
    due.add([METRIC, IMPERIAL, OTHER], 1.0)
    assert list(asyncio.run(due.take(9))) == [METRIC, OTHER]
    assert list(asyncio.run(due.take(9))) == [IMPERIAL]
    due.add([METRIC, OTHER], 1.0)
    assert list(asyncio.run(due.take(1))) == [METRIC]


def test_that_a_record_is_new_weighs_more_than_that_an_answer_ends(due):
    due.add([METRIC], None)
    due.add([METRIC], 5.0)
    due.add([METRIC], 6.0)
    due.add([METRIC], None)
    assert asyncio.run(due.take(9)) == {METRIC: 5.0}


def test_a_taker_waits_for_a_question_and_another_does_not_get_it_too(due):
    async def two_takers() -> int:
        takers = [asyncio.create_task(due.take(9)) for _ in range(2)]
        await asyncio.sleep(0)
        due.add([METRIC], None)
        done, waiting = await asyncio.wait(takers, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        (left,) = waiting
        left.cancel()
        return len(done)

    assert asyncio.run(two_takers()) == 1


def test_what_nobody_asks_any_more_is_not_taken(due):
    due.add([METRIC, OTHER], None)
    due.discard(METRIC)
    assert len(due) == 1 and list(asyncio.run(due.take(9))) == [OTHER]
