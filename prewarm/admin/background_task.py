"""What staff begin and no browser should wait for: it goes on in a thread behind their request, one at a time."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from django.db import connections

from prewarm.admin.importing import UploadGone
from weathernote.redis import RedisDown
from weathernote.telemetry import background

log = logging.getLogger(__name__)

T = TypeVar("T")

#: A balancer gives up on a request after 20 s; what is done by then is told at once.
WAIT_SECONDS = 8.0
#: How long a process that ends waits for the work to hear of it and to write down how far it came.
END_SECONDS = 5.0

#: Errors that the caller turns into a message for staff; others are faults and go to the log.
EXPECTED = (RedisDown, UploadGone)

is_ending = threading.Event()
_lock = threading.Lock()
_registered = threading.Event()


def begin(work: Callable[[], T]) -> "Future[T] | None":
    """Runs `work` in a thread; None where this process has such work under way."""
    if not _lock.acquire(blocking=False):
        return None
    if not _registered.is_set():
        _registered.set()
        background.when_the_process_ends(_end)
    future: Future[T] = Future()
    try:
        threading.Thread(target=_run, args=(work, future), name="background-task", daemon=True).start()
    except RuntimeError:  # no thread to be had
        _lock.release()
        return None
    return future


def _run(work: Callable[[], T], future: "Future[T]") -> None:
    deliver: Callable[[], None]
    try:
        deliver = partial(future.set_result, work())
    except BaseException as error:  # it is raised again where somebody still waits for it
        deliver = partial(future.set_exception, error)
        if not isinstance(error, EXPECTED):
            log.exception("What staff began behind a request failed.")
    try:
        connections.close_all()
    except Exception:
        log.exception("A connection to the database cannot be closed.")
    finally:
        _lock.release()
        deliver()


def _end() -> None:
    is_ending.set()
    _lock.acquire(timeout=END_SECONDS)
