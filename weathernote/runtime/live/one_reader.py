"""asyncio's queue and event for a single reader: its own take 760 bytes for each deque of waiters, in every stream."""

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class OneReaderQueue(Generic[T]):
    """What asyncio.Queue does, for one task that reads."""

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether nothing is there to be read."""
        return not self._items

    def put_nowait(self, item: T) -> None:
        """Adds an item."""
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def clear(self) -> None:
        """Drops what nobody has read yet."""
        self._items.clear()

    async def get(self) -> T:
        """The next item, once there is one."""
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._items.pop(0)


class Flag:
    """What asyncio.Event does: it is set at first, and hardly ever waited for."""

    __slots__ = ("_waiting", "is_set")

    def __init__(self) -> None:
        self.is_set = True
        self._waiting: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Lets all go on that wait."""
        self.is_set = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        self._waiting = None

    def clear(self) -> None:
        """Has everybody wait from now on."""
        self.is_set = False

    async def wait(self) -> None:
        """Waits until it is set."""
        while not self.is_set:
            if self._waiting is None:
                self._waiting = asyncio.get_running_loop().create_future()
            # One future for all who wait: none may cancel it.
            await asyncio.shield(self._waiting)
