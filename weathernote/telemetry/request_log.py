"""The request log: a line of JSON on stdout for each request, written behind it: no request waits for a reader."""

import logging
import os
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from weathernote.telemetry import metrics
from weathernote.telemetry.request_event import RequestEvent

#: Who follows the log sees a request so much later at most.
WRITE_SECONDS = 0.25
#: Lines that wait for a reader who is slower than the service; beyond it the oldest are dropped, and counted.
MOST_QUEUED = 100_000
#: A pipe takes so many bytes at once: as no more is written in one piece, lines of several workers never mix.
_ATOMIC_BYTES = 4096
#: Balancers and scrapers come every few seconds; their requests are logged at DEBUG alone.
_QUIET = frozenset({"health", "metrics"})
_STDOUT = 1

_queue: deque[RequestEvent] = deque()
_log = logging.getLogger("weathernote.requests")
_is_written = False


def open_queue() -> None:
    """Has `enqueue` take events from now on, in a process that calls `write` every WRITE_SECONDS."""
    global _is_written
    _is_written = True


def enqueue(event: RequestEvent) -> None:
    """Queues the event's line; drops it where nobody writes, and the oldest where too many wait."""
    if not _is_written:
        return
    if len(_queue) >= MOST_QUEUED:
        _queue.popleft()
        metrics.LOG_LINES_DROPPED.inc()
    _queue.append(event)


def line(event: RequestEvent) -> str:
    """The line of a request. None of its texts can hold a quote: they are our own words, or sane by a pattern."""
    whole_seconds = int(event.at)
    cell, origin = (event.answer.cell.key, event.answer.origin) if event.answer else ("", "")
    level = "WARNING" if event.status >= 500 else "INFO"
    places = f',"places":{len(event.batch)}' if event.batch else ""
    return (
        f'{{"time":"{_second(whole_seconds)}.{int((event.at - whole_seconds) * 1000):03}Z","level":"{level}",'
        f'"logger":"weathernote.requests","message":"{event.method} {event.route} {event.status}",'
        f'"request_id":"{event.request_id}","route":"{event.route}","method":"{event.method}","status":{event.status},'
        f'"duration_ms":{event.seconds * 1000:.2f},"cell":"{cell}","cache":"{origin}",'
        f'"client":"{event.client}","upstream_wait_ms":{event.upstream_wait_seconds * 1000:.0f}{places}}}\n'
    )


@lru_cache(maxsize=16)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def write() -> None:
    """Writes the lines that were queued since the last call; called by one thread alone, which may have to wait."""
    events = [_queue.popleft() for _ in range(len(_queue))]
    for part in _parts(line(event) for event in events if _is_logged(event)):
        _write(part)


def _is_logged(event: RequestEvent) -> bool:
    if event.route in _QUIET:
        return _log.isEnabledFor(logging.DEBUG)
    return _log.isEnabledFor(logging.WARNING if event.status >= 500 else logging.INFO)


def _parts(lines: Iterable[str]) -> Iterable[bytes]:
    """The lines, as many whole ones together as may be written at once."""
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
    except OSError:  # nobody reads any more, or the disk is full
        metrics.LOG_LINES_DROPPED.inc(part.count(b"\n"))
