"""The server's limit: a WSGI callable that gives the same bytes to everyone, and does nothing else."""

from collections.abc import Callable, Iterable
from typing import Any

#: As long as the answer of /weather is.
BODY = b'{"current":"' + b"." * 1000 + b'"}'
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", HEADERS)
    return [BODY]
