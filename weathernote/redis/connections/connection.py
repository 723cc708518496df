"""A connection to a Redis server for one thread at a time: commands in one write, all replies within one timeout."""

import select
import socket
import ssl
import time
from contextlib import suppress
from typing import Any

import hiredis
from redis import exceptions
from redis._parsers.base import BaseParser
from redis.connection import AbstractConnection

Reply = Any

_MORE = object()
_BUFFER_BYTES = 16_384
_OLD_SECONDS = 1.0
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """Connected by redis-py (TCP, TLS, unix; AUTH, SELECT), then read and written without it, in half the time.

    Every method may raise OSError, redis-py's exceptions and hiredis'. After that, or if not all replies were read,
    `is_reusable` is false.
    """

    def __init__(self, connection: AbstractConnection, generation: int = 0) -> None:
        connection.connect()
        self.generation = generation
        self.refusals: list[Exception] = []
        self._connection = connection
        self._timeout_seconds: float = connection.socket_timeout or 0.1
        self._deadline = 0.0
        self._since = time.monotonic()
        self._late_until = 0.0
        self._awaits_replies = self._is_given_up = self.is_closed = False
        sock: Any = connection._sock
        sock.setblocking(False)
        self._socket = sock
        self._decrypted = sock.pending if isinstance(sock, ssl.SSLSocket) else None
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._buffer = bytearray(_BUFFER_BYTES)
        refusals = self.refusals

        def refused(text: str) -> Exception:
            error: Exception = BaseParser.parse_error(text)  # ValueError for what no server writes as an error
            refusals.append(error)
            return error

        self._reader = hiredis.Reader(protocolError=exceptions.InvalidResponse, replyError=refused, notEnoughData=_MORE)

    def is_reusable(self) -> bool:
        """Whether no reply is due and no byte unread: an unread byte is a stray reply or the end of the connection."""
        return not (self._awaits_replies or self._poll.poll(0) or (self._decrypted and self._decrypted()))

    def is_old(self) -> bool:
        """Whether it was made more than a second ago."""
        return time.monotonic() - self._since > _OLD_SECONDS

    def send(self, packed: bytes) -> None:
        """Writes commands, packed for Redis' protocol; the timeout for their replies begins."""
        self._awaits_replies = True
        self.refusals.clear()
        self._deadline, self._late_until = time.monotonic() + self._timeout_seconds, 0.0
        try:
            sent = self._socket.send(packed)
        except _NOT_YET:
            sent = 0
        if sent < len(packed):
            self._socket.settimeout(self._timeout_seconds)
            self._socket.sendall(memoryview(packed)[sent:])
            self._socket.setblocking(False)

    def receive(self, count: int) -> list[Reply]:
        """The replies to `count` commands: bytes, int, lists of these, None, or a ResponseError for a refusal."""
        replies: list[Reply] = []
        gets = self._reader.gets
        while len(replies) < count:
            reply = gets(False)
            if reply is _MORE:
                self._read_more()
            else:
                replies.append(reply)
        if self._reader.has_data():
            raise exceptions.InvalidResponse("more replies than commands")
        self._awaits_replies = False
        return replies

    def interrupt(self) -> None:
        """Ends another thread's wait for replies as if its time were over."""
        self._is_given_up = True
        with suppress(OSError):
            # Not TLS' own, which would take its state away from the thread that reads.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the socket; may be called again."""
        self._awaits_replies = self.is_closed = True
        self._connection.disconnect()

    def _read_more(self) -> None:
        if not (self._decrypted and self._decrypted()):
            now = time.monotonic()
            left_seconds = self._deadline - now
            if left_seconds <= 0:
                # This thread may have waited for another node or for the CPU. What had arrived by then is read, and
                # what belongs to it is waited for as long again, for a long reply comes only as fast as it is read.
                left_seconds = self._late_until - now if self._late_until else 0.0
                self._late_until = self._late_until or now + self._timeout_seconds
            if left_seconds < 0 or not self._poll.poll(left_seconds * 1000):
                raise exceptions.TimeoutError("no reply in time")
        try:
            received = self._socket.recv_into(self._buffer)
        except _NOT_YET:
            return
        if not received and self._is_given_up:
            raise exceptions.TimeoutError("given up")
        if not received:
            raise exceptions.ConnectionError("closed by the server")
        self._reader.feed(self._buffer, 0, received)
