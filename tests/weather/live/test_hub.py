"""The hub: who is shown what, and when, with answers that the test gives."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from time import time
from typing import Any, cast

import pytest

from weather.api.answer_cache import Cached
from weather.api.misses import Served
from weather.core.answers import Answer, Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.fetching.admission import UNIDENTIFIED
from weather.live import upkeep
from weather.live.hub import Hub
from weather.live.message import Message
from weather.live.stream import Stream
from weathernote.http.problems import Problem
from weathernote.redis import RedisDown

CELL, ELSEWHERE = Cell(407, -740), Cell(1, 1)
QUESTION = Question(WEATHER, CELL)
GONE = Problem("upstream_unavailable", "gone", retry_after_seconds=30)


def answer(said: str, *, fetched_at: int = 100, life_seconds: float = 600) -> Answer:
    ends = int(time() + life_seconds)
    text = f'{{"said":"{said}","cached":true,"stale":false,"expires_at":"{ends}","attribution":"…"}}'.encode()
    return Answer(text, False, fetched_at, ends, None)


class Service:
    """Stands for Answers: gives what `now` holds for a question, and notes what was asked."""

    def __init__(self) -> None:
        self.now: dict[Question, Any] = {}
        self.asked: list[dict[Question, int]] = []
        self.fetched: list[Question] = []
        self.newer: list[Cell] = []
        self.watched: list[tuple[Cell, int]] = []

    async def present(self, shown: dict[Question, int]) -> dict[Question, Any]:
        self.asked.append(dict(shown))
        return {question: _outcome(self.now[question]) for question in shown if question in self.now}

    async def answer(self, question: Question, found: Cached, requester: object) -> Any:
        self.fetched.append(question)
        return _outcome(self.now.get(question, GONE))

    async def newer_than(self, shown: dict[Cell, int]) -> list[Cell]:
        if self.newer and self.newer[0] is ELSEWHERE:
            self.newer.pop(0)
            raise RedisDown("gone")
        return [cell for cell in self.newer if cell in shown]

    def count_watched(self, streams: list[tuple[Cell, int]]) -> None:
        self.watched += streams


def _outcome(said: Any) -> Any:
    return said if isinstance(said, Problem) else Served(said, "derived", True)


class House:
    """A hub that runs, and streams whose messages are kept."""

    def __init__(self) -> None:
        self.service = Service()
        self.hub = Hub(cast(Any, self.service))
        self.got: list[list[dict[str, Any]]] = []

    def stream(self, question: Question = QUESTION, first: Any = None, last_etag: str = "") -> Stream:
        got: list[dict[str, Any]] = []
        self.got.append(got)

        async def write(message: Message) -> None:
            got.append(json.loads(message.text) if message.text else {})

        async def end(code: int) -> None: ...

        stream = Stream("websocket", UNIDENTIFIED, "id", write=write, end=end, abort=lambda: None)
        self.hub.streams.add(stream)
        topic = self.hub.join(stream, question)
        if first is not None:
            self.hub.welcome(stream, topic, _outcome(first), last_etag)
        return stream

    def said(self, number: int = 0) -> list[Any]:
        """What a stream was told: what its answers said, and the codes of its problems."""
        return [one["weather"]["said"] if "weather" in one else one["problem"]["code"] for one in self.got[number]]


def told(story: Callable[[House], Awaitable[None]]) -> House:
    """Lets the story happen to a house, and a moment pass after it."""

    async def happens() -> House:
        house = House()
        running = asyncio.create_task(house.hub.run())
        await story(house)
        await settle()
        running.cancel()
        return house

    return asyncio.run(happens())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_new_record_reaches_every_stream_of_its_cell_and_no_other():
    async def story(house: House) -> None:
        house.stream(first=answer("rain"))
        house.stream(first=answer("rain"))
        house.stream(Question(WEATHER, ELSEWHERE), first=answer("sun"))
        await settle()
        house.service.now[QUESTION] = answer("snow", fetched_at=200)
        house.hub.hear(CELL.key.encode())

    house = told(story)
    assert [house.said(number) for number in range(3)] == [["rain", "snow"], ["rain", "snow"], ["sun"]]
    assert house.service.asked == [{QUESTION: 100}]  # once for all, and no older forecast will do


def test_both_units_of_a_cell_are_shown_the_new_record():
    imperial = Question(WEATHER, CELL, None, "imperial")

    async def story(house: House) -> None:
        for question in (QUESTION, imperial):
            house.stream(question, first=answer("rain"))
            house.service.now[question] = answer("snow", fetched_at=200)
        await settle()
        house.hub.hear(CELL.key.encode())

    house = told(story)
    assert house.said(0) == house.said(1) == ["rain", "snow"]


@pytest.mark.parametrize("payload", [b"", b"lat:1", b"\xff", b"lat:40.75:lon:1", b"lat:1.0:lon:1.0"])
def test_what_is_published_of_no_cell_that_is_shown_is_ignored(payload):
    async def story(house: House) -> None:
        house.stream(first=answer("rain"))
        house.hub.hear(payload)

    assert told(story).service.asked == []


def test_nothing_is_said_while_nothing_differs_but_the_end():
    async def story(house: House) -> None:
        house.stream(first=answer("rain", life_seconds=600))
        house.service.now[QUESTION] = answer("rain", life_seconds=900)
        house.hub.hear(CELL.key.encode())

    house = told(story)
    assert house.said() == ["rain"] and len(house.service.asked) == 1


def test_an_answer_that_has_ended_is_followed_by_the_next_and_by_one_it_may_have_been():
    async def story(house: House) -> None:
        house.stream(first=answer("rain", life_seconds=-5))
        house.service.now[QUESTION] = answer("sun")
        while not house.service.asked:
            await asyncio.sleep(0.01)

    house = told(story)
    assert house.said() == ["rain", "sun"]
    assert house.service.asked == [{QUESTION: -1}]  # the same forecast will do


def test_a_phone_that_has_the_answer_is_not_sent_it_again_but_what_follows():
    async def story(house: House) -> None:
        first = answer("rain")
        house.stream(first=first, last_etag=first.etag)
        house.stream(first=answer("rain", life_seconds=900), last_etag=first.etag)  # it differs in its end alone
        house.stream(first=first, last_etag='W/"of another day"')
        await settle()
        assert [house.said(number) for number in range(3)] == [[], [], ["rain"]]
        house.service.now[QUESTION] = answer("snow", fetched_at=200)
        house.hub.hear(CELL.key.encode())

    house = told(story)
    assert [house.said(number)[-1] for number in range(3)] == ["snow"] * 3


def test_what_was_shown_to_others_while_the_first_answer_was_on_its_way_is_not_undone():
    async def story(house: House) -> None:
        house.stream(first=answer("rain"))
        late = house.stream()  # it waits for its first answer
        house.service.now[QUESTION] = answer("snow", fetched_at=200)
        house.hub.hear(CELL.key.encode())
        await settle()
        house.hub.welcome(late, house.hub.topics[QUESTION], _outcome(answer("rain")))

    house = told(story)
    assert house.said(1) == ["snow"]


def test_the_phone_that_waited_for_open_meteo_is_told_so():
    async def story(house: House) -> None:
        stream = house.stream()
        fetched = Served(answer("rain"), "fetched", True)
        house.hub.welcome(stream, house.hub.topics[QUESTION], fetched)

    assert told(story).got[0][0]["weather"]["cached"] is False


def test_a_problem_is_said_once_and_ends_with_the_next_answer():
    async def story(house: House) -> None:
        house.stream(first=GONE)
        await settle()
        for said in (GONE, answer("rain")):
            house.service.now[QUESTION] = said
            house.hub.hear(CELL.key.encode())
            await settle()

    assert told(story).said() == ["upstream_unavailable", "rain"]


def test_an_answer_that_one_stream_got_ends_the_problem_that_others_show():
    async def story(house: House) -> None:
        house.stream(first=GONE)
        await settle()
        house.service.now[QUESTION] = answer("rain")
        house.stream(first=answer("rain"))

    house = told(story)
    assert [house.said(number) for number in range(2)] == [["upstream_unavailable", "rain"], ["rain"]]


def test_where_nothing_is_held_any_more_it_is_fetched_for_the_streams():
    async def story(house: House) -> None:
        house.stream(first=answer("rain"))
        house.hub.hear(CELL.key.encode())

    house = told(story)
    assert house.service.fetched == [QUESTION] and house.said() == ["rain", "upstream_unavailable"]


def test_records_that_were_missed_are_looked_for_even_if_redis_goes_once_more(monkeypatch):
    monkeypatch.setattr("weather.live.hub.SHORTEST_PAUSE_SECONDS", 0.01)

    async def story(house: House) -> None:
        house.stream(first=answer("rain"))
        house.service.newer = [ELSEWHERE, CELL]  # the first stands for an outage
        house.service.now[QUESTION] = answer("snow", fetched_at=200)
        house.hub.look_for_missed()
        while not house.service.asked:
            await asyncio.sleep(0.01)

    assert told(story).said() == ["rain", "snow"]


def test_the_first_stream_of_a_cell_is_shown_what_nobody_here_has_listened_to():
    """Its finished answer is that of before a refresh, which a phone that comes back has already."""

    async def story(house):
        house.service.newer = [CELL]
        house.service.now[QUESTION] = answer("refreshed", fetched_at=200)
        house.stream(first=answer("before"), last_etag=answer("before").etag)

    assert told(story).said() == ["refreshed"]


def test_an_error_below_is_tried_again(monkeypatch):
    monkeypatch.setattr("weather.live.hub.SHORTEST_PAUSE_SECONDS", 0.01)

    async def story(house: House) -> None:
        house.stream(first=answer("rain"))
        present, broken = house.service.present, iter([True])

        async def once_broken(shown: dict[Question, int]) -> dict[Question, Any]:
            if next(broken, False):
                raise ValueError("broken")
            return await present(shown)

        house.service.present = once_broken  # type: ignore[method-assign]
        house.service.now[QUESTION] = answer("snow", fetched_at=200)
        house.hub.hear(CELL.key.encode())
        while not house.service.asked:
            await asyncio.sleep(0.01)

    assert told(story).said() == ["rain", "snow"]


def test_nothing_is_kept_of_streams_that_have_ended():
    async def story(house: House) -> None:
        streams = [house.stream(first=answer("rain")) for _ in range(3)]
        for stream in streams:
            house.hub.leave_all(stream)

    hub = told(story).hub
    assert (hub.topics, hub.streams, hub._timers, len(hub._due)) == ({}, set(), {}, 0)


def test_a_watched_cell_counts_once_in_ten_minutes_for_each_of_its_streams():
    async def story(house: House) -> None:
        for _ in range(3):
            house.stream(first=answer("rain"))
        for turn in range(upkeep.COUNT_SECONDS):
            upkeep.count(house.hub, turn)

    assert told(story).service.watched == [(CELL, 3)]


def test_silent_events_are_pinged_and_slow_readers_are_cut():
    async def story(house: House) -> None:
        quiet, slow = house.stream(first=answer("rain")), house.stream(first=answer("rain"))
        quiet.kind = "events"
        await settle()
        slow.sending_since = 0.0
        upkeep.look_after_readers(house.hub, quiet.last_write + upkeep.PING_SECONDS + 1)
        await settle()
        assert slow.is_closed and not quiet.is_closed

    house = told(story)
    assert [len(got) for got in house.got] == [2, 1]
