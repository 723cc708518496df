"""One open stream: what it shows, and what waits for its reader to take it."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Literal

from weather.core.cells import Cell
from weather.fetching.admission import Requester
from weather.live import messages
from weather.live.message import Message
from weathernote.telemetry import metrics

Kind = Literal["websocket", "events"]
#: A reader that takes nothing for so long is too slow, and its stream is closed.
SLOW_SECONDS = 25.0

#: Keeps a stream of events open that has nothing to tell; a WebSocket has pings of its own.
PING = Message(None, "", messages.PING_EVENT)

_sending: set[asyncio.Task[None]] = set()  # the loop alone would not keep them from the garbage collector


class Stream:
    """Sends messages one after the other; of those that wait for a slow reader only the last about each cell is kept.

    `write` sends a message and waits while the socket takes none, `end` closes the stream with a code, and `abort` cuts
    the connection, whatever its reader has not taken yet. Thousands are open, so it holds no more than it needs.
    """

    __slots__ = (
        *("kind", "requester", "request_id", "write", "end", "abort", "units", "is_closed"),
        *("sending_since", "last_write", "_waiting"),
    )

    def __init__(
        self,
        kind: Kind,
        requester: Requester,
        request_id: str,
        *,
        write: Callable[[Message], Awaitable[None]],
        end: Callable[[int], Awaitable[None]],
        abort: Callable[[], None],
    ) -> None:
        self.kind = kind
        self.requester = requester
        self.request_id = request_id
        self.write = write
        self.end = end
        self.abort = abort
        #: The cells that it shows, and in which units.
        self.units: dict[Cell, str] = {}
        self.is_closed = False
        #: Since when the message that is being sent waits for the reader; None while nothing is sent.
        self.sending_since: float | None = None
        self.last_write = monotonic()
        self._waiting: dict[Cell | None, Message] | None = None

    def offer(self, message: Message) -> None:
        """Sends the message now, or once the reader has taken what came before it."""
        if self.is_closed:
            return
        if self._waiting is None:
            self._waiting = {}
        elif self._waiting.pop(message.cell, None) is not None:
            metrics.LIVE_DROPPED.labels("replaced").inc()
        self._waiting[message.cell] = message
        if self.sending_since is None:
            self.sending_since = monotonic()
            task = asyncio.get_running_loop().create_task(self._send())
            _sending.add(task)
            task.add_done_callback(_sending.discard)

    def withdraw(self, cell: Cell) -> None:
        """Drops what waits about a cell that the phone does not want any more."""
        if self._waiting:
            self._waiting.pop(cell, None)

    def is_slow(self, now: float) -> bool:
        """Whether the reader has taken nothing of a message for SLOW_SECONDS; `now` as `time.monotonic`."""
        return self.sending_since is not None and now - self.sending_since > SLOW_SECONDS

    def cut(self) -> None:
        """Closes the stream of a reader that does not take so much as its end."""
        if not self.is_closed:
            self.is_closed = True
            metrics.LIVE_DROPPED.labels("slow").inc()
            self.abort()

    async def close(self, code: int) -> None:
        """Ends the stream with a code of WebSocket's (RFC 6455, 7.4), within SLOW_SECONDS."""
        if self.is_closed:
            return
        self.is_closed = True
        try:
            await asyncio.wait_for(self.end(code), SLOW_SECONDS)
        except TimeoutError:  # its reader takes nothing
            self.abort()
        except (OSError, RuntimeError):  # it has just ended by itself; a close on its way must not be cut off
            pass

    async def _send(self) -> None:
        sent = metrics.LIVE_MESSAGES.labels(self.kind)
        try:
            while self._waiting and not self.is_closed:
                cell = next(iter(self._waiting))
                message = self._waiting.pop(cell)
                await self.write(message)
                if message is not PING:
                    sent.inc()
                now = monotonic()
                self.last_write = now
                self.sending_since = now
                if message.heard_at is not None:
                    metrics.LIVE_LAG.observe(now - message.heard_at)
        except (OSError, RuntimeError):  # the connection has ended meanwhile
            self.is_closed = True
        finally:
            self.sending_since = None
            self._waiting = None
