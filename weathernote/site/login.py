"""The login of staff: one password is checked at a time in each process, and too many wrong ones lock the name."""

import threading

from axes.middleware import AxesMiddleware
from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from weathernote.http.problems import Problem, respond

#: Without a turn, guesses sent at once would all be checked before the first is counted, and use all cores.
_turn = threading.BoundedSemaphore(1)
WAIT_SECONDS = 10
#: So many threads may wait for their turn; the others stay free to serve weather.
_queue = threading.BoundedSemaphore(8)

# The middleware of django-axes, around this view alone: nothing else logs in.
_checked = AxesMiddleware(admin.site.login)


def login(request: HttpRequest) -> HttpResponseBase:
    """The login form, and its check in turn; 503 if too many wait."""
    if request.method != "POST":
        return admin.site.login(request)
    if not _queue.acquire(blocking=False):
        return _too_many(request)
    try:
        return _in_turn(request)
    finally:
        _queue.release()


def _in_turn(request: HttpRequest) -> HttpResponseBase:
    if not _turn.acquire(timeout=WAIT_SECONDS):
        return _too_many(request)
    try:
        return _checked(request)
    finally:
        _turn.release()


def _too_many(request: HttpRequest) -> HttpResponseBase:
    return respond(request, Problem("overloaded", "Too many people log in at once.", retry_after_seconds=WAIT_SECONDS))
