"""What the streams of a question share, and which of them are behind."""

import pytest

from weather.core.answers import Answer, Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.live.message import content_of
from weather.live.topic import Topic
from weathernote.http.problems import Problem

QUESTION = Question(WEATHER, Cell(1, 1))


def answer(said: str, ends: str = "08:00", fetched_at: int = 100) -> Answer:
    text = f'{{"said":"{said}","expires_at":"2026-11-26T{ends}:00Z","attribution":"…"}}'.encode()
    return Answer(text, False, fetched_at, 200, None)


@pytest.fixture
def topic() -> Topic:
    return Topic(QUESTION)


def test_content_is_all_but_the_end_of_an_answer():
    assert content_of(answer("rain", "08:00").text) == content_of(answer("rain", "09:00").text)
    assert content_of(answer("rain").text) != content_of(answer("snow").text)
    assert content_of(b"{}") != content_of(b"[]")


def test_streams_that_show_the_same_content_are_not_behind(topic):
    topic.take(answer("rain"))
    one, other, waiting = object(), object(), object()
    topic.streams = {one: topic.content, other: b"something else", waiting: None}
    topic.take(answer("rain", "09:00"))
    assert list(topic.behind(9)) == [[other]]
    topic.take(answer("snow"))
    assert list(topic.behind(1)) == [[one], [other]]


def test_every_tag_of_the_present_content_is_known_and_no_older_one(topic):
    rain, later, snow = answer("rain"), answer("rain", "09:00"), answer("snow")
    topic.take(rain)
    topic.take(later)
    assert topic.content_of_tag(rain.etag) == topic.content_of_tag(later.etag) == topic.content
    topic.take(snow)
    assert topic.content_of_tag(rain.etag) is None and topic.content_of_tag("") is None


def test_a_problem_takes_the_place_of_the_answer_until_there_is_one_again(topic):
    topic.take(answer("rain"))
    shown = topic.content
    topic.refuse(Problem("upstream_unavailable", "gone"), 300.0)
    assert topic.content != shown and topic.ends_at == 300.0 and topic.fetched_at == 100
    topic.take(answer("rain"))
    assert topic.content == shown and topic.problem is None
