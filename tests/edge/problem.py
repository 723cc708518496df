"""What every error must look like, whoever says it."""

import json
from collections.abc import Mapping

from weathernote.http.problems import CODES


def code_of(status: int, headers: Mapping[str, str], body: str) -> str:
    """The code of an error in the one shape; fails for any other."""
    told = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == "no-store"
    assert (told["status"], told["title"]) == (status, CODES[told["code"]][1])
    assert CODES[told["code"]][0] == status
    assert told["request_id"] == headers["x-request-id"]
    assert ("errors" in told) == (status == 400)
    assert ("retry-after" in headers) == (status in (429, 503))
    return told["code"]


def code(response) -> str:
    return code_of(response.status_code, response.headers, response.text)
