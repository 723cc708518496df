"""Written answers are remembered within bounds of memory, each for as long as its record is the same."""

from dataclasses import replace

import pytest

from weather.core.cells import Cell
from weather.openmeteo_api.finished import Finished, FinishedAnswers, Key, digest
from weather.openmeteo_api.form import Form

pytestmark = pytest.mark.pure

NOW = 1_000
FINISHED = Finished(b"x" * 100, digest(b"identity"), False, NOW, NOW + 60, None)


def key(number: int, form: Form | None = None) -> Key:
    return Key(Cell(number, 0), 0, "GMT", form or Form())


def kept(answers: FinishedAnswers, count: int, record: bytes, form: Form | None = None) -> int:
    for number in range(count):
        answers.put(key(number, form), record, FINISHED)
    return sum(answers.get(key(number, form), record, NOW) is not None for number in range(count))


def test_an_answer_ends_with_its_record_and_with_its_life():
    answers = FinishedAnswers()
    answers.put(key(1), b"record", FINISHED)
    assert answers.get(key(1), b"record", NOW) is FINISHED
    assert answers.get(key(1), b"another", NOW) is answers.get(key(1), None, NOW) is None
    assert answers.get(key(1), b"record", NOW + 60) is None


def test_an_answer_weighs_more_than_its_text():
    assert kept(FinishedAnswers(most_bytes=12_000), 100, b"record") == 10


def test_a_long_question_weighs_more_than_a_short_one():
    assert kept(FinishedAnswers(most_bytes=12_000), 100, b"record", Form(hourly=("is_day",) * 100)) == 1


def test_a_record_is_not_kept_beside_its_answers():
    answers, record = FinishedAnswers(), bytes(4_000)
    assert kept(answers, 10, record) == 10
    assert all(entry[0] == digest(record) and len(entry[0]) == 8 for entry in answers._entries.values())


def test_short_answers_are_bounded_in_number():
    assert kept(FinishedAnswers(most_entries=5), 20, b"record") == 5


def test_an_answer_put_again_is_counted_once():
    answers = FinishedAnswers(most_bytes=3_000)
    for _ in range(10):
        answers.put(key(1), b"record", FINISHED)
    answers.put(key(2), b"record", replace(FINISHED, text=b""))
    assert answers.get(key(1), b"record", NOW) is FINISHED
