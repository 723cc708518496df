"""CORS for the API (API_CORS=1): an answer is the same for everybody, so pages of any origin may read it."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from weathernote.http.bodies.request_bodies import QUERY_PATH
from weathernote.http.read_only import METHODS

API_PATHS = ("/api/", "/v1/")
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    # What a page may read besides the CORS-safelisted headers.
    "Access-Control-Expose-Headers": (
        "ETag, RateLimit, RateLimit-Policy, Retry-After, Cache-Status, X-Request-ID, Age, Allow"
    ),
}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": "x-client-id, x-request-id, if-none-match, last-event-id",
    # One preflight a day; browsers cut it to their own maximum.
    "Access-Control-Max-Age": "86400",
}

#: GraphQL's queries are posted, as JSON.
QUERY_PREFLIGHT_HEADERS = PREFLIGHT_HEADERS | {
    "Access-Control-Allow-Methods": "GET, POST, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": f"content-type, {PREFLIGHT_HEADERS['Access-Control-Allow-Headers']}",
}

Handler = Callable[[HttpRequest], HttpResponseBase]


def any_origin(get_response: Handler) -> Handler:
    """Middleware that adds CORS headers to all answers of the API, errors too, and the preflight's to OPTIONS."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path_info.startswith(API_PATHS):
            headers = HEADERS | _preflight_headers(request.path_info) if request.method == "OPTIONS" else HEADERS
            for name, value in headers.items():
                response.headers[name] = value
        return response

    return middleware


def _preflight_headers(path: str) -> dict[str, str]:
    return QUERY_PREFLIGHT_HEADERS if path.rstrip("/") == QUERY_PATH else PREFLIGHT_HEADERS
