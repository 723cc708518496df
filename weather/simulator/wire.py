"""What goes over the wire: an HTTP answer, and the connection that it is written to, in ways both proper and not."""

import gzip
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.client import responses
from typing import Any

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """Status, headers beyond the usual ones, and body; data comes chunked, as from the real server."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False

    @classmethod
    def of_json(cls, value: Any, status: int = 200) -> "Answer":
        """`value` as compact UTF-8 JSON."""
        return cls(status, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

    @classmethod
    def of_error(cls, status: int, reason: str) -> "Answer":
        """Open-Meteo's form of an error, whose keys come in one order or the other there too."""
        document = {"error": True, "reason": reason}
        return cls.of_json(document if status == 400 else dict(reversed(document.items())), status)

    def compressed(self) -> "Answer":
        """This answer with a gzipped body, at the fastest level: the tested service shares the processor."""
        body = gzip.compress(self.body, 1, mtime=0)
        headers = self.headers | {"Content-Encoding": "gzip"}
        return Answer(self.status, body, self.content_type, headers, self.chunked)

    def head(self, *, keep_alive: bool = True) -> bytes:
        """The status line and the headers, up to the empty line."""
        length = {"Transfer-Encoding": "chunked"} if self.chunked else {"Content-Length": str(len(self.body))}
        headers = {
            "Date": formatdate(usegmt=True),
            "Content-Type": self.content_type,
            **length,
            "Connection": "keep-alive" if keep_alive else "close",
            **self.headers,
        }
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def framed(self) -> bytes:
        """The body as it is written, chunked or not."""
        return chunk(self.body) + LAST_CHUNK if self.chunked else self.body


LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """`data` as one chunk of a chunked body; no bytes for no data, since an empty chunk ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


class Line:
    """The client's connection, for answers that are not simply written.

    `pause(seconds)` says whether the time went by undisturbed: it ends early when the fault or the simulator does.
    """

    def __init__(self, connection: socket.socket, pause: Callable[[float], bool]) -> None:
        self._connection = connection
        self.pause = pause

    def send(self, data: bytes) -> None:
        """Writes `data`; raises OSError if the client has closed the connection."""
        self._connection.sendall(data)

    def send_answer(self, answer: Answer, *, keep_alive: bool) -> None:
        """Writes the complete answer."""
        self.send(answer.head(keep_alive=keep_alive) + answer.framed())

    def drip(self, data: bytes, size: int, interval_seconds: float) -> None:
        """Writes `data` in pieces of `size` bytes with pauses between them, until the fault is lifted."""
        for start in range(0, len(data), size):
            self.send(data[start : start + size])
            if not self.pause(interval_seconds):
                return

    def hang(self, seconds: float) -> None:
        """Waits until the time is over, the fault is lifted or the client has closed the connection."""
        while seconds > 0 and self.pause(min(seconds, 0.1)) and not self._left():
            seconds -= 0.1

    def reset_on_close(self) -> None:
        """Closing now sends RST instead of FIN."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _left(self) -> bool:
        try:
            return not self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
