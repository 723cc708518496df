"""The queue and the event that each stream has."""

import asyncio

from weathernote.runtime.live.one_reader import Flag, OneReaderQueue


def test_a_queue_gives_items_in_their_order_and_waits_for_the_next():
    async def story() -> list[int]:
        queue: OneReaderQueue[int] = OneReaderQueue()
        assert queue.empty()
        queue.put_nowait(1)
        queue.put_nowait(2)
        got = [await queue.get(), await queue.get()]
        reader = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.put_nowait(3)
        queue.put_nowait(4)
        return [*got, await reader, await queue.get()]

    assert asyncio.run(story()) == [1, 2, 3, 4]


def test_a_reader_that_was_cancelled_loses_nothing_for_the_next():
    async def story() -> int:
        queue: OneReaderQueue[int] = OneReaderQueue()
        reader = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.sleep(0)
        queue.put_nowait(1)
        return await queue.get()

    assert asyncio.run(story()) == 1


def test_all_that_wait_for_a_flag_go_on_when_it_is_set_even_if_one_was_cancelled():
    async def story() -> bool:
        flag = Flag()
        await flag.wait()  # it is set at first
        flag.clear()
        waiting = [asyncio.create_task(flag.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting.pop().cancel()
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        flag.set()
        await asyncio.wait_for(asyncio.gather(*waiting), 30)
        return flag.is_set

    assert asyncio.run(story())
