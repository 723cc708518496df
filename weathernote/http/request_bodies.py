"""Request bodies: read completely before the request is handled, few at a time and within a deadline.

Reading a body occupies a thread of the server: granian offers no way to abort a read, nor to answer while another
thread reads. So only a few threads may read, and paths that need no body get none.
"""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import IO, Any, NamedTuple, Self

from django.conf import settings

from weathernote.http.problems import Problem, invalid_parameters

#: As the edge allows for staff's forms.
LARGEST_BYTES = 8 * 2**20
#: From the first byte to the last.
DEADLINE_SECONDS = 10
#: Time for a form from first byte to answer; must stay below the balancer's 20 s.
ANSWER_SECONDS = 15
#: A client that neither sends nor receives for this long is gone: longer than any answer takes, shorter than the
#: keep-alive.
SILENT_SECONDS = 20

_BEGAN = "weathernote.began"
_AT_ONCE_BYTES = 256
_WAITED_SECONDS = 0.001
_CHECK_SECONDS = 2
# In Linux' `struct tcp_info`: milliseconds since data was last sent and received, and how many segments of it were.
_LAST_SENT, _LAST_RECEIVED, _SEGMENTS_RECEIVED, _SEGMENTS_SENT, _TCP_INFO_BYTES = 44, 52, 152, 156, 160
_OPEN_FILES = Path("/proc/self/fd")

#: Threads that may read staff's forms at a time; the others serve weather.
FORM_READERS = threading.BoundedSemaphore(max(1, min(8, settings.THREADS // 4)))
#: Threads that may read an edge's counts: a pool of its own, so that slow forms cannot delay them.
COUNT_READERS = threading.BoundedSemaphore(max(1, min(4, settings.THREADS // 8)))


def empty() -> IO[bytes]:
    """An empty body, for a request that may have none."""
    return BytesIO()


def read(environ: dict[str, Any], readers: threading.BoundedSemaphore) -> IO[bytes]:
    """The complete body; raises Problem if it is too long, too slow or cut off, or if all `readers` are taken."""
    environ[_BEGAN] = monotonic()
    length = _length(environ.get("CONTENT_LENGTH"))
    if not length:
        return empty()
    if length > LARGEST_BYTES:
        raise _body_problem(f"has more than {LARGEST_BYTES // 2**20} MB")
    if not readers.acquire(blocking=False):
        text = "Too many forms are sent at once; come again in 10 s."
        raise Problem("overloaded", text, retry_after_seconds=DEADLINE_SECONDS)
    try:
        with _reading_ends(environ.get("REMOTE_ADDR", "")):
            return _read_stream(environ["wsgi.input"], length)
    finally:
        readers.release()


def seconds_left(environ: dict[str, Any]) -> float:
    """What is left of ANSWER_SECONDS once the body has been read; all of it where no body was."""
    now = monotonic()
    return float(environ.get(_BEGAN, now)) + ANSWER_SECONDS - now


def _length(given: str | None) -> int:
    # As in Django, a request without a Content-Length has no body.
    return int(given) if given and given.isascii() and given.isdecimal() and len(given) < 20 else 0


def _read_stream(source: Any, length: int) -> IO[bytes]:
    body: IO[bytes] = SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115 - the request closes it
    began = before = monotonic()
    left, piece = length, 1
    while left:
        # `read(n)` blocks until n bytes are there, so slow bodies are read byte by byte, with the deadline checked
        # after each. A piece that stops halfway is aborted by _reading_ends.
        part = source.read(min(piece, left))
        now = monotonic()
        if now - began > DEADLINE_SECONDS:
            raise _body_problem(f"did not come within {DEADLINE_SECONDS} s")
        if not part:
            raise _body_problem("ended too soon")
        body.write(part)
        left -= len(part)
        piece = 1 if now - before > _WAITED_SECONDS else _AT_ONCE_BYTES
        before = now
    body.seek(0)
    return body


def _body_problem(detail: str) -> Problem:
    return invalid_parameters([("body", detail)])


# ── reads that do not come back ───────────────────────────────────────────────────────────────────


@contextmanager
def _reading_ends(address: str) -> Iterator[None]:
    """Aborts the read at the deadline, or when the client falls silent, by shutting its connection down."""
    is_read = threading.Event()
    threading.Thread(target=_watch, args=(is_read, address), daemon=True, name="body-watch").start()
    try:
        yield
    finally:
        is_read.set()


def _watch(is_read: threading.Event, address: str) -> None:
    # How the overdue connection is found: granian does not give the client's port, and an edge has many connections
    # from one address, so it is recognised by its traffic: for as long as the deadline it has received data and
    # sent none.
    unanswered: dict[object, float] = {}
    while not is_read.wait(_CHECK_SECONDS):
        now, before, unanswered = monotonic(), unanswered, {}
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
