"""Between the server and Django: a short way for the paths that phones ask for, Django's own for all others."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.urls import ResolverMatch, resolve
from django.utils.log import log_response

from weathernote.finished import BodilessRequest

#: These touch neither the database nor Django's cache, so nothing of either is to be looked after around them.
SHORT_PATHS = frozenset({"/api/v1/weather", "/api/v1/forecast"})


class Handler(WSGIHandler):
    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ.get("PATH_INFO") not in SHORT_PATHS:
            return super().__call__(environ, start_response)
        request = self._request(environ)
        response: Any = self._middleware_chain(request)  # type: ignore[attr-defined] # Django's own
        if response.status_code >= 400:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        # A list is written as it is; anything else would be asked for its parts one by one.
        return [response.content]

    def _request(self, environ: dict[str, Any]) -> HttpRequest:
        return BodilessRequest(environ) if environ["REQUEST_METHOD"] == "GET" else self.request_class(environ)

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        if request.path_info not in SHORT_PATHS:
            return super().resolve_request(request)
        request.resolver_match = match = _view_of(request.path_info)
        return match


@lru_cache
def _view_of(path: str) -> ResolverMatch:
    return resolve(path)
