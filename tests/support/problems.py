"""What every error looks like, whoever reports it: application/problem+json with a code of `CODES`, never cached."""

import json
from collections.abc import Mapping
from typing import Any

from weathernote.http.problems import CODES


def problem_in(status: int, headers: Mapping[str, str], text: str) -> dict[str, Any]:
    """The fields of an error's body; raises AssertionError for an answer that has not the shape of every error."""
    problem = json.loads(text)
    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == "no-store"
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem)
    assert (problem["status"], problem["title"]) == (status, CODES[problem["code"]][1])
    assert CODES[problem["code"]][0] == status
    assert problem["request_id"] == headers["x-request-id"]
    assert ("errors" in problem) == (status == 400)
    assert ("retry-after" in headers) == (status in (429, 503))
    return problem


def code_of(status: int, headers: Mapping[str, str], text: str) -> str:
    """The code of an error; raises AssertionError for an answer that has not the shape of every error."""
    return problem_in(status, headers, text)["code"]


def code(response: Any) -> str:
    """The code of a response of requests or of Django's client; raises AssertionError where it is no error."""
    return code_of(response.status_code, response.headers, response.content.decode())


def problem_of(response: Any, status: int, code: str) -> dict[str, Any]:
    """The fields of a response's body; raises AssertionError where it is not the error of this status and code."""
    problem = problem_in(response.status_code, response.headers, response.content.decode())
    assert (problem["status"], problem["code"]) == (status, code)
    return problem
