"""Between the server and Django: a short way for the paths that phones ask for, Django's own for all others."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.urls import ResolverMatch, resolve

#: These touch neither the database nor Django's cache, so nothing of either is to be looked after around them.
SHORT_PATHS = frozenset({"/api/v1/weather", "/api/v1/forecast"})


class Handler(WSGIHandler):
    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ.get("PATH_INFO") not in SHORT_PATHS:
            return super().__call__(environ, start_response)
        response: Any = self.get_response(self.request_class(environ))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        # A list is written as it is; anything else would be asked for its parts one by one.
        return [response.content]

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        if request.path_info not in SHORT_PATHS:
            return super().resolve_request(request)
        request.resolver_match = match = _view_of(request.path_info)
        return match


@lru_cache
def _view_of(path: str) -> ResolverMatch:
    return resolve(path)
