"""Request bodies: read completely before the request is handled, few at a time and within a deadline.

Reading a body occupies a thread of the server: granian offers no way to abort a read, nor to answer while another
thread reads. So only a few threads may read, and paths that need no body get none.
"""

import threading
from collections.abc import Iterator, Mapping
from io import BytesIO
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest

from weathernote.http.bodies.body_watch import DEADLINE_SECONDS, watcher
from weathernote.http.problems import Problem, invalid_parameters

#: As the edge allows for staff's forms.
LARGEST_BYTES = 8 * 2**20
#: Time for a form from first byte to answer; must stay below the balancer's 20 s.
ANSWER_SECONDS = 15

_BEGAN = "weathernote.began"
_AT_ONCE_BYTES = 256
_WAITED_SECONDS = 0.001

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
    """The complete body; raises Problem if it is too long, slow, cut off or in chunks, or all `readers` are taken."""
    environ[_BEGAN] = monotonic()
    length = _length(environ)
    if not length:
        return empty()
    if length > LARGEST_BYTES:
        raise _body_problem(f"has more than {LARGEST_BYTES // 2**20} MB")
    if not readers.acquire(blocking=False):
        text = "Too many forms are sent at once; come again in 10 s."
        raise Problem("overloaded", text, retry_after_seconds=DEADLINE_SECONDS)
    try:
        with watcher.ending(environ.get("REMOTE_ADDR", "")):
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
    """The body of a query, as `read_query` read it; raises Problem if it is too long, slow, cut off or in chunks."""
    body: bytes | Problem | None = request.META.get(BODY_KEY)
    if isinstance(body, Problem):
        raise body
    if body is not None:
        return body
    # Without our own handler, as in Django's test client.
    if _length(request.META) > LARGEST_QUERY_BYTES:
        raise _too_long()
    return request.body


def _read_query(environ: dict[str, Any]) -> bytes:
    length = _length(environ)
    if length > LARGEST_QUERY_BYTES:
        raise _too_long()
    if not length:
        return b""
    if not QUERY_READERS.acquire(timeout=QUERY_WAIT_SECONDS):
        raise Problem("overloaded", "Too many queries are sent at once; come again in 1 s.", retry_after_seconds=1)
    try:
        with watcher.ending(environ.get("REMOTE_ADDR", "")):
            return b"".join(_pieces(environ["wsgi.input"], length))
    finally:
        QUERY_READERS.release()


def _too_long() -> Problem:
    return _body_problem(f"has more than {LARGEST_QUERY_BYTES // 2**10} kB")


def seconds_left(environ: dict[str, Any]) -> float:
    """What is left of ANSWER_SECONDS once the body has been read; all of it where no body was."""
    now = monotonic()
    return float(environ.get(_BEGAN, now)) + ANSWER_SECONDS - now


def _length(environ: Mapping[str, Any]) -> int:
    if "HTTP_TRANSFER_ENCODING" in environ:  # granian leaves out a Content-Length beside it
        raise _body_problem("needs a Content-Length")
    given = environ.get("CONTENT_LENGTH")
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
        # after each. A piece that stops halfway is aborted by the watcher.
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
