"""What every request passes through on its way in and out."""

import re
import uuid
from collections.abc import Callable
from time import perf_counter, time
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

from weathernote import account, networks
from weathernote.account import Seen
from weathernote.metrics import METHODS, route_of

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

#: Balancers, scrapers and edges ask by address, so these paths answer whatever `Host` says.
HOST_FREE_PATHS = frozenset({"/health", "/metrics", "/internal/edge-counts"})

STAFF_PATH = "/admin"
BODILESS = (204, 304)

Handler = Callable[[HttpRequest], HttpResponseBase]


def request_id(get_response: Handler) -> Handler:
    """Names each request: with the edge's X-Request-ID where it is a sane one, else with a new one. And tells of it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        began = perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.request_id = given if _SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = get_response(request)
        response.headers["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        account.saw(_seen(request, response, perf_counter() - began))
        return response

    return middleware


def _seen(request: Any, response: HttpResponseBase, seconds: float) -> Seen:
    client, method = getattr(request, "client", None), request.method
    return Seen(
        time(),
        seconds,
        route_of(request.path_info),
        method if method in METHODS else "OTHER",
        response.status_code,
        request.request_id,
        client.hash if client else "",
        account.waited_seconds(),
        "HTTP_X_COUNTED_BY" in request.META and _comes_from_an_edge(request),
        *getattr(request, "place", ()),
    )


def _comes_from_an_edge(request: HttpRequest) -> bool:
    return networks.has(settings.EDGE_ALLOWED_NETWORKS, request.META.get("REMOTE_ADDR", ""))


class Common(CommonMiddleware):
    """Django's own, but for the paths that answer whatever `Host` says, and answers that have no body."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        if request.path_info in HOST_FREE_PATHS:
            return None
        return super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        finished = super().process_response(request, response)
        if finished.status_code in BODILESS:
            # 0 would be the length of the answer that a 304 stands for, and a 204 must name none (RFC 9110, 8.6).
            finished.headers.pop("Content-Length", None)
        return finished


class StaffAlone(MiddlewareMixin):
    """Stands aside for all but the admin: a cookie must not touch a public answer, nor cost it anything."""

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith(STAFF_PATH):
            return super().__call__(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> Any:
        before = getattr(super(), "process_view", None)
        return before(request, *view) if before and request.path_info.startswith(STAFF_PATH) else None


class Sessions(StaffAlone, SessionMiddleware):
    pass


class Csrf(StaffAlone, CsrfViewMiddleware):
    pass


class Authentication(StaffAlone, AuthenticationMiddleware):
    pass


class Messages(StaffAlone, MessageMiddleware):
    pass
