"""The WSGI callable: a short path for what phones ask for, Django's own for everything else.

The short path leaves out Django's signals and their receivers (which close database connections), the resolver, the
wrapping of the response and, where a finished answer is found, DRF's steps. `python -m tests.benchmarks.short_path`
measures what each of them would take.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, resolve
from django.utils.log import log_response

from weathernote.http import paths, problems
from weathernote.http.bodies import request_bodies
from weathernote.http.middleware import STAFF_PATH, record_request
from weathernote.http.prerendered import BodilessRequest, ServedRequest
from weathernote.http.problems import Problem
from weathernote.telemetry import metrics

#: These use neither the database nor Django's cache, so they need none of the request signals that close those
#: connections.
SHORT_PATHS = frozenset(path for path, route in metrics.ROUTES.items() if route in metrics.ANSWER_ROUTES)
#: The only paths besides staff's forms that take a body.
EDGE_COUNTS_PATH = "/internal/edge-counts"


class Handler(WSGIHandler):
    """Django's handler, but it reads bodies completely and refuses odd paths before Django gets the request."""

    request_class = ServedRequest

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ.get("PATH_INFO") not in SHORT_PATHS:
            try:
                _replace_body(environ)
            except Problem as problem:
                return _refuse(environ, problem, start_response)
            return super().__call__(environ, start_response)
        request = self._request(environ)
        response: Any = self._middleware_chain(request)  # type: ignore[attr-defined] # Django's own
        if response.status_code >= 400:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        return _send(response, start_response)

    def _request(self, environ: dict[str, Any]) -> HttpRequest:
        if environ["REQUEST_METHOD"] == "GET":
            return BodilessRequest(environ)
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == request_bodies.QUERY_PATH:
            request_bodies.read_query(environ)
            return BodilessRequest(environ)
        environ["wsgi.input"] = request_bodies.empty()
        return self.request_class(environ)

    def _get_response(self, request: HttpRequest) -> Any:
        """The view's response. On the short paths no middleware has a step before views, and no view a transaction."""
        if request.path_info not in SHORT_PATHS:
            return super()._get_response(request)  # type: ignore[misc] # Django's own
        request.resolver_match = match = _resolve(request.path_info)
        view: Any = match.func
        return view.cls.answer_at_once(request) or view(request)


def _replace_body(environ: dict[str, Any]) -> None:
    """Replaces `wsgi.input` by the complete body or an empty one; raises Problem for a refused path or body."""
    path = environ.get("PATH_INFO", "")
    if not paths.is_plain(path):
        raise problems.no_such_path()
    if environ["REQUEST_METHOD"] == "POST" and path == EDGE_COUNTS_PATH:
        environ["wsgi.input"] = request_bodies.read(environ, request_bodies.COUNT_READERS)
    elif environ["REQUEST_METHOD"] == "POST" and path.startswith(f"{STAFF_PATH}/"):
        environ["wsgi.input"] = request_bodies.read(environ, request_bodies.FORM_READERS)
    elif environ["REQUEST_METHOD"] == "POST" and path.rstrip("/") == request_bodies.QUERY_PATH:
        request_bodies.read_query(environ)
    else:
        environ["wsgi.input"] = request_bodies.empty()


def _refuse(environ: dict[str, Any], problem: Problem, start_response: Callable[..., Any]) -> list[bytes]:
    """Answers with the problem, through record_request alone."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        return problems.respond(request, problem)

    return _send(record_request(respond)(BodilessRequest(environ)), start_response)


def _send(response: Any, start_response: Callable[..., Any]) -> list[bytes]:
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    # A list is written as it is; anything else would be iterated over by the server.
    return [response.content]


@lru_cache
def _resolve(path: str) -> ResolverMatch:
    return resolve(path)
