"""Reads the database for requests, in a few threads with persistent connections.

While the database answers, requests queue for a thread. If it hangs, no request waits long: once a query is overdue,
only a few requests may wait, for a second each, and after one of them has timed out, all are refused for a while. The
connection that did not answer is shut down, so that its thread can open another.
"""

import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from time import monotonic
from typing import Any, TypeVar

from django.conf import settings
from django.db import Error as DatabaseGone
from django.db import OperationalError, connection

T = TypeVar("T")

#: Connections of a process; deploy/aws/data.yaml sums those of the fleet.
READERS = 2
#: Requests that may wait for a free connection while a query is overdue; further ones are refused at once.
WAITERS = 4
WAIT_SECONDS = 1.0
#: A search takes milliseconds; a query that runs for longer than this may never end.
OVERDUE_SECONDS = 0.2
#: Time without queries after the database did not answer.
REST_SECONDS = 5


class TooManyWait(Exception):
    """The most requests that may wait for the database are waiting already."""


class Reader:
    """Threads with a connection each; at most `most_waiting` requests use them or wait for them at a time."""

    def __init__(self, most_waiting: int = READERS + WAITERS, now: Callable[[], float] = monotonic) -> None:
        self.now = now
        self._rests_until = 0.0
        self._places = threading.BoundedSemaphore(most_waiting)
        self._running: set[_Reading] = set()
        self._threads = ThreadPoolExecutor(READERS, "database")

    def read(self, query: Callable[[], T]) -> T:
        """What `query` returns; raises TooManyWait, or django.db.Error if the database fails or times out."""
        self._raise_if_it_rests()
        self._take_place()
        reading = _Reading(self._running)
        try:
            self._raise_if_it_rests()
            answer = self._threads.submit(reading.run, query)
        except (RuntimeError, DatabaseGone) as error:  # no thread available, or another request has timed out meanwhile
            self._places.release()
            raise OperationalError(str(error)) from None
        # The place is free once the thread is: a query that hangs holds its place.
        answer.add_done_callback(lambda _: self._places.release())
        try:
            return answer.result(WAIT_SECONDS)
        except DatabaseGone:
            self._rest()
            raise
        except TimeoutError:
            self._rest()
            if not answer.cancel():
                reading.cut()
            raise OperationalError("The database does not answer in time.") from None

    def _raise_if_it_rests(self) -> None:
        if self.now() < self._rests_until:
            raise OperationalError("The database did not answer a moment ago.")

    def _take_place(self) -> None:
        """Waits for a place while queries end in time; raises TooManyWait once the oldest is overdue."""
        ends = monotonic() + WAIT_SECONDS
        wait_seconds = 0.0
        while not self._places.acquire(timeout=wait_seconds):
            now = monotonic()
            oldest = min((reading.began for reading in self._running.copy()), default=now)
            wait_seconds = min(oldest + OVERDUE_SECONDS, ends) - now
            if wait_seconds <= 0:
                raise TooManyWait

    def _rest(self) -> None:
        self._rests_until = self.now() + REST_SECONDS


class _Reading:
    """A query on its thread's persistent connection, which another thread may abort."""

    def __init__(self, running: "set[_Reading]") -> None:
        self.began = 0.0
        self._running = running
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def run(self, query: Callable[[], T]) -> T:
        self.began = monotonic()
        self._running.add(self)
        try:
            self._connect()
            return query()
        finally:
            self._running.discard(self)
            with self._lock:
                self._socket = None  # from here on it belongs to the next query

    def _connect(self) -> None:
        if connection.connection is not None:
            self._socket = _socket_of(connection.connection)
            if not connection.is_usable():
                connection.close()  # for example after a restart of the server
        if connection.connection is None and not self._is_cut:
            connection.ensure_connection()
            self._socket = _socket_of(connection.connection)
            if connection.vendor == "sqlite":
                # Shorter than the timeout of writers, in DATABASES.
                with connection.cursor() as cursor:
                    cursor.execute(f"PRAGMA busy_timeout = {int(WAIT_SECONDS * 1000)}")
        if self._is_cut:
            connection.close()
            raise OperationalError("The request has timed out.")

    def cut(self) -> None:
        self._is_cut = True
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):  # it has ended by itself
                    self._socket.shutdown(socket.SHUT_RDWR)


_mine = threading.local()


def _socket_of(raw: Any) -> socket.socket | None:
    """A duplicate of a connection's socket, valid until it is closed here; None for SQLite."""
    if getattr(_mine, "raw", None) is not raw:
        if getattr(_mine, "socket", None):
            _mine.socket.close()
        _mine.raw = raw
        _mine.socket = socket.socket(fileno=os.dup(raw.fileno())) if hasattr(raw, "fileno") else None
    found: socket.socket | None = _mine.socket
    return found


@cache
def reader() -> Reader:
    """This process's only reader; it leaves three of four threads to requests that need no database."""
    return Reader(max(2, min(READERS + WAITERS, settings.THREADS // 4)))
