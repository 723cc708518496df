"""An upstream that says what a test tells it to, byte for byte, and right answers for it to say."""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from weather.core.cells import Cell
from weather.core.variables import HOUR_SECONDS, HOURLY, HOURS

#: 2026-01-15 10:20 UTC
NOW = 1_768_472_400
MIDNIGHT = NOW - NOW % 86_400

CELL = Cell.parse("40.7128", "-74.0060")
CELLS = [CELL, Cell.parse("51.5", "-0.1"), Cell.parse("-33.9", "151.2")]

#: Bytes, or a function that yields them; ConnectionResetError out of it resets the connection.
Said = bytes | Callable[[], Iterator[bytes]]


def place(cell: Cell = CELL, start: int = MIDNIGHT, rows: int = HOURS) -> dict[str, Any]:
    """What Open-Meteo says about a cell: a point of its grid near the centre, ten columns, all in range."""
    return {
        "latitude": cell.latitude + 0.02,
        "longitude": cell.longitude - 0.03,
        "generationtime_ms": 0.7,
        "utc_offset_seconds": 0,
        "timezone": "America/New_York",
        "timezone_abbreviation": "GMT-5",
        "elevation": 12.0,
        "hourly_units": {"time": "unixtime"} | {variable.name: variable.unit for variable in HOURLY},
        "hourly": {"time": [start + row * HOUR_SECONDS for row in range(rows)]}
        | {variable.name: [_value(variable.decimals, row) for row in range(rows)] for variable in HOURLY[:6]}
        | {"pressure_msl": [1000 + row % 20 + 0.5 for row in range(rows)]}
        | {variable.name: [_value(variable.decimals, row) for row in range(rows)] for variable in HOURLY[7:]},
    }


def _value(decimals: int, row: int) -> float:
    return round(row % 50 + 0.25, decimals) if decimals else row % 50


def answer(cells: list[Cell]) -> Any:
    """The answer for one cell, an object, or for several, an array."""
    places = [place(cell) for cell in cells]
    return places[0] if len(places) == 1 else places


def http(body: object = b"", status: int = 200, **headers: str) -> bytes:
    """An HTTP response; a body that is not bytes becomes JSON, `Content_Encoding="gzip"` compresses it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if headers.get("Content_Encoding") == "gzip":
        content = gzip.compress(content)
    headers = {"Content_Length": str(len(content))} | headers
    lines = [f"HTTP/1.1 {status} Said", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


class StagedUpstream:
    """A server on loopback that says the given things one after the other, the last one again and again.

    Connections are kept alive. `requests` are the heads of the requests so far, `connections` their number.
    """

    def __init__(self, *said: Said) -> None:
        self._said = list(said)
        self.requests: list[str] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while head := self._head(connection):
                self.requests.append(head)
                self._say(connection)

    def _head(self, connection: socket.socket) -> str:
        received = b""
        while b"\r\n\r\n" not in received:
            more = connection.recv(65_536)
            if not more:
                return ""
            received += more
        return received.decode("latin-1")

    def _say(self, connection: socket.socket) -> None:
        said = self._said.pop(0) if len(self._said) > 1 else self._said[0]
        try:
            for part in [said] if isinstance(said, bytes) else said():
                connection.sendall(part)
        except ConnectionResetError:
            # Zero seconds to linger: the close is a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise
