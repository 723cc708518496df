"""One Redis server: a connection for each thread, or one that they share for short calls, and one breaker for all."""

import logging
import threading
from collections.abc import Callable, Sequence

import hiredis
from redis import exceptions
from redis.connection import AbstractConnection

from weathernote.redis.breaker import Breaker
from weathernote.redis.connection import Connection, Reply
from weathernote.redis.multiplexer import Call, Lane, Multiplexer

log = logging.getLogger(__name__)

Word = str | bytes | int | float
Command = tuple[Word, ...]

#: Sent to a server that is down: any reply but that of a server that cannot serve means that it is back. The key never
#: exists.
PROBE: Command = ("GET", "probe")
#: The same to a server that must take writes.
WRITING_PROBE: Command = ("DEL", "probe")
PAUSE_SECONDS = 0.5
#: Packed commands up to this length are a short call, which shares a connection: a hit's, and most others.
SHORT_CALL_BYTES = 512
_PROBE_SECONDS = 0.05

#: What a connection may fail with: network errors, refusals at the handshake, replies that cannot be parsed.
BROKEN = (exceptions.RedisError, hiredis.HiredisError, OSError, ValueError)

#: Listeners, called with a reason and a number of commands that got no usable reply: breaker_open, timeout,
#: disconnected, invalid_reply (it cannot be parsed), unusable (the server admits nobody, or loads its data), unowned
#: (no node is known for the slot), refused (this one command).
on_lost: list[Callable[[str, int], None]] = []


class RedisDown(Exception):
    """Redis gave no usable reply: it is down, slow, full, read-only or garbled, or its breaker is open."""


def note_lost(reason: str, commands: int) -> None:
    """Reports commands that got no usable reply to the listeners in `on_lost`."""
    for note in on_lost:
        note(reason, commands)


class _Own(threading.local):
    """The connection of a thread."""

    connection: Connection | None = None


class Node:
    """A server by its name in logs; `new_connection` makes a redis-py connection that is not connected yet.

    With `must_write` a server that has become a replica counts as down, as its host name may soon be another's. With
    `is_shared` the threads share a connection for short calls; not to a server far away, as a call that comes during a
    round trip waits for its end.
    """

    def __init__(
        self,
        name: str,
        new_connection: Callable[[], AbstractConnection],
        *,
        must_write: bool = False,
        is_shared: bool = False,
    ) -> None:
        self.name = name
        self.must_write = must_write
        self.breaker = Breaker(pause_seconds=PAUSE_SECONDS)
        self._new_connection = new_connection
        self._own = _Own()
        self._multiplexer = Multiplexer(self._exchange_calls) if is_shared else None
        self._closed = threading.Event()
        # Raised by an outage: connections from before it are closed unused, as each would cost its thread a timeout.
        self._generation = 0

    def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """The replies to `commands`, sent in one write and never twice, since a request must not be counted twice."""
        packed = _packed(commands)
        if self._multiplexer is None or len(packed) > SHORT_CALL_BYTES:
            return self.receive(self._send(self._own, packed, len(commands)), len(commands))
        return self._multiplexer.call(packed, len(commands))

    def each(self, command: Command) -> dict[str, Reply]:
        """Server name → its reply or RedisDown; a Cluster has more than one entry."""
        return {self.name: self.exchange([command])[0]}

    def masters(self) -> list["Node"]:
        """This node alone; a Cluster has more than one."""
        return [self]

    def refuses(self, command: Command) -> bool:
        """Whether the command would not be sent now, as the server is known to be down."""
        return self.breaker.is_open

    def send(self, commands: Sequence[Command]) -> Connection | RedisDown:
        """Sends the commands and returns the connection for `receive`; a caller can send to other nodes in between."""
        return self._send(self._own, _packed(commands), len(commands))

    def receive(self, connection: Connection | RedisDown, count: int) -> list[Reply]:
        """`count` replies. If one is missing all are RedisDown: which commands the others answer is unknown."""
        return self._receive(connection, count)

    def _receive(self, connection: Connection | RedisDown, count: int, calls: int = 1) -> list[Reply]:
        if isinstance(connection, RedisDown):
            return [connection] * count
        try:
            replies = connection.receive(count)
        except BROKEN as error:
            connection.close()
            # Some servers send the reason before they close the connection.
            return [self._lost(connection.refusals[0] if connection.refusals else error, count, calls)] * count
        if connection.refusals:
            return self._without_unusable(connection, replies)
        self.breaker.succeeded()
        return replies

    @property
    def is_connected(self) -> bool:
        """Whether this thread's next command needs no handshake first."""
        return self._own.connection is not None and not self._own.connection.is_closed

    def close(self) -> None:
        """Ends the probes of this server, which is not used any more."""
        self._closed.set()

    def _exchange_calls(self, lane: Lane, calls: Sequence[Call]) -> list[Reply]:
        """The replies to all commands of the calls, sent in one write."""
        count = sum(call.count for call in calls)
        sent = self._send(lane, b"".join([call.packed for call in calls]), count, len(calls))
        return self._receive(sent, count, len(calls))

    def _send(self, place: "_Own | Lane", packed: bytes, count: int, calls: int = 1) -> Connection | RedisDown:
        if self.breaker.is_open:
            note_lost("breaker_open", count)
            return RedisDown(f"{self.name}: breaker open")
        try:
            connection = place.connection
            if connection is None or connection.generation != self._generation or not connection.is_reusable():
                place.connection = None
                if connection is not None:
                    connection.close()
                connection = place.connection = Connection(self._new_connection(), self._generation)
            connection.send(packed)
        except BROKEN as error:
            if place.connection is not None:
                place.connection.close()
            return self._lost(error, count, calls)
        return connection

    def _lost(self, error: Exception, commands: int, calls: int) -> RedisDown:
        note_lost(_reason(error), commands)
        # Calls that failed together are two failures: one lost packet does not open the breaker, the next failure does.
        self._failed(error, min(calls, 2))
        return RedisDown(f"{self.name}: {type(error).__name__}")

    def _without_unusable(self, connection: Connection, replies: list[Reply]) -> list[Reply]:
        """The replies, with RedisDown in place of those by which the server says that it can serve nobody now."""
        unusable = [error for error in connection.refusals if self._is_unusable(error)]
        if unusable:
            note_lost("unusable", len(unusable))
            connection.close()
            self._failed(unusable[0])
            down = RedisDown(f"{self.name}: {unusable[0]}")
            return [down if reply in unusable else reply for reply in replies]
        self.breaker.succeeded()
        if any(isinstance(error, exceptions.ReadOnlyError) for error in connection.refusals) and connection.is_old():
            # A primary that became a replica: its host name may point to the new primary by now.
            connection.close()
        return replies

    def _failed(self, error: Exception, failures: int = 1) -> None:
        if not self.breaker.failed(failures):
            return
        self._generation += 1
        if self._multiplexer is not None:
            self._multiplexer.interrupt()
        detail = f": {error}" if isinstance(error, exceptions.ConnectionError) else ""
        log.warning("Redis %s is down (%s%s); the service goes on without it.", self.name, type(error).__name__, detail)
        try:
            threading.Thread(target=self._probe_until_back, name=f"redis-{self.name}", daemon=True).start()
        except RuntimeError:  # no thread available: requests probe, and wait for the timeout
            self.breaker.succeeded()

    def _probe_until_back(self) -> None:
        """Probes in a thread of its own until the server answers, so that no request has to wait for a probe."""
        while self.breaker.is_open and not self._closed.wait(_PROBE_SECONDS):
            if not self.breaker.allows():
                continue
            if self._answers():
                self.breaker.succeeded()
                log.warning("Redis %s is back.", self.name)
            else:
                self.breaker.failed()

    def _answers(self) -> bool:
        connection = None
        try:
            connection = Connection(self._new_connection(), self._generation)
            connection.send(hiredis.pack_command(WRITING_PROBE if self.must_write else PROBE))
            connection.receive(1)
            return not any(map(self._is_unusable, connection.refusals))
        except BROKEN:
            return False
        finally:
            if connection is not None:
                connection.close()

    def _is_unusable(self, error: Exception) -> bool:
        return is_unusable(error) or (self.must_write and isinstance(error, exceptions.ReadOnlyError))


def _packed(commands: Sequence[Command]) -> bytes:
    """Raises for what is no command, which is a programming error, before anything is sent."""
    return b"".join(map(hiredis.pack_command, commands))


def is_unusable(error: Exception) -> bool:
    """Whether the error is about the server, and not about one command or a slot that no node serves."""
    if isinstance(error, exceptions.ClusterDownError):
        return isinstance(error, exceptions.MasterDownError) or "slot" not in str(error).lower()
    return isinstance(error, exceptions.ConnectionError) or str(error).startswith(("BUSY ", "DENIED "))


def _reason(error: Exception) -> str:
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return "timeout"
    if isinstance(error, exceptions.AuthenticationError | exceptions.BusyLoadingError | exceptions.ResponseError):
        return "unusable"
    if isinstance(error, exceptions.ConnectionError | OSError):
        return "disconnected"
    return "invalid_reply"
