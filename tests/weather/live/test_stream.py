"""A stream and its reader, who takes what is sent, or takes nothing."""

import asyncio
from time import monotonic

import pytest

from weather.core.cells import Cell
from weather.fetching.admission import UNIDENTIFIED
from weather.live.message import Message
from weather.live.stream import SLOW_SECONDS, Stream

A, B = Cell(1, 1), Cell(2, 2)


class Reader:
    """Takes messages while `takes` is set; a stream to it, and what became of it."""

    def __init__(self) -> None:
        self.takes = asyncio.Event()
        self.got: list[str] = []
        self.ended: list[int] = []
        self.is_cut = False
        self.stream = Stream("websocket", UNIDENTIFIED, "id", write=self.write, end=self.end, abort=self.abort)

    async def write(self, message: Message) -> None:
        await self.takes.wait()
        if self.is_cut:
            raise ConnectionResetError
        self.got.append(message.text)

    async def end(self, code: int) -> None:
        self.ended.append(code)

    def abort(self) -> None:
        self.is_cut = True
        self.takes.set()


async def pause() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def said(cell: Cell | None, text: str) -> Message:
    return Message(cell, text, text.encode())


def test_what_is_offered_is_sent_in_its_order():
    async def story() -> list[str]:
        reader = Reader()
        reader.takes.set()
        for number in range(3):
            reader.stream.offer(said(A, f"a{number}"))
            await pause()
        return reader.got

    assert asyncio.run(story()) == ["a0", "a1", "a2"]


def test_of_what_waits_for_a_slow_reader_only_the_last_about_each_cell_is_kept():
    async def story() -> list[str]:
        reader = Reader()
        for number in range(1000):
            reader.stream.offer(said(A, f"a{number}"))
            reader.stream.offer(said(B, f"b{number}"))
            if number == 0:
                await pause()  # the first is on its way by now
        reader.takes.set()
        await pause()
        return reader.got

    assert asyncio.run(story()) == ["a0", "a999", "b999"]


def test_what_waits_about_a_cell_that_is_not_wanted_any_more_is_dropped():
    async def story() -> list[str]:
        reader = Reader()
        for cell, text in ((A, "a"), (B, "b")):
            reader.stream.offer(said(cell, text))
        await pause()
        reader.stream.withdraw(B)
        reader.takes.set()
        await pause()
        return reader.got

    assert asyncio.run(story()) == ["a"]


@pytest.mark.parametrize(("seconds", "is_slow"), [(SLOW_SECONDS - 1, False), (SLOW_SECONDS + 1, True)])
def test_a_reader_is_slow_that_takes_nothing_for_long(seconds, is_slow):
    async def story() -> tuple[bool, bool]:
        reader = Reader()
        before = reader.stream.is_slow(monotonic() + seconds)
        reader.stream.offer(said(A, "a"))
        after = reader.stream.is_slow(monotonic() + seconds)
        reader.abort()
        await pause()
        return before, after

    assert asyncio.run(story()) == (False, is_slow)


def test_a_stream_that_was_cut_takes_no_more():
    async def story() -> Reader:
        reader = Reader()
        reader.stream.offer(said(A, "a"))
        await pause()
        reader.stream.cut()
        reader.stream.offer(said(B, "b"))
        await pause()
        return reader

    reader = asyncio.run(story())
    assert reader.is_cut and reader.got == [] and reader.stream.sending_since is None


def test_it_is_closed_once_with_the_code():
    async def story() -> list[int]:
        reader = Reader()
        for code in (1001, 1013):
            await reader.stream.close(code)
        return reader.ended

    assert asyncio.run(story()) == [1001]
