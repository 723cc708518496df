"""A TLS connection for two threads, of which one reads while the other writes.

Python 3.11 lets both into OpenSSL at once, which now and then fails, or ends the process by a segmentation fault
(https://github.com/python/cpython/issues/151508).
"""

import select
import socket
import ssl
import threading
from contextlib import suppress


def plain_end(line: ssl.SSLSocket) -> socket.socket:
    """A socket that says in plain what `line` hears, and the other way; one thread alone touches `line`."""
    near, far = socket.socketpair()
    line.setblocking(False)
    threading.Thread(target=_carry, args=(line, far), name="plain-end", daemon=True).start()
    return near


def _carry(line: ssl.SSLSocket, far: socket.socket) -> None:
    events = select.poll()
    for each in (line, far):
        events.register(each, select.POLLIN)
    with line, far, suppress(OSError):
        while True:
            while (heard := _heard(line)) is not None:
                if not heard:
                    return
                far.sendall(heard)
            if far.fileno() in {descriptor for descriptor, _ in events.poll()}:
                if not (said := far.recv(65_536)):
                    return
                _say(line, said)


def _heard(line: ssl.SSLSocket) -> bytes | None:
    """What has come; none at its end, None where more must come first."""
    try:
        return line.recv(65_536)
    except ssl.SSLWantReadError:
        return None


def _say(line: ssl.SSLSocket, said: bytes) -> None:
    while said:
        try:
            said = said[line.send(said) :]
        except ssl.SSLWantWriteError:
            select.select([], [line], [])
