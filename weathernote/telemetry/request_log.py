"""The request log: a line of JSON on stdout for each request, written in the background so that no request waits."""

import logging
import os
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from django.conf import settings

from weathernote.telemetry import metrics
from weathernote.telemetry.request_event import RequestEvent

#: A request appears in the log at most so much later.
WRITE_SECONDS = 0.25
#: Lines that may wait for a slow reader of stdout; beyond it the oldest are dropped, and counted.
MOST_QUEUED = 100_000
#: A pipe takes so many bytes in one atomic write, so that the lines of several workers never mix.
_ATOMIC_BYTES = 4096
#: Requested every few seconds by balancers and scrapers, so logged at DEBUG alone.
_QUIET = frozenset({"health", "metrics"})
_STDOUT = 1

_queue: deque[RequestEvent] = deque()
_log = logging.getLogger("weathernote.requests")
_is_open = False


def open_queue() -> None:
    """Lets `enqueue` take events, in a process that will call `write` every WRITE_SECONDS."""
    global _is_open
    _is_open = True


def enqueue(event: RequestEvent) -> None:
    """Queues the event for `write`; drops it before `open_queue`, and the oldest one if too many wait."""
    if not _is_open:
        return
    if len(_queue) >= MOST_QUEUED:
        _queue.popleft()
        metrics.LOG_LINES_DROPPED.inc()
    _queue.append(event)


def line(event: RequestEvent) -> str:
    """The log line of a request: JSON without escaping, as its texts are our own or match a pattern without quotes."""
    second = int(event.at)
    cell, origin = (event.answer.cell_key, event.answer.origin) if event.answer else ("", "")
    level = "WARNING" if is_failure(event) else "INFO"
    places = f',"places":{len(event.batch)}' if event.batch else ""
    region = f',"region":"{settings.REGION}"' if settings.REGION else ""
    return (
        f'{{"time":"{_timestamp(second)}.{int((event.at - second) * 1000):03}Z","level":"{level}",'
        f'"logger":"weathernote.requests","message":"{event.method} {event.route} {event.status}",'
        f'"request_id":"{event.request_id}","route":"{event.route}","method":"{event.method}","status":{event.status},'
        f'"duration_ms":{event.seconds * 1000:.2f},"cell":"{cell}","cache":"{origin}",'
        f'"client":"{event.client}","upstream_wait_ms":{event.upstream_wait_seconds * 1000:.0f}{places}{region}}}\n'
    )


def is_failure(event: RequestEvent) -> bool:
    """Whether the request got a 5xx; the end of a stream has the code that closed it, 1000 and more."""
    return 500 <= event.status < 600


@lru_cache(maxsize=16)
def _timestamp(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def write() -> None:
    """Writes the lines queued since the last call; only one thread may call it, which waits for a slow reader."""
    events = [_queue.popleft() for _ in range(len(_queue))]
    for part in _chunks(line(event) for event in events if _is_logged(event)):
        _write(part)


def _is_logged(event: RequestEvent) -> bool:
    if event.route in _QUIET:
        return _log.isEnabledFor(logging.DEBUG)
    return _log.isEnabledFor(logging.WARNING if is_failure(event) else logging.INFO)


def _chunks(lines: Iterable[str]) -> Iterable[bytes]:
    """The lines, joined into chunks of at most _ATOMIC_BYTES that end with a line."""
    part = b""
    for text in lines:
        encoded = text.encode()
        if part and len(part) + len(encoded) > _ATOMIC_BYTES:
            yield part
            part = b""
        part += encoded
    if part:
        yield part


def _write(part: bytes) -> None:
    try:
        while part:
            part = part[os.write(_STDOUT, part) :]
    except OSError:  # stdout is closed, or the disk is full
        metrics.LOG_LINES_DROPPED.inc(part.count(b"\n"))
