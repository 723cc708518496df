"""One Redis server: a connection for each thread, or one that they share for short calls, and one breaker for all."""

import logging
import threading
from collections.abc import Callable, Sequence

import hiredis
from redis import exceptions
from redis.connection import AbstractConnection

from weathernote.redis.connections.connection import Connection, Reply
from weathernote.redis.connections.multiplexer import Call, Lane, Multiplexer
from weathernote.redis.connections.sent import ReadsAlone, Sent
from weathernote.redis.outages.lost import BROKEN, RedisDown, note_lost
from weathernote.redis.outages.probed_breaker import ProbedBreaker
from weathernote.redis.outages.refusals import down, is_unusable, reason_of, refuses_writes
from weathernote.redis.servers.roles import Command, ToPrimary

log = logging.getLogger(__name__)

#: Sent to a server that is down: any reply but that of a server that cannot serve means that it is back. The key never
#: exists.
PROBE: Command = ("GET", "probe")
#: The same to a server that must take writes: a script that may write, without a key, so that a cluster's nodes answer.
WRITING_PROBE: Command = ("EVAL", "#!lua\nreturn 1", 0)
#: Packed commands up to this length are a short call, which shares a connection: a hit's, and most others.
SHORT_CALL_BYTES = 512


class _Own(threading.local):
    """The connection of a thread."""

    connection: Connection | None = None


class Node:
    """A server by its name in logs; `new_connection` makes a redis-py connection that is not connected yet.

    With `must_write` it is the primary of the records. While it refuses writes, being a replica by now or cut off from
    its replicas, commands for the primary count as unanswered; what is meant for its other roles goes on. With
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
        self.breaker = ProbedBreaker(lambda: self._answers(PROBE), self._is_back)
        self.writes = ProbedBreaker(lambda: self._answers(WRITING_PROBE), self._takes_writes_again, failures_to_open=1)
        self._new_connection = new_connection
        self._own = _Own()
        self._multiplexer = Multiplexer(self._exchange_calls) if is_shared else None
        # Raised by an outage: connections from before it are closed unused, as each would cost its thread a timeout.
        # Raised by refused writes too, as the host's name may lead to another server by now.
        self._generation = 0

    def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """The replies to `commands`, sent in one write and never twice, since a request must not be counted twice."""
        packed = _packed(commands)
        if self._multiplexer is None or len(packed) > SHORT_CALL_BYTES or self.writes.is_open:
            return self.receive(self._sent(packed, commands), len(commands))
        return self._multiplexer.call(packed, len(commands))

    def each(self, command: Command) -> dict[str, Reply]:
        """Server name → its reply or RedisDown; a Cluster has more than one entry."""
        return {self.name: self.exchange([command])[0]}

    def masters(self) -> list["Node"]:
        """This node alone; a Cluster has more than one."""
        return [self]

    def refuses(self, command: Command) -> bool:
        """Whether the command would not be sent now, as the server is known to be down."""
        return self.breaker.is_open or (self.writes.is_open and isinstance(command, ToPrimary))

    def send(self, commands: Sequence[Command]) -> Sent:
        """Sends the commands and returns the connection for `receive`; a caller can send to other nodes in between."""
        return self._sent(_packed(commands), commands)

    def _sent(self, packed: bytes, commands: Sequence[Command]) -> Sent:
        if self.writes.is_open and any(isinstance(command, ToPrimary) for command in commands):
            return self._send_reads(commands)
        return self._send(self._own, packed, len(commands))

    def _send_reads(self, commands: Sequence[Command]) -> Sent:
        indexes = [index for index, command in enumerate(commands) if not isinstance(command, ToPrimary)]
        note_lost("breaker_open", len(commands) - len(indexes))
        instead = RedisDown(f"{self.name}: it takes no writes")
        return ReadsAlone(self.send([commands[index] for index in indexes]), indexes, instead) if indexes else instead

    def receive(self, connection: Sent, count: int) -> list[Reply]:
        """`count` replies. If one is missing all are RedisDown: which commands the others answer is unknown."""
        if isinstance(connection, ReadsAlone):
            return self._receive_reads(connection, count)
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

    def _receive_reads(self, sent: ReadsAlone, count: int) -> list[Reply]:
        replies: list[Reply] = [sent.down] * count
        for index, reply in zip(sent.indexes, self.receive(sent.connection, len(sent.indexes)), strict=True):
            replies[index] = reply
        return replies

    @property
    def is_connected(self) -> bool:
        """Whether this thread's next command needs no handshake first."""
        connection = self._own.connection
        return connection is not None and self._is_usable(connection)

    def hand_over(self) -> Connection | None:
        """This thread's connection, which it uses no more; None without one."""
        connection, self._own.connection = self._own.connection, None
        return connection

    def take_over(self, connection: Connection) -> None:
        """Makes a connection that another thread handed over this thread's own."""
        if self._own.connection is not None:
            self._own.connection.close()
        self._own.connection = connection

    def close(self) -> None:
        """Ends the probes of this server, which is not used any more."""
        self.breaker.close()
        self.writes.close()

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
            if connection is None or not self._is_usable(connection):
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

    def _is_usable(self, connection: Connection) -> bool:
        return connection.generation == self._generation and connection.is_reusable()

    def _lost(self, error: Exception, commands: int, calls: int) -> RedisDown:
        note_lost(reason_of(error), commands)
        # Calls that failed together are two failures: one lost packet does not open the breaker, the next failure does.
        self._failed(error, min(calls, 2))
        return down(self.name, error, type(error).__name__)

    def _without_unusable(self, connection: Connection, replies: list[Reply]) -> list[Reply]:
        """The replies, with RedisDown in place of those by which the server says that it can serve nobody now.

        So do those by which a primary says that it takes no writes.
        """
        unusable = [error for error in connection.refusals if is_unusable(error)]
        unwritable = [error for error in connection.refusals if refuses_writes(error)]
        if unusable:
            connection.close()
            self._failed(unusable[0])
        else:
            self.breaker.succeeded()
            if unwritable and self.must_write:
                self._failed_to_write(unwritable[0])
            if unwritable and connection.is_old():
                # A primary that became a replica: its host name may point to the new primary by now.
                connection.close()
        lost = unusable + unwritable if self.must_write else unusable
        if not lost:
            return replies
        note_lost("unusable", len(lost))
        instead = down(self.name, lost[0], str(lost[0]))
        return [instead if reply in lost else reply for reply in replies]

    def _failed(self, error: Exception, failures: int = 1) -> None:
        if not self.breaker.failed(failures):
            return
        self._generation += 1
        if self._multiplexer is not None:
            self._multiplexer.interrupt()
        detail = f": {error}" if isinstance(error, exceptions.ConnectionError) else ""
        log.warning("Redis %s is down (%s%s); the service goes on without it.", self.name, type(error).__name__, detail)
        self.breaker.probe(f"redis-{self.name}")

    def _is_back(self) -> None:
        log.warning("Redis %s is back.", self.name)

    def _failed_to_write(self, error: Exception) -> None:
        if self.writes.is_open or not self.writes.failed():
            return
        self._generation += 1
        reason = str(error).partition(".")[0]
        log.warning("Redis %s takes no writes (%s); the service goes on with reading from it.", self.name, reason)
        self.writes.probe(f"redis-{self.name}-writes")

    def _takes_writes_again(self) -> None:
        self._generation += 1
        log.warning("Redis %s takes writes again.", self.name)

    def _answers(self, probe: Command) -> bool:
        connection = None
        try:
            connection = Connection(self._new_connection(), self._generation)
            connection.send(hiredis.pack_command(probe))
            connection.receive(1)
            return not any(is_unusable(error) or refuses_writes(error) for error in connection.refusals)
        except BROKEN:
            return False
        finally:
            if connection is not None:
                connection.close()


def _packed(commands: Sequence[Command]) -> bytes:
    """Raises for what is no command, which is a programming error, before anything is sent."""
    return b"".join(map(hiredis.pack_command, commands))
