"""Bounds how many requests at a time do what takes long: reading a document anew, and introspection."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from weathernote.http.problems import Problem

AT_A_TIME = 2
WAIT_SECONDS = 2
_turns = threading.BoundedSemaphore(AT_A_TIME)


@contextmanager
def turn() -> Iterator[None]:
    """Waits for a turn; raises Problem (503) if none comes in time."""
    if not _turns.acquire(timeout=WAIT_SECONDS):
        raise Problem("overloaded", "Too many new documents at once; come again in 1 s.", retry_after_seconds=1)
    try:
        yield
    finally:
        _turns.release()
