"""Answers of the API for pages of any origin (API_CORS=1): an answer is the same for all, so any page may read it."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from weathernote.http.read_only import METHODS

API_PATH = "/api/"
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    # What a page may read besides the few that it always may.
    "Access-Control-Expose-Headers": (
        "ETag, RateLimit, RateLimit-Policy, Retry-After, Cache-Status, X-Request-ID, Age, Allow"
    ),
}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": "x-client-id, x-request-id, if-none-match",
    # So that a page asks once a day; browsers cut it to what they allow.
    "Access-Control-Max-Age": "86400",
}

Handler = Callable[[HttpRequest], HttpResponseBase]


def any_origin(get_response: Handler) -> Handler:
    """Says on every answer under /api/, errors too, that any page may read it, and on OPTIONS what it may send."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path_info.startswith(API_PATH):
            headers = HEADERS | PREFLIGHT_HEADERS if request.method == "OPTIONS" else HEADERS
            for name, value in headers.items():
                response.headers[name] = value
        return response

    return middleware
