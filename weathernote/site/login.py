"""The one view that takes passwords: one at a time in each process, and locked after too many wrong ones."""

import threading

from axes.middleware import AxesMiddleware
from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from weathernote.http.problems import Problem, respond

#: As many guesses as one wants at once would all be checked before the first of them is counted, on all cores.
_turn = threading.BoundedSemaphore(1)
WAIT_SECONDS = 10
#: No more threads than these may wait for their turn: the others serve weather.
_queue = threading.BoundedSemaphore(8)

# Its middleware stands here and not around every request: nothing else logs in.
_checked = AxesMiddleware(admin.site.login)


def login(request: HttpRequest) -> HttpResponseBase:
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
    return respond(request, Problem("overloaded", "Too many log in at once.", retry_after_seconds=WAIT_SECONDS))
