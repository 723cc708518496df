"""Refuses what does not become a request, in the shape of all errors, before Django could."""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from websockets.http11 import Response
from websockets.server import ServerProtocol

CONTENT_TYPE = "application/problem+json"


class Handshake(ServerProtocol):
    """Refuses a broken upgrade in the shape of all errors."""

    def reject(self, status: Any, text: str) -> Response:
        """The response with this status, whose problem says the text."""
        response = super().reject(status, text)
        response.body = problem_text(response.status_code, text.strip())
        del response.headers["Content-Type"], response.headers["Content-Length"]
        response.headers["Content-Type"] = CONTENT_TYPE
        response.headers["Content-Length"] = str(len(response.body))
        response.headers["Cache-Control"] = "no-store"
        return response


def refuse(transport: asyncio.Transport, detail: str) -> None:
    """Answers with 400, whose problem says `detail`, and closes the connection."""
    body = problem_text(400, detail)
    head = f"content-type: {CONTENT_TYPE}\r\ncontent-length: {len(body)}\r\ncache-control: no-store\r\n"
    transport.write(STATUS_LINE[400] + head.encode() + b"connection: close\r\n\r\n" + body)
    transport.close()


def problem_text(status: int, detail: str) -> bytes:
    """The JSON of a problem, for 503 that of a process without room, else that of a broken request."""
    is_full = status == 503
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": "Too many requests are waiting" if is_full else "Invalid parameter",
        "status": status,
        "detail": detail,
        "code": "overloaded" if is_full else "invalid_parameter",
        "request_id": "",
    }
    if not is_full:
        problem["errors"] = [{"parameter": "request", "detail": detail}]
    return json.dumps(problem).encode()
