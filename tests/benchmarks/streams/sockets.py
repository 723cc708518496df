"""Thousands of WebSockets in one process, with little work for each: plain sockets, epoll, frames by hand."""

import json
import re
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from weather.core.cells import Cell

PATH = "/api/v1/live"
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nx-client-id: {client}\r\n\r\n"
)
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_PATIENCE_SECONDS = 120


#: Where every server's message says first which cell it is about.
_PLACE = re.compile(rb'"latitude": ?([-0-9.]+), ?"longitude": ?([-0-9.]+)')


class Arrival(NamedTuple):
    """A message: the cell that it is about, as its text has it, and when it was read (monotonic seconds)."""

    place: tuple[bytes, ...]
    at: float


def place_of(cell: Cell) -> tuple[bytes, ...]:
    """The cell as texts have it."""
    return str(cell.latitude).encode(), str(cell.longitude).encode()


class Stream:
    """One socket: what it still has to send, and what of a frame has come."""

    __slots__ = ("buffer", "cells", "is_upgraded", "number", "socket")

    def __init__(self, number: int, cell: Cell) -> None:
        self.number = number
        self.cells = [cell]
        self.buffer = b""
        self.is_upgraded = False
        self.socket = socket.socket()
        self.socket.setblocking(False)


class Streams:
    """Streams to one address. `arrivals` has each message since it was last emptied; `lost` counts those that ended."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: list[Stream] = []
        self.arrivals: list[Arrival] = []
        self.lost = 0
        self._poll = select.epoll()
        self._by_file: dict[int, Stream] = {}

    def open(self, cells: Sequence[Cell], *, at_once: int = 200) -> float:
        """Opens a stream on each of the cells and waits until each has its first answer; returns how long it took."""
        began, answered = time.monotonic(), len(self.arrivals)
        waiting = list(reversed(cells))
        first = len(self.streams)

        def is_done() -> bool:
            under_way = len(self.streams) - first - (len(self.arrivals) - answered)
            for _ in range(min(at_once - under_way, len(waiting))):
                self._connect(waiting.pop())
            return not waiting and len(self.arrivals) - answered >= len(cells) - self.lost

        self.run(is_done)
        return time.monotonic() - began

    def subscribe(self, wanted: Sequence[tuple[Stream, Cell]], *, at_once: int = 500) -> None:
        """Subscribes streams to one more cell each and waits for the answers."""
        still_open = [(stream, cell) for stream, cell in wanted if stream.socket.fileno() != -1]
        for begin in range(0, len(still_open), at_once):
            some = still_open[begin : begin + at_once]
            due = len(self.arrivals) + len(some)
            for stream, cell in some:
                stream.cells.append(cell)
                stream.socket.send(subscription(cell))
            self.run(partial(self._have_come, due))

    @property
    def subscriptions(self) -> int:
        """How many messages come where every cell is refreshed once."""
        return sum(len(stream.cells) for stream in self.streams if stream.socket.fileno() != -1)

    def run(self, is_done: Callable[[], bool], *, patience_seconds: float = _PATIENCE_SECONDS) -> bool:
        """Reads what comes until it is done; False if that takes too long."""
        end = time.monotonic() + patience_seconds
        while not is_done():
            for file, event in self._poll.poll(0.01, 1000):
                self._ready(self._by_file[file], event)
            if time.monotonic() > end:
                return False
        return True

    def _have_come(self, count: int) -> bool:
        return len(self.arrivals) >= count

    def close(self) -> None:
        for stream in self.streams:
            stream.socket.close()
        self._poll.close()

    def _connect(self, cell: Cell) -> None:
        stream = Stream(len(self.streams), cell)
        self.streams.append(stream)
        with suppress(BlockingIOError):
            stream.socket.connect(("127.0.0.1", self.port))
        self._by_file[stream.socket.fileno()] = stream
        self._poll.register(stream.socket, select.EPOLLOUT)

    def _ready(self, stream: Stream, event: int) -> None:
        try:
            if event & select.EPOLLOUT:
                asked = UPGRADE.format(path=PATH, client=f"phone-{stream.number:06}")
                stream.socket.send(asked.encode())
                self._poll.modify(stream.socket, select.EPOLLIN)
                return
            piece = stream.socket.recv(65536)
        except OSError:
            piece = b""
        at = time.monotonic()
        if not piece:
            self._end(stream)
            return
        stream.buffer += piece
        if not stream.is_upgraded:
            self._upgraded(stream)
        whole, stream.buffer = frames(stream.buffer)
        for opcode, payload in whole:
            if opcode == _TEXT:
                found = _PLACE.search(payload, 0, 200)
                self.arrivals.append(Arrival(found.groups() if found else (), at))
            elif opcode == _PING:
                stream.socket.send(masked(_PONG, payload))
            elif opcode == _CLOSE:
                self._end(stream)
                return

    def _upgraded(self, stream: Stream) -> None:
        head, end, rest = stream.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        if b" 101 " not in head.partition(b"\r\n")[0]:
            raise AssertionError(f"not upgraded: {stream.buffer[:500]!r}")
        stream.is_upgraded, stream.buffer = True, rest
        stream.socket.send(subscription(stream.cells[0]))

    def _end(self, stream: Stream) -> None:
        self.lost += 1
        with suppress(OSError):
            self._poll.unregister(stream.socket)
        self._by_file.pop(stream.socket.fileno(), None)
        stream.socket.close()


def subscription(cell: Cell) -> bytes:
    """The frame with which a client subscribes to a cell."""
    asked = {"type": "subscribe", "lat": str(cell.latitude), "lon": str(cell.longitude)}
    return masked(_TEXT, json.dumps(asked).encode())


def masked(opcode: int, payload: bytes) -> bytes:
    """A frame of a client, which has to be masked: with zeroes, which changes nothing."""
    assert len(payload) < 126
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def frames(buffer: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Opcode and payload of each whole frame, and what follows them."""
    found, at = [], 0
    while len(buffer) - at >= 2:
        length, begin = buffer[at + 1] & 0x7F, at + 2
        if length == 126:
            begin = at + 4
            if len(buffer) < begin:
                break
            (length,) = struct.unpack_from(">H", buffer, at + 2)
        if len(buffer) < begin + length:
            break
        found.append((buffer[at] & 0x0F, buffer[begin : begin + length]))
        at = begin + length
    return found, buffer[at:]
