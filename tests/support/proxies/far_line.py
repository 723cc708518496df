"""A TCP proxy for the network between two regions: it adds the time of a round trip, and can be cut and healed."""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Self


class FarLine:
    """Passes bytes between its own `port` and the port `target` of 127.0.0.1, each `round_trip_seconds` / 2 later.

    It never slows a stream, as a long line does not. `target` may be set to another port; connections of before stay
    with the old one until `cut` and `heal`. It runs in a thread of its own until `stop`.
    """

    def __init__(self, target: int, round_trip_seconds: float = 0.0) -> None:
        self.target = target
        self.round_trip_seconds = round_trip_seconds
        self.carried_bytes = 0  # from the target to whoever connected
        self._is_cut = False
        self._is_holding = False
        self._lines: set[_Direction] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="far-line", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        """From now on nothing passes in either direction and nothing is closed, as when a network is gone."""
        self._is_cut = True

    def hold_replies(self) -> None:
        """What the target sends waits until `heal`; what is sent to it passes: a replica that lags, and says so."""
        self._is_holding = True

    def heal(self) -> None:
        """Ends `cut` and the connections of before, which lack bytes; or ends `hold_replies` and passes what waited."""
        self._in_loop(self._heal)

    def _heal(self) -> None:
        was_cut, self._is_cut, self._is_holding = self._is_cut, False, False
        for line in list(self._lines):
            if was_cut:
                line.close()
            else:
                line.flush()

    def move(self, target: int) -> None:
        """Ends every connection and leads new ones to `target`, as a DNS name that is changed."""
        self.target = target
        self._in_loop(self._close_all)

    def _close_all(self) -> None:
        for line in list(self._lines):
            line.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _run(self) -> None:
        loop = self._loop
        server = loop.run_until_complete(
            loop.create_server(lambda: _Direction(self, is_reply=False), sock=self._listener)
        )
        loop.run_forever()
        server.close()
        self._close_all()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    def _in_loop(self, work: Callable[[], None]) -> None:
        done = threading.Event()

        def worked() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(worked)
        done.wait(10)


class _Direction(asyncio.Protocol):
    """The bytes that come from one end of a connection, which are written to the other end after their delay."""

    transport: asyncio.Transport
    other: "_Direction | None" = None

    def __init__(self, line: FarLine, *, is_reply: bool) -> None:
        self.line = line
        self.is_reply = is_reply
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport = transport
        self.line._lines.add(self)
        if not self.is_reply:
            self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        # A handshake takes a round trip's time, before the first bytes may be sent.
        await asyncio.sleep(self.line.round_trip_seconds)
        loop, target = asyncio.get_running_loop(), self.line.target
        try:
            _, self.other = await loop.create_connection(
                lambda: _Direction(self.line, is_reply=True), "127.0.0.1", target
            )
        except OSError:
            self._connecting = None
            self.close()
            return
        self._connecting = None
        self.other.other = self
        self.flush()

    def data_received(self, data: bytes) -> None:
        if self.line._is_cut:
            return
        loop = asyncio.get_running_loop()
        self._waiting.append((loop.time() + self.line.round_trip_seconds / 2, data))
        if self._timer is None:
            self.flush()

    def flush(self) -> None:
        """Writes what is due, and comes again when the next is."""
        self._timer = None
        if self.other is None or (self.is_reply and self.line._is_holding):
            return
        loop = asyncio.get_running_loop()
        while self._waiting:
            due, data = self._waiting[0]
            if due > loop.time():
                self._timer = loop.call_at(due, self.flush)
                return
            self._waiting.popleft()
            if self.is_reply:
                self.line.carried_bytes += len(data)
            if not self.line._is_cut:
                self.other.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.close()

    def close(self) -> None:
        self.line._lines.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self.transport.close()
        other, self.other = self.other, None
        if other is not None:
            other.close()
