"""An answer or a problem in the forms in which streams send it: made once, for all streams that get it."""

import re
from dataclasses import dataclass
from typing import Self

from blake3 import blake3

from weather.core.answers import Answer
from weather.core.cells import Cell
from weather.live import messages
from weathernote.http.problems import Problem, details_of

_EXPIRY = re.compile(rb'"expires_at":"[^"]{1,30}"')
_LONGEST_TAIL = 300


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent about a cell, or about none: `text` on a WebSocket, `event` as a server-sent event."""

    cell: Cell | None
    text: str
    event: bytes
    #: When the record behind it was heard of, in seconds of a monotonic clock; None for what no record has caused.
    heard_at: float | None = None

    @classmethod
    def weather(cls, cell: Cell, answer: Answer, body: bytes | None = None, heard_at: float | None = None) -> Self:
        """The message of an answer; `body` replaces its text, for the phone that caused it to be fetched."""
        body = answer.text if body is None else body
        text, event = messages.weather_text(cell, answer.etag, body), messages.weather_event(answer.etag, body)
        return cls(cell, text, event, heard_at)

    @classmethod
    def problem(cls, cell: Cell | None, problem: Problem, request_id: str) -> Self:
        """The message of a problem, with the ID of the request that opened the stream."""
        details = details_of(problem, request_id)
        if problem.retry_after_seconds is not None:
            details["retry_after_seconds"] = problem.retry_after_seconds
        return cls(cell, messages.problem_text(cell, details), messages.problem_event(details))


def content_of(text: bytes) -> bytes:
    """A digest of all that an answer says but for when it ends: equal ones tell a phone nothing new."""
    expiry = _EXPIRY.search(text, max(0, len(text) - _LONGEST_TAIL))
    said = text if expiry is None else text[: expiry.start()] + text[expiry.end() :]
    return blake3(said).digest(length=16)
