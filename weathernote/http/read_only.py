"""What paths that are only read say to other methods: the one error shape, and to OPTIONS what is allowed."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from weathernote.http import problems

METHODS = "GET, HEAD, OPTIONS"

View = Callable[..., HttpResponseBase]


def read_only(view: View) -> View:
    """Wraps `view`: GET and HEAD reach it, OPTIONS is told what is allowed, any other method gets a 405."""

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


def options_response() -> HttpResponse:
    """A 204 whose `Allow` names the methods."""
    response = HttpResponse(status=204, headers={"Allow": METHODS})
    del response["Content-Type"]
    return response
