"""Ways in which Open-Meteo, or what lies between, can fail; each a small function named as the fault is.

A fault belongs to one of four tables, by what it changes: the call, the document of one location, the complete
answer, or the connection. Its keyword arguments are the function's.
"""

import dataclasses
import json
import zlib
from functools import lru_cache
from typing import Protocol

from weather.simulator.call import Refused, bad_request
from weather.simulator.faults.document_faults import ON_DOCUMENT, by_name
from weather.simulator.wire import Answer, Line, chunk

MEGABYTE = 1_000_000
LONGEST_HANG_SECONDS = 60
#: Before the path and query that a redirect points to.
ELSEWHERE = "/elsewhere"

_REASONS = {
    400: "No data is available for this location",
    401: "API key required. Please add &apikey= to the URL.",
    403: "This API endpoint requires the API Professional or Enterprise plan",
    429: "Minutely API request limit exceeded. Please try again in one minute.",
    503: "The service is overloaded",
}
_NGINX_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_PROXY_STATUS = {502: "502 Bad Gateway", 504: "504 Gateway Time-out"}


# On the call, while it holds its turn.


class Pauses(Protocol):
    """What waits, for a fault of the call."""

    def pause(self, seconds: float) -> bool:
        """Waits; False if the fault or the simulator ended meanwhile."""
        ...


def delay(simulator: Pauses, *, seconds: float = 1.0) -> None:
    """The answer comes `seconds` later."""
    simulator.pause(seconds)


def status(_: Pauses, *, status: int = 500, retry_after: str | int | None = None, reason: str | None = None) -> None:
    """An error with this status and reason, and a Retry-After header if one is given."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    raise FailedCall(Refused(status, reason or _REASONS.get(status, "Internal Server Error")), headers)


def refused_place(_: Pauses) -> None:
    """A 400 for a location that Open-Meteo has no data of."""
    raise bad_request(_REASONS[400])


class FailedCall(Exception):
    """A refusal with headers of its own."""

    def __init__(self, refused: Refused, headers: dict[str, str]) -> None:
        super().__init__(refused.reason)
        self.refused = refused
        self.headers = headers


# On the complete answer to the call for `target`, a path with its query.


def html(answer: Answer, target: str, *, status: int = 502) -> Answer:
    """An error page of a proxy instead of JSON."""
    page = _NGINX_PAGE.format(_PROXY_STATUS.get(status, str(status)))
    return Answer(status, page.encode(), "text/html")


def truncated(answer: Answer, target: str, *, at: float = 0.5) -> Answer:
    """The body cut off at a fraction `at`, with the Content-Length of the rest."""
    return dataclasses.replace(answer, body=answer.body[: int(len(answer.body) * at)], chunked=False)


def text(answer: Answer, target: str, *, instead: bool = False) -> Answer:
    """Open-Meteo's text of a failure, after half of the JSON or instead of it."""
    begun = b"" if instead else answer.body[: len(answer.body) // 2]
    return dataclasses.replace(answer, body=begun + b"Unexpected error while streaming data: timeoutReached")


def wrong_order(answer: Answer, target: str) -> Answer:
    """The locations of a batch in reverse order, with the `location_id`s of the right order."""
    documents = json.loads(answer.body)
    if not isinstance(documents, list):
        return answer
    ids = [{"location_id": number} if number else {} for number in range(len(documents))]
    for document in documents:
        document.pop("location_id", None)
    turned = [document | number for document, number in zip(reversed(documents), ids, strict=True)]
    return dataclasses.replace(answer, body=json.dumps(turned, ensure_ascii=False).encode())


def redirect(answer: Answer, target: str, *, url: str = "", status: int = 302) -> Answer:
    """A redirect to `url`, by default to a path of the simulator that answers and counts its requests."""
    return Answer(status, b"", headers={"Location": url or f"{ELSEWHERE}{target}"})


# On the connection, which is closed afterwards.


def drip(line: Line, answer: Answer, *, interval_seconds: float = 0.1, size: int = 1) -> None:
    """`size` bytes of the body every `interval_seconds`."""
    plain = dataclasses.replace(answer, chunked=False)
    line.send(plain.head(keep_alive=False))
    line.drip(plain.body, size, interval_seconds)


def drip_headers(line: Line, answer: Answer, *, interval_seconds: float = 0.1, size: int = 1) -> None:
    """`size` bytes of the headers every `interval_seconds`, and no body."""
    line.drip(answer.head(keep_alive=False), size, interval_seconds)


def chunked_cut(line: Line, answer: Answer) -> None:
    """Sends half of the body and closes the connection without the last chunk."""
    complete = dataclasses.replace(answer, chunked=True)
    line.send(complete.head(keep_alive=False) + chunk(answer.body[: len(answer.body) // 2]))


def reset(line: Line, answer: Answer) -> None:
    """Sends half of the body, then RST."""
    chunked_cut(line, answer)
    line.reset_on_close()


def close(line: Line, answer: Answer) -> None:
    """Closes the connection without an answer."""


def hang(line: Line, answer: Answer, *, seconds: float = LONGEST_HANG_SECONDS) -> None:
    """No byte for `seconds`, then the connection is closed."""
    line.hang(min(seconds, LONGEST_HANG_SECONDS))


def big(line: Line, answer: Answer, *, megabytes: int = 100) -> None:
    """`megabytes` of spaces, which JSON allows, before a right answer."""
    huge = dataclasses.replace(answer, chunked=True)
    line.send(huge.head(keep_alive=False))
    spaces = chunk(b" " * MEGABYTE)
    for _ in range(megabytes):
        line.send(spaces)
    line.send(huge.framed())


def gzip_bomb(line: Line, answer: Answer, *, megabytes: int = 150) -> None:
    """A few hundred kilobytes that unpack to `megabytes` of spaces."""
    packed = Answer(200, _packed_spaces(megabytes), headers={"Content-Encoding": "gzip"})
    line.send(packed.head(keep_alive=False) + packed.body)


@lru_cache(maxsize=1)
def _packed_spaces(megabytes: int) -> bytes:
    spaces = b" " * MEGABYTE
    # A full flush makes every megabyte compress to the same bytes, so that one stands for all.
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    packed = packer.compress(spaces) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(spaces, checksum)
    size = megabytes * MEGABYTE % 2**32
    trailer = checksum.to_bytes(4, "little") + size.to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + packed * megabytes + packer.flush() + trailer


ON_CALL = by_name(delay, status, refused_place)
ON_ANSWER = by_name(html, truncated, text, wrong_order, redirect)
ON_CONNECTION = by_name(drip, drip_headers, chunked_cut, reset, close, hang, big, gzip_bomb)
KINDS = ON_CALL | ON_DOCUMENT | ON_ANSWER | ON_CONNECTION
