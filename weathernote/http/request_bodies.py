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
from time import monotonic, sleep
from typing import IO, Any, NamedTuple, Self

from django.conf import settings
from django.http import HttpRequest

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
#: Threads that may read queries at a time, and how long another waits for its turn: as a rule a query is there at once.
QUERY_READERS = threading.BoundedSemaphore(max(1, settings.THREADS // 4))
QUERY_WAIT_SECONDS = 0.1
#: The one path of the API that takes a body.
QUERY_PATH = "/api/v1/graphql"
#: As the edge allows for anything but staff's forms.
LARGEST_QUERY_BYTES = 16 * 1024
#: WSGI leaves names with a dot to the application.
BODY_KEY = "weathernote.body"


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
        with _watcher.ending(environ.get("REMOTE_ADDR", "")):
            return _read_stream(environ["wsgi.input"], length)
    finally:
        readers.release()


def read_query(environ: dict[str, Any]) -> None:
    """Reads the body of a query into the environment for `body_of`, or the problem with it."""
    try:
        environ[BODY_KEY] = _read_query(environ)
    except Problem as problem:
        environ[BODY_KEY] = problem
    environ["wsgi.input"] = empty()


def body_of(request: HttpRequest) -> bytes:
    """The body of a query, as `read_query` read it; raises Problem if it is too long, too slow or cut off."""
    body: bytes | Problem | None = request.META.get(BODY_KEY)
    if isinstance(body, Problem):
        raise body
    if body is not None:
        return body
    # Without our own handler, as in Django's test client.
    if _length(request.META.get("CONTENT_LENGTH")) > LARGEST_QUERY_BYTES:
        raise _too_long()
    return request.body


def _read_query(environ: dict[str, Any]) -> bytes:
    length = _length(environ.get("CONTENT_LENGTH"))
    if length > LARGEST_QUERY_BYTES:
        raise _too_long()
    if not length:
        return b""
    if not QUERY_READERS.acquire(timeout=QUERY_WAIT_SECONDS):
        raise Problem("overloaded", "Too many queries are sent at once; come again in 1 s.", retry_after_seconds=1)
    try:
        with _watcher.ending(environ.get("REMOTE_ADDR", "")):
            return b"".join(_pieces(environ["wsgi.input"], length))
    finally:
        QUERY_READERS.release()


def _too_long() -> Problem:
    return _body_problem(f"has more than {LARGEST_QUERY_BYTES // 2**10} kB")


def seconds_left(environ: dict[str, Any]) -> float:
    """What is left of ANSWER_SECONDS once the body has been read; all of it where no body was."""
    now = monotonic()
    return float(environ.get(_BEGAN, now)) + ANSWER_SECONDS - now


def _length(given: str | None) -> int:
    # As in Django, a request without a Content-Length has no body.
    return int(given) if given and given.isascii() and given.isdecimal() and len(given) < 20 else 0


def _read_stream(source: Any, length: int) -> IO[bytes]:
    body: IO[bytes] = SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115 - the request closes it
    for part in _pieces(source, length):
        body.write(part)
    body.seek(0)
    return body


def _pieces(source: Any, length: int) -> Iterator[bytes]:
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
        yield part
        left -= len(part)
        piece = 1 if now - before > _WAITED_SECONDS else _AT_ONCE_BYTES
        before = now


def _body_problem(detail: str) -> Problem:
    return invalid_parameters([("body", detail)])


# ── reads that do not come back ───────────────────────────────────────────────────────────────────


class _Watcher:
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


_watcher = _Watcher()


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
