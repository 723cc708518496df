"""The lines of the log: the fields that all have, those that a request's has, and a request's lines of an output."""

import json
from typing import Any

BASE = {"time", "level", "logger", "message"}
OF_A_REQUEST = BASE | {
    "request_id",
    "route",
    "method",
    "status",
    "duration_ms",
    "cell",
    "cache",
    "client",
    "upstream_wait_ms",
}


def requests_in(said: str) -> list[dict[str, Any]]:
    """The lines about requests in what a process wrote, each as a dict."""
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [line for line in lines if line["logger"] == "weathernote.requests"]
