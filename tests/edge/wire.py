"""Requests as no library would send them, over a connection of their own."""

import re
import socket
import ssl
from contextlib import suppress

from tests.edge.edge_server import OUTSIDE, EdgeServer


def connected(edge: EdgeServer, *, secure: bool = True, address: str = OUTSIDE) -> socket.socket:
    if secure:
        return connected_by_tls(edge, address=address)
    return socket.create_connection(("127.0.0.1", edge.plain_port), timeout=20, source_address=(address, 0))


def connected_by_tls(edge: EdgeServer, *, address: str = OUTSIDE) -> ssl.SSLSocket:
    line = socket.create_connection(("127.0.0.1", edge.edge.https_port), timeout=20, source_address=(address, 0))
    return context_of(edge).wrap_socket(line, server_hostname="127.0.0.1")


def context_of(edge: EdgeServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(edge.folder / "ca.pem"))


def said_to(edge: EdgeServer, request: bytes, *, address: str = OUTSIDE) -> bytes:
    """The answer, whole."""
    answer = b""
    with connected(edge, address=address) as line:
        with suppress(ConnectionError, ssl.SSLError):  # it may hang up in mid-request
            line.sendall(request)
        while not _is_whole(answer) and (part := line.recv(65536)):
            answer += part
    return answer


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: ([0-9]+)", head.lower())
    return length is not None and bool(end) and len(body) >= int(length[1])


def got(path: str, *headers: str, host: str = "127.0.0.1") -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def left_of(ratelimit: str) -> int:
    """How many more requests a client may make, by its RateLimit header."""
    return int(ratelimit.partition("r=")[2].partition(";")[0])


def parsed(answer: bytes) -> tuple[int, dict[str, str], str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, body.decode()
