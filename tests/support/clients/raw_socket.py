"""A WebSocket's client that sends what no library would, byte for byte."""

import base64
import os
import socket
import struct
from typing import Self

MASK = b"\1\2\3\4"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, length: int = -1) -> bytes:
    """A frame; `length` is what its head says, where that is not the payload's."""
    said = len(payload) if length < 0 else length
    bit = 0x80 if masked else 0
    if said < 126:
        head = bytes([bit | said])
    elif said < 65_536:
        head = bytes([bit | 126]) + struct.pack("!H", said)
    else:
        head = bytes([bit | 127]) + struct.pack("!Q", said)
    data = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload)) if masked else payload
    return bytes([(0x80 if fin else 0) | opcode]) + head + (MASK if masked else b"") + data


class RawSocket:
    """A connection that has been upgraded; `buffer_bytes` is what its kernel takes without being read."""

    def __init__(self, port: int, client: str, *, buffer_bytes: int = 0) -> None:
        self.connection = socket.socket()
        self.connection.settimeout(30)
        if buffer_bytes:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.connection.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.sendall(
            f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nx-client-id: {client}\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.connection.recv(1)
        assert b" 101 " in head.partition(b"\r\n")[0], head

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def close_code(self) -> int:
        """The code of the close that comes, whatever comes before it; raises EOFError where none does."""
        while True:
            opcode, payload = self._frame()
            if opcode == CLOSE:
                return int(struct.unpack("!H", payload[:2])[0])

    def _frame(self) -> tuple[int, bytes]:
        first, length = self._exactly(2)
        if length == 126:
            (length,) = struct.unpack("!H", self._exactly(2))
        return first & 15, self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            more = self.connection.recv(size - len(received))
            if not more:
                raise EOFError("the connection has ended")
            received += more
        return received
