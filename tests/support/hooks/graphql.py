"""What schemathesis is to hold GraphQL's answers to: errors are refusals of arguments, and whatever failed is null."""

from typing import Any

import schemathesis


def _errors(response: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response.json().get("errors", [])
    return found


@schemathesis.check
def errors_are_refusals(context: Any, response: Any, case: Any) -> None:
    """Each error is about an argument; what it is about is null, and a query that is not executed has no data."""
    data = response.json().get("data")
    for error in _errors(response):
        assert error["message"] and error["extensions"]["code"] == "invalid_parameter", error
        value = data
        for step in error.get("path", ()):
            value = value[step]
        assert value is None, error
    assert response.status_code in (200, 400)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Not a failure: a refused argument, which the types alone cannot tell from a right one."""
    refusals = [error["extensions"]["code"] == "invalid_parameter" for error in _errors(response)]
    return "GraphQL" not in failure.title or not refusals or not all(refusals)
