"""Read-only paths: a 405 problem for other methods, and `Allow` for OPTIONS."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from weathernote.http import problems

METHODS = "GET, HEAD, OPTIONS"

View = Callable[..., HttpResponseBase]


def read_only(view: View) -> View:
    """Wraps `view`: GET and HEAD reach it, OPTIONS gets a 204 with `Allow`, any other method a 405."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            return view(request, *args, **kwargs)
        if request.method == "OPTIONS":
            return options_response()
        response = problems.respond(request, problems.method_not_allowed(request.method))
        response["Allow"] = METHODS
        return response

    return guarded


def options_response(allowed: Iterable[str] = METHODS.split(", ")) -> HttpResponse:
    """A 204 whose `Allow` lists the allowed methods."""
    response = HttpResponse(status=204, headers={"Allow": ", ".join(allowed)})
    del response["Content-Type"]
    return response
