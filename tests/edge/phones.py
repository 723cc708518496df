"""Phones that hold a WebSocket each through an edge, and come back by themselves when it ends."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Self

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.edge.edge_server import OUTSIDE, EdgeServer
from tests.edge.streams import LIVE
from tests.edge.wire import context_of

#: How long a phone waits before it comes back: as real ones do, only shorter.
LONGEST_WAIT_SECONDS = 2.0


class Phone:
    """What one phone shows, and what it went through."""

    def __init__(self, client: str, position: dict[str, str]) -> None:
        self.client = client
        self.position = position
        self.shown: dict[str, Any] = {}
        self.opened_at: list[float] = []
        self.closing_codes: list[int] = []
        self.refusals = 0

    async def live(self, edge: EdgeServer, tls: Any, door: asyncio.Semaphore) -> None:
        """Holds a stream until it is cancelled; comes back after a wait of its own."""
        while True:
            try:
                async with door:
                    stream = await connect(
                        f"wss://127.0.0.1:{edge.edge.https_port}{LIVE}",
                        ssl=tls,
                        local_addr=(OUTSIDE, 0),
                        additional_headers={"x-client-id": self.client},
                        compression=None,
                        proxy=None,
                        open_timeout=60,
                        ping_interval=None,  # the process pings
                    )
            except (OSError, InvalidHandshake):
                self.refusals += 1
            else:
                await self._show(stream)
            await asyncio.sleep(random.uniform(0, LONGEST_WAIT_SECONDS))

    async def _show(self, stream: Any) -> None:
        self.opened_at.append(monotonic())
        try:
            with suppress(ConnectionClosed):
                await stream.send(json.dumps({"type": "subscribe", **self.position}))
                async for text in stream:
                    self.shown = json.loads(text)
        finally:
            await stream.close()
        self.closing_codes.append(stream.close_code)

    @property
    def fetched_at(self) -> str:
        """When the forecast that it shows was fetched; empty where it shows none."""
        return self.shown["weather"]["fetched_at"] if "weather" in self.shown else ""


class Phones:
    """Phones for the `async with` block, spread over positions; so many at a time are at the door."""

    def __init__(
        self, edge: EdgeServer, positions: Sequence[dict[str, str]], number: int, *, at_once: int = 20
    ) -> None:
        self.edge = edge
        self.phones = [Phone(f"phone-{each}", positions[each % len(positions)]) for each in range(number)]
        self._door = at_once
        self._tasks: list[asyncio.Task[None]] = []

    async def until(self, holds: Callable[[Phone], bool], within_seconds: float = 60) -> None:
        """Waits until it holds for every phone; raises AssertionError with what those show for which it does not."""
        end = monotonic() + within_seconds
        while waiting := [phone for phone in self.phones if not holds(phone)]:
            assert monotonic() < end, f"{len(waiting)} of {len(self.phones)}, first: {vars(waiting[0])}"
            await asyncio.sleep(0.05)

    def came_back_since(self, moment: float) -> list[float]:
        """Seconds after `moment` (of the monotonic clock) of each opening since then, in order."""
        return sorted(at - moment for phone in self.phones for at in phone.opened_at if at > moment)

    def told(self, what: str, since: float) -> None:
        """Prints how many came back, when the last was there, and the most in a second."""
        back = self.came_back_since(since)
        most = max(Counter(int(second) for second in back).values(), default=0)
        print(f"{what}: {len(back)} came back, the last after {max(back, default=0):.1f} s, at most {most} in a second")

    async def __aenter__(self) -> Self:
        tls, door = context_of(self.edge), asyncio.Semaphore(self._door)
        self._tasks = [asyncio.create_task(phone.live(self.edge, tls, door)) for phone in self.phones]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
