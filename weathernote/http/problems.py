"""The shape of every error response: RFC 9457 problem details."""

import json
import logging
import math
import sys
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from weathernote.http.request_context import context_of
from weathernote.telemetry.metrics import route_of

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

#: Stable code → (HTTP status, title).
CODES = {
    "invalid_parameter": (400, "Invalid parameter"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "Method not allowed"),
    "rate_limited": (429, "Too many requests"),
    "upstream_unavailable": (503, "Weather source unavailable"),
    "budget_exhausted": (503, "Upstream budget spent"),
    "overloaded": (503, "Too many requests are waiting"),
    "internal_error": (500, "Internal error"),
}


class Problem(exceptions.APIException):
    """An error on its way to the client, raised anywhere below a view.

    `errors` name the parameters at fault as (parameter, detail); `retry_after_seconds` goes into Retry-After
    and the `policy` that was exceeded into RateLimit-Policy.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        retry_after_seconds: int | None = None,
        policy: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status_code = CODES[code][0]
        self.code = code
        self.text = detail
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds
        self.policy = policy


class ParameterErrorSerializer(serializers.Serializer):
    """An item of `errors`: a parameter and what is wrong with it."""

    parameter = serializers.CharField(help_text="The parameter at fault")
    detail = serializers.CharField(help_text="What is wrong with it")


class ProblemSerializer(serializers.Serializer):
    """An error as RFC 9457 problem details."""

    type = serializers.CharField(help_text="Always about:blank: `code` tells the kinds apart")
    title = serializers.CharField(help_text="The kind of problem in words")
    status = serializers.IntegerField(help_text="The HTTP status")
    detail = serializers.CharField(help_text="What happened this time")
    code = serializers.ChoiceField(choices=list(CODES), help_text="A stable word for programs")
    request_id = serializers.CharField(help_text="Finds the request in the service's log")
    errors = ParameterErrorSerializer(  # type: ignore[assignment] # a field of that name, as in RFC 9457
        many=True, required=False, help_text="On 400: each parameter at fault"
    )


def invalid_parameters(errors: Sequence[tuple[str, str]]) -> Problem:
    """A 400 from pairs (parameter, what is wrong with it)."""
    return Problem("invalid_parameter", "; ".join(f"{name} {detail}" for name, detail in errors), errors=errors)


def problem_details(request: HttpRequest | Request, problem: Problem) -> dict[str, Any]:
    """The members of the problem's JSON object, for a response's body or one item of a batch."""
    return details_of(problem, context_of(request).request_id)


def details_of(problem: Problem, request_id: str) -> dict[str, Any]:
    """The members of the problem's JSON object, with the ID of the request that it is about."""
    status, title = CODES[problem.code]
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": problem.text,
        "code": problem.code,
        "request_id": request_id,
    }
    if status == HTTPStatus.BAD_REQUEST:
        body["errors"] = [{"parameter": name, "detail": detail} for name, detail in problem.errors]
    return body


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The response for a problem, with `no-store`."""
    text = json.dumps(problem_details(request, problem), ensure_ascii=False)
    response = HttpResponse(text, status=CODES[problem.code][0], content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    # Django would log every 5xx; `_internal_error` has already logged it.
    response._has_been_logged = True  # type: ignore[attr-defined]
    if problem.retry_after_seconds is not None:
        response["Retry-After"] = str(problem.retry_after_seconds)
    if problem.policy is not None:
        response["RateLimit-Policy"] = problem.policy
    return response


def from_exception(exception: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's exception handler: a problem response; an unexpected exception is logged and answered as 500."""
    request = context["request"]
    if isinstance(exception, exceptions.Throttled):
        return respond(request, too_many_requests(getattr(exception, "wait", None) or 0))
    if isinstance(exception, exceptions.MethodNotAllowed):
        allowed = context["view"].allowed_methods
        response = respond(request, method_not_allowed(request.method, allowed))
        response["Allow"] = ", ".join(allowed)
        return response
    if isinstance(exception, Http404 | exceptions.NotFound | PermissionDenied):
        return respond(request, Problem("not_found", "There is nothing here."))
    if isinstance(exception, Problem):
        return respond(request, exception)
    return _internal_error(request, exception)


def too_many_requests(wait_seconds: float) -> Problem:
    """A 429 for a client that has no request left for so long."""
    wait = math.ceil(wait_seconds)
    return Problem("rate_limited", f"Too many requests; come again in {wait} s.", retry_after_seconds=wait)


def no_such_path() -> Problem:
    """A 404 for a path that does not exist."""
    return Problem("not_found", "There is nothing here. The API is described at /api/v1/docs.")


def method_not_allowed(method: str | None, allowed: Sequence[str] = ("GET", "HEAD", "OPTIONS")) -> Problem:
    """A 405 that names the method, if it is a plain word, and the allowed methods."""
    *first, last = allowed
    detail = f"{_printable(method or '')} is not allowed here; {', '.join(first)} and {last} are."
    return Problem("method_not_allowed", detail)


def _printable(text: str) -> str:
    return text if text.isascii() and text.isalpha() and len(text) <= 16 else "This method"


# ── Django's own error views, named in urls.py ────────────────────────────────────────────────────


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A 400 for what Django refuses before a view: a `Host` that is not served, a form that is too large."""
    if isinstance(exception, DisallowedHost):
        return respond(request, invalid_parameters([("Host", "is not a host that is served here")]))
    if isinstance(exception, TooManyFieldsSent):
        most = f"{settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,}"
        return respond(request, invalid_parameters([("body", f"has more than {most} fields")]))
    if isinstance(exception, RequestDataTooBig):
        most = f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,}"
        return respond(request, invalid_parameters([("body", f"has more than {most} bytes, not counting files")]))
    return respond(request, invalid_parameters([("request", "is malformed")]))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A 404 for a path that no URL pattern matches."""
    return respond(request, no_such_path())


def server_error(request: HttpRequest) -> HttpResponse:
    """A 500 for an exception outside DRF's views, which is logged."""
    return _internal_error(request, sys.exc_info()[1])


def _internal_error(request: HttpRequest, exception: BaseException | None) -> HttpResponse:
    # The route, since the path is text of the client and may hold a position.
    route, request_id = route_of(request.path), context_of(request).request_id
    log.error("Internal error at %s, request %s", route, request_id, exc_info=exception)
    return respond(request, Problem("internal_error", "Something went wrong here; the request id finds it in the log."))
