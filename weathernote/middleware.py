"""What every request passes through on its way in and out."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

#: Balancers and scrapers ask by address, so these paths answer whatever `Host` says.
HOST_FREE_PATHS = frozenset({"/health", "/metrics"})

Handler = Callable[[HttpRequest], HttpResponseBase]


def request_id(get_response: Handler) -> Handler:
    """Names each request: with the edge's X-Request-ID where it is a sane one, else with a new one."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.request_id = given if _SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = get_response(request)
        response.headers["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response

    return middleware


class Common(CommonMiddleware):
    """Django's own, but for the paths that answer whatever `Host` says."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        if request.path_info in HOST_FREE_PATHS:
            return None
        return super().process_request(request)
