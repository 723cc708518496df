"""The middleware of every request: it gets an ID and is recorded, then passes the middleware of its area."""

import re
import threading
from collections.abc import Callable
from functools import lru_cache
from random import getrandbits
from time import perf_counter, time
from typing import Any, cast

from django.core.exceptions import DisallowedHost
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.request import split_domain_port, validate_host
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.module_loading import import_string

from weathernote.http import networks
from weathernote.http.plain_settings import settings
from weathernote.http.problems import Problem, respond
from weathernote.http.request_context import context_of
from weathernote.telemetry import request_events
from weathernote.telemetry.metrics import API_ROUTES, METHODS, route_of
from weathernote.telemetry.request_event import RequestEvent

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

#: Balancers, scrapers and edges send an address as `Host`, so these paths answer for every `Host`.
HOST_FREE_PATHS = frozenset({"/health", "/metrics", "/internal/edge-counts"})

STAFF_PATH = "/admin"
BODILESS = (204, 304)

Handler = Callable[[HttpRequest], HttpResponseBase]


def record_request(get_response: Handler) -> Handler:
    """Records each request and gives it an ID: the X-Request-ID that came, if well-formed, else a new one."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        began = perf_counter()
        context = context_of(request)
        context.request_id = context.request_id or request_id_of(request)
        response = get_response(request)
        response.headers["X-Request-ID"] = context.request_id
        request_events.record(event_of(request, response.status_code, perf_counter() - began))
        return response

    return middleware


def request_id_of(request: HttpRequest) -> str:
    """The X-Request-ID that came, if well-formed, else a new one."""
    given: str = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if _SANE_REQUEST_ID.fullmatch(given) else f"{getrandbits(128):032x}"


def event_of(request: HttpRequest, status: int, seconds: float) -> RequestEvent:
    """The event of a request that was answered just now with this status, after so many seconds."""
    context, method = context_of(request), request.method or ""
    return RequestEvent(
        time(),
        seconds,
        route_of(request.path_info),
        method if method in METHODS else "OTHER",
        status,
        context.request_id,
        context.client_hash,
        request_events.take_upstream_wait(),
        "HTTP_X_COUNTED_BY" in request.META and _comes_from_an_edge(request),
        context.answer,
        context.batch,
    )


def _comes_from_an_edge(request: HttpRequest) -> bool:
    return networks.contain(settings.EDGE_ALLOWED_NETWORKS, request.META.get("REMOTE_ADDR", ""))


class CommonWithHostFreePaths(CommonMiddleware):
    """Django's CommonMiddleware, but HOST_FREE_PATHS take any `Host`, and a 204 or 304 has no Content-Length."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """As Django's (raises DisallowedHost), except on HOST_FREE_PATHS."""
        if request.path_info in HOST_FREE_PATHS:
            return None
        return super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """As Django's, with Content-Length removed from 204 and 304."""
        answered = super().process_response(request, response)
        if answered.status_code in BODILESS:
            # 0 would be the length of the answer that a 304 stands for, and a 204 must name none (RFC 9110, 8.6).
            answered.headers.pop("Content-Length", None)
        return answered


class MiddlewareByArea:
    """Chooses the middleware by path: none for the API, PAGE_MIDDLEWARE for pages, also STAFF_MIDDLEWARE for the admin.

    So sessions and cookies cannot influence public answers, nor slow them down.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.view_steps: list[Callable[..., Any]] = []
        self.staff = self._chain(settings.STAFF_MIDDLEWARE, get_response)
        # One chain for both: WhiteNoise looks at every file as it is made, and remembers each.
        self.pages = self._chain(settings.PAGE_MIDDLEWARE, self._behind_pages)
        # Requests with a session can hang with the database, so they get at most a quarter of the threads.
        self.staff_slots = threading.BoundedSemaphore(max(2, settings.THREADS // 4))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if route_of(request.path_info) in API_ROUTES:
            return self._api(request)
        return self._staff(request) if _is_for_staff(request) else self.pages(request)

    def process_view(self, request: HttpRequest, *view: Any) -> Any:
        """The first answer of the staff middleware's `process_view` steps (the CSRF check), None for other paths."""
        if not _is_for_staff(request):
            return None
        return next((answer for step in self.view_steps if (answer := step(request, *view))), None)

    def _api(self, request: HttpRequest) -> HttpResponseBase:
        require_served_host(request)
        response: Any = self.get_response(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        if response.status_code not in BODILESS:
            response.headers["Content-Length"] = str(len(response.content))
        return response

    def _staff(self, request: HttpRequest) -> HttpResponseBase:
        if not self.staff_slots.acquire(blocking=False):
            text = "Too many admin requests at once; try again in 5 s."
            return respond(request, Problem("overloaded", text, retry_after_seconds=5))
        try:
            return self.pages(request)
        finally:
            self.staff_slots.release()

    def _behind_pages(self, request: HttpRequest) -> HttpResponseBase:
        return self.staff(request) if _is_for_staff(request) else self.get_response(request)

    def _chain(self, names: list[str], handler: Handler) -> Handler:
        for name in reversed(names):
            middleware = import_string(name)(handler)
            if name in settings.STAFF_MIDDLEWARE and hasattr(middleware, "process_view"):
                self.view_steps.insert(0, middleware.process_view)
            handler = cast(Handler, convert_exception_to_response(middleware))
        return handler


def _is_for_staff(request: HttpRequest) -> bool:
    return request.path_info.startswith(STAFF_PATH)


def require_served_host(request: HttpRequest) -> None:
    """Raises DisallowedHost if the request's `Host` is none of ALLOWED_HOSTS."""
    host = request.META.get("HTTP_HOST")
    if host is None:
        request.get_host()  # checks the server's own name
    elif not _is_served(host, tuple(settings.ALLOWED_HOSTS)):
        raise DisallowedHost("not a host that is served here")


@lru_cache(maxsize=64)
def _is_served(host: str, allowed: tuple[str, ...]) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)
