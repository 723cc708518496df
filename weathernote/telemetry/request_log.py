"""A line of JSON for each request, on stdout, written by a thread of its own so that no request waits for a reader."""

import atexit
import logging
import multiprocessing.util
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from time import sleep
from typing import TYPE_CHECKING, Any

from weathernote.telemetry import metrics

if TYPE_CHECKING:
    from weathernote.telemetry.request_events import Seen

#: Who reads along sees a request so much later at most.
WRITE_SECONDS = 0.25
#: What waits for a reader that is slower than the service; then the oldest lines are lost, and counted.
MOST_WAITING = 100_000
#: So much of whole lines is written at once that workers' lines never mix in a pipe.
_ATOMIC_BYTES = 4096
#: Balancers and scrapers come every few seconds and are told of at DEBUG alone.
_QUIET = frozenset({"health", "metrics"})
_STDOUT = 1

_waiting: "deque[Seen]" = deque()
_writing = threading.Lock()
_log = logging.getLogger("weathernote.requests")
_is_on = False


def tell(seen: "Seen") -> None:
    if not _is_on:
        return
    if len(_waiting) >= MOST_WAITING:
        _waiting.popleft()
        metrics.REQUESTS_UNTOLD.inc()
    _waiting.append(seen)


def line(seen: "Seen") -> str:
    """The line of a request. None of its texts can hold a quote: they are our own words, or sane by a pattern."""
    whole = int(seen.at)
    cell = seen.cell.key if seen.cell else ""
    level = "WARNING" if seen.status >= 500 else "INFO"
    return (
        f'{{"time":"{_second(whole)}.{int((seen.at - whole) * 1000):03}Z","level":"{level}",'
        f'"logger":"weathernote.requests","message":"{seen.method} {seen.route} {seen.status}",'
        f'"request_id":"{seen.request_id}","route":"{seen.route}","method":"{seen.method}","status":{seen.status},'
        f'"duration_ms":{seen.seconds * 1000:.2f},"cell":"{cell}","cache":"{seen.origin}",'
        f'"client":"{seen.client}","upstream_wait_ms":{seen.waited_seconds * 1000:.0f}{_places(seen)}}}\n'
    )


def _places(seen: "Seen") -> str:
    return f',"places":{len(seen.places)}' if seen.places else ""


@lru_cache(maxsize=16)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def write() -> None:
    """Writes what was told since the last time."""
    # At the end of the process a thread may hang over a reader that does not read: it is not waited for long.
    if not _writing.acquire(timeout=2):
        return
    try:
        seen = [_waiting.popleft() for _ in range(len(_waiting))]
        for part in _parts(line(one) for one in seen if _is_told(one)):
            _write(part)
    finally:
        _writing.release()


def _is_told(seen: "Seen") -> bool:
    if seen.route in _QUIET:
        return _log.isEnabledFor(logging.DEBUG)
    return _log.isEnabledFor(logging.WARNING if seen.status >= 500 else logging.INFO)


def _parts(lines: Iterable[str]) -> Iterable[bytes]:
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
        metrics.REQUESTS_UNTOLD.inc(part.count(b"\n"))


def start() -> None:
    global _is_on
    _is_on = True
    threading.Thread(target=_go_on, name="request-log", daemon=True).start()
    at_the_end(write)


def at_the_end(step: Callable[[], Any]) -> None:
    """Runs `step` when this process ends of its own accord, be it a server's child or not."""
    atexit.register(step)
    # A child of multiprocessing, as granian's workers are, ends without atexit.
    multiprocessing.util.Finalize(None, step, exitpriority=10)


def _go_on() -> None:
    while True:
        write()
        sleep(WRITE_SECONDS)
