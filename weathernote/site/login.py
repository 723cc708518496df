"""The login of staff: a process checks one password at a time, and too many wrong ones lock the name."""

import threading

from axes.middleware import AxesMiddleware
from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from weathernote.http.problems import Problem, respond

#: Otherwise guesses sent at once would all be checked before the first is counted, and use all cores.
_check_slot = threading.BoundedSemaphore(1)
WAIT_SECONDS = 10
#: Threads that may wait for the slot or hold it; the others stay free to serve weather.
_queue = threading.BoundedSemaphore(8)

# django-axes' middleware, around this view alone, as there is no other login.
_checked = AxesMiddleware(admin.site.login)


def login(request: HttpRequest) -> HttpResponseBase:
    """The login form, or the answer to a submitted one; 503 if too many are waiting to be checked."""
    if request.method != "POST":
        return admin.site.login(request)
    if not _queue.acquire(blocking=False):
        return _too_many(request)
    try:
        if not _check_slot.acquire(timeout=WAIT_SECONDS):
            return _too_many(request)
        try:
            return _checked(request)
        finally:
            _check_slot.release()
    finally:
        _queue.release()


def _too_many(request: HttpRequest) -> HttpResponseBase:
    return respond(request, Problem("overloaded", "Too many people log in at once.", retry_after_seconds=WAIT_SECONDS))
