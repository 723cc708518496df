"""One Redis server as this process sees it: a connection for each thread, and one breaker for all of them."""

import logging
import threading
from collections.abc import Callable, Sequence

import hiredis
from redis import exceptions
from redis.connection import AbstractConnection

from weathernote.redis.breaker import Breaker
from weathernote.redis.connection import Connection, Reply

log = logging.getLogger(__name__)

Command = tuple[str | bytes | int | float, ...]

#: Any reply but those of a server that cannot serve says that it is back; nothing is ever kept under this name.
PROBE: Command = ("GET", "probe")
PAUSE_SECONDS = 0.5
_LOOK_SECONDS = 0.05

#: What a connection can die of; also what a server says instead of letting anyone in, and what comes of garbage.
BROKEN = (exceptions.RedisError, hiredis.HiredisError, OSError, ValueError)

#: Each is called with a reason and a number whenever commands stay without a reply of use:
#: breaker_open, timeout, disconnected, nonsense, unusable (it lets nobody in, or loads), unowned (no node is
#: known for the slot), refused (this one command).
on_lost: list[Callable[[str, int], None]] = []


class RedisDown(Exception):
    """Redis gave no usable reply: it is gone, slow, full, read-only or garbled, or its breaker is open."""


def note_lost(reason: str, commands: int) -> None:
    """Calls each of `on_lost`."""
    for note in on_lost:
        note(reason, commands)


class Node:
    """`new_connection` makes one that is not connected yet, as redis-py's pools do."""

    def __init__(self, name: str, new_connection: Callable[[], AbstractConnection]) -> None:
        self.name = name
        self.breaker = Breaker(pause_seconds=PAUSE_SECONDS)
        self._new_connection = new_connection
        self._mine = threading.local()
        self._closed = threading.Event()
        # Connections from before an outage lead to a server that was: each would cost its thread a timeout.
        self._generation = 0

    def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """The replies to `commands`, sent in one write and never sent twice: a count must not be counted again."""
        return self.receive(self.send(commands), len(commands))

    def each(self, command: Command) -> dict[str, Reply]:
        """Server name → reply; a Cluster has several."""
        return {self.name: self.exchange([command])[0]}

    def masters(self) -> list["Node"]:
        """This one; a Cluster has several."""
        return [self]

    def send(self, commands: Sequence[Command]) -> Connection | RedisDown:
        """Sends the commands and returns the connection for `receive`; other nodes can be sent to in between."""
        # What cannot be written as a command is a mistake of ours, and is raised before anything is sent.
        packed = b"".join(map(hiredis.pack_command, commands))
        if self.breaker.is_open:
            note_lost("breaker_open", len(commands))
            return RedisDown(f"{self.name}: breaker open")
        try:
            connection = self._connected()
            connection.send(packed)
        except BROKEN as error:
            return self._lost(error, len(commands))
        return connection

    def receive(self, connection: Connection | RedisDown, count: int) -> list[Reply]:
        """`count` replies; if one is missing all are RedisDown, as nobody knows which commands the others answer."""
        if isinstance(connection, RedisDown):
            return [connection] * count
        try:
            replies = connection.receive(count)
        except BROKEN as error:
            # Some servers say why before they hang up.
            return [self._lost(connection.refusals[0] if connection.refusals else error, count)] * count
        if connection.refusals:
            return self._sifted(connection, replies)
        self.breaker.succeeded()
        return replies

    @property
    def is_connected(self) -> bool:
        """Whether this thread's next command needs no handshake first."""
        return getattr(self._mine, "connection", None) is not None

    def close(self) -> None:
        """Ends the probes of a server that is not used any more."""
        self._closed.set()

    def _connected(self) -> Connection:
        connection: Connection | None = getattr(self._mine, "connection", None)
        if connection is not None:
            if connection.generation == self._generation and connection.is_quiet():
                return connection
            self._disconnect()
        connection = self._mine.connection = Connection(self._new_connection(), self._generation)
        return connection

    def _disconnect(self) -> None:
        connection = getattr(self._mine, "connection", None)
        if connection is not None:
            self._mine.connection = None
            connection.close()

    def _lost(self, error: Exception, commands: int) -> RedisDown:
        self._disconnect()
        note_lost(_reason(error), commands)
        self._failed(error)
        return RedisDown(f"{self.name}: {type(error).__name__}")

    def _sifted(self, connection: Connection, replies: list[Reply]) -> list[Reply]:
        """The replies, with RedisDown where the server said that it can serve nobody now."""
        unusable = [error for error in connection.refusals if is_unusable(error)]
        if unusable:
            note_lost("unusable", len(unusable))
            self._disconnect()
            self._failed(unusable[0])
            down = RedisDown(f"{self.name}: {unusable[0]}")
            return [down if reply in unusable else reply for reply in replies]
        self.breaker.succeeded()
        if any(isinstance(error, exceptions.ReadOnlyError) for error in connection.refusals) and connection.is_old():
            # A primary that became a replica: its name may lead to the new one by now.
            self._disconnect()
        return replies

    def _failed(self, error: Exception) -> None:
        if not self.breaker.failed():
            return
        self._generation += 1
        detail = f": {error}" if isinstance(error, exceptions.ConnectionError) else ""
        log.warning("Redis %s is down (%s%s); the service goes on without it.", self.name, type(error).__name__, detail)
        try:
            threading.Thread(target=self._look_for_it, name=f"redis-{self.name}", daemon=True).start()
        except RuntimeError:  # no thread to be had: requests go on trying, and pay for it
            self.breaker.succeeded()

    def _look_for_it(self) -> None:
        """Probes in a thread of its own until the server is back, so that no request waits for one that is not."""
        while self.breaker.is_open and not self._closed.wait(_LOOK_SECONDS):
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
            connection.send(hiredis.pack_command(PROBE))
            connection.receive(1)
            return not any(map(is_unusable, connection.refusals))
        except BROKEN:
            return False
        finally:
            if connection is not None:
                connection.close()


def is_unusable(error: Exception) -> bool:
    """Whether the server speaks of itself, and not of the one command or of a slot that no node serves."""
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
    return "nonsense"
