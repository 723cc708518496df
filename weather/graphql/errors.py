"""Errors in GraphQL's shape, with the fields of a problem in `extensions`."""

import json
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request

from weathernote.http import problems
from weathernote.http.problems import Problem

CONTENT_TYPE = "application/json"
NOT_FOUND = "PersistedQueryNotFound"


class Refused(Problem):
    """A request that is not executed (400); `graphql_errors` are those of its document, as GraphQL writes them."""

    def __init__(self, detail: str, graphql_errors: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__("invalid_parameter", detail, errors=[("query", detail)])
        self.graphql_errors = graphql_errors


class PersistedQueryNotFound(Refused):
    """No document is known by the hash; Apollo's clients send its text then."""

    def __init__(self) -> None:
        super().__init__(NOT_FOUND)


def of_problem(request: HttpRequest | Request, problem: Problem, path: list[str | int] | None = None) -> dict[str, Any]:
    """A GraphQL error of a problem, at a path of the answer where it is about a part."""
    details = problems.problem_details(request, problem)
    message = details.pop("detail")
    if problem.retry_after_seconds is not None:
        details["retry_after_seconds"] = problem.retry_after_seconds
    return {"message": message, **({"path": path} if path else {}), "extensions": details}


def from_exception(exception: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's exception handler: as problems.from_exception, with a body in GraphQL's shape; a 405 stays as it is."""
    response = problems.from_exception(exception, context)
    if isinstance(exception, MethodNotAllowed):
        return response
    request = context["request"]
    details = json.loads(response.content)
    message = details.pop("detail")
    if "Retry-After" in response:
        details["retry_after_seconds"] = int(response["Retry-After"])
    errors = [{"message": message, "extensions": details}]
    if isinstance(exception, PersistedQueryNotFound):
        # As Apollo's server: a 200, whose error the client reads.
        response.status_code = 200
        errors = [{"message": NOT_FOUND, "extensions": {**details, "code": "PERSISTED_QUERY_NOT_FOUND"}}]
    elif isinstance(exception, Refused) and exception.graphql_errors:
        errors = [{**one, "extensions": _extensions(request, exception, one)} for one in exception.graphql_errors]
    response.content = json.dumps({"errors": errors}, ensure_ascii=False).encode(errors="replace")
    response["Content-Type"] = CONTENT_TYPE
    return response


def _extensions(request: HttpRequest | Request, refused: Refused, error: dict[str, Any]) -> dict[str, Any]:
    details = problems.problem_details(request, refused)
    del details["detail"]
    details["errors"] = [{"parameter": "query", "detail": error["message"]}]
    return details
