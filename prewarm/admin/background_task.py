"""Long work of staff, such as an import, in a thread that outlives the request; one at a time in each process."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from django.contrib import messages
from django.db import connections
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from prewarm.admin.importing import UploadGone
from weathernote.http.bodies import request_bodies
from weathernote.redis import RedisDown
from weathernote.telemetry import background

log = logging.getLogger(__name__)

T = TypeVar("T")

#: A load balancer gives up on a request after 20 s. Work that ends within this time is reported in its own answer.
WAIT_SECONDS = 8.0
#: How long a process that ends waits for the work to notice `is_ending` and to save how far it came.
END_SECONDS = 5.0
BUSY = "Another import or prewarm of staff is under way: try again when it is done."

#: Errors that the caller turns into a message for staff; others are faults and go to the log.
EXPECTED = (RedisDown, UploadGone)

is_ending = threading.Event()
_lock = threading.Lock()
_registered = threading.Event()


def begin(work: Callable[[], T]) -> "Future[T] | None":
    """Runs `work` in a thread; None if this process has other work of staff under way, or no thread to spare."""
    if not _lock.acquire(blocking=False):
        return None
    if not _registered.is_set():
        _registered.set()
        background.when_the_process_ends(_end)
    future: Future[T] = Future()
    try:
        threading.Thread(target=_run, args=(work, future), name="background-task", daemon=True).start()
    except RuntimeError:  # the process cannot start a thread
        _lock.release()
        return None
    return future


def wait_seconds(request: HttpRequest) -> float:
    """The seconds that this request may still wait for its work: less than WAIT_SECONDS if its body came slowly."""
    return min(WAIT_SECONDS, request_bodies.seconds_left(request.META))


def announce_continuation(request: HttpRequest, what: str, changelist: str, title: str) -> None:
    """Adds a message that the work continues after this answer, with a link to the list that will show its result."""
    text = '{} goes on without you: its result will be listed under <a href="{}">{}</a>.'
    messages.info(request, format_html(text, what, reverse(changelist), title))


def _run(work: Callable[[], T], future: "Future[T]") -> None:
    deliver: Callable[[], None]
    try:
        deliver = partial(future.set_result, work())
    except BaseException as error:  # raised again by `result`, if the request still waits for it
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
