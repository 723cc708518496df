"""Reads of bodies that do not come back: a thread ends them by shutting their connections down."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple, Self

from django.conf import settings

#: For a body, from the first byte to the last.
DEADLINE_SECONDS = 10
#: A client that neither sends nor receives for this long is gone: longer than any answer takes, shorter than the
#: keep-alive.
SILENT_SECONDS = 20

_CHECK_SECONDS = 2
# In Linux' `struct tcp_info`: milliseconds since data was last sent and received, and how many segments of it were.
_LAST_SENT, _LAST_RECEIVED, _SEGMENTS_RECEIVED, _SEGMENTS_SENT, _TCP_INFO_BYTES = 44, 52, 152, 156, 160
_OPEN_FILES = Path("/proc/self/fd")


class Watcher:
    """One thread that aborts reads which do not come back; it looks at connections only while one lasts."""

    def __init__(self) -> None:
        self._reads: dict[object, tuple[float, str]] = {}
        self._has_reads = threading.Event()
        self._starting = threading.Lock()
        self._is_running = False

    @contextmanager
    def ending(self, address: str) -> Iterator[None]:
        """Aborts a read at the deadline, or when the client falls silent, by shutting its connection down."""
        key = object()
        self._reads[key] = monotonic(), address
        self._has_reads.set()
        self._start()
        try:
            yield
        finally:
            del self._reads[key]

    def _start(self) -> None:
        if self._is_running:
            return
        with self._starting:
            if not self._is_running:
                threading.Thread(target=self._run, daemon=True, name="body-watch").start()
                self._is_running = True

    def _run(self) -> None:
        unanswered: dict[object, float] = {}
        while True:
            self._has_reads.clear()
            if not self._reads:  # looked at after `clear`, so that no read is missed
                unanswered = {}
                self._has_reads.wait()
            sleep(_CHECK_SECONDS)
            now = monotonic()
            lasting = {address for began, address in list(self._reads.values()) if now - began >= _CHECK_SECONDS / 2}
            unanswered = _abort_overdue(lasting, unanswered, now)


def _abort_overdue(addresses: set[str], before: dict[object, float], now: float) -> dict[object, float]:
    """Shuts overdue connections of these addresses down; returns since when each has been without an answer."""
    # How the overdue connection is found: granian does not give the client's port, and an edge has many connections
    # from one address, so it is recognised by its traffic: for as long as the deadline it has received data and
    # sent none.
    unanswered: dict[object, float] = {}
    for address in addresses:
        for connection in _connections_of(address):
            with connection, suppress(OSError):
                traffic = _Traffic.of(connection)
                lasts_seconds = 0.0
                if traffic.is_unanswered:
                    key = connection.getpeername(), traffic.segments_sent
                    unanswered[key] = before.get(key, now)
                    lasts_seconds = now - unanswered[key]
                # If nothing arrived since, the body is complete and we are the slow side.
                is_overdue = lasts_seconds >= DEADLINE_SECONDS and traffic.received_ago_seconds < lasts_seconds
                if is_overdue or traffic.silent_seconds >= SILENT_SECONDS:
                    connection.shutdown(socket.SHUT_RD)
    return unanswered


#: The watcher of this process.
watcher = Watcher()


class _Traffic(NamedTuple):
    """The kernel's figures about the data of a TCP connection."""

    sent_ago_seconds: float
    received_ago_seconds: float
    segments_received: int
    segments_sent: int

    @classmethod
    def of(cls, connection: socket.socket) -> Self:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        sent_ago, received_ago, received, sent = (
            struct.unpack_from("=I", info, at)[0]
            for at in (_LAST_SENT, _LAST_RECEIVED, _SEGMENTS_RECEIVED, _SEGMENTS_SENT)
        )
        return cls(sent_ago / 1000, received_ago / 1000, received, sent)

    @property
    def silent_seconds(self) -> float:
        return min(self.sent_ago_seconds, self.received_ago_seconds)

    @property
    def is_unanswered(self) -> bool:
        is_first = bool(self.segments_received) and not self.segments_sent
        return is_first or self.received_ago_seconds < self.sent_ago_seconds


def _connections_of(address: str) -> Iterator[socket.socket]:
    """Duplicates of this process's sockets to an address, which the caller closes; none where there is no /proc."""
    if not _OPEN_FILES.exists():
        return
    for file in list(_OPEN_FILES.iterdir()):
        with suppress(OSError):  # closed meanwhile
            if file.is_socket():
                connection = socket.socket(fileno=os.dup(int(file.name)))
                if _is_of(connection, address):
                    yield connection
                else:
                    connection.close()


def _is_of(connection: socket.socket, address: str) -> bool:
    with suppress(OSError, IndexError):
        served = connection.getsockname()[1] == settings.PORT
        return served and connection.getpeername()[0].removeprefix("::ffff:") == address.removeprefix("::ffff:")
    return False
