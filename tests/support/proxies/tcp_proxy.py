"""A TCP proxy between the service and a server, with faults that are switched on and off while it runs.

with TcpProxy(valkey.port) as proxy:
    proxy.on_reply = later(0.2)
"""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Self

from tests.support.proxies.plain_end import plain_end

#: Given the client's side of a connection and what the server sent: does with it what it likes.
Fault = Callable[[socket.socket, bytes], None]


class TcpProxy:
    """Passes bytes between its own `port` and the port `target`; `stop` ends every thread and socket that it made."""

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.target = target
        self.tls = tls
        self.on_reply: Fault | None = None
        self.accepted = 0
        self._sockets: set[socket.socket] = set()
        self._clients: set[socket.socket] = set()
        self._silent: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"{'rediss' if self.tls else 'redis'}://localhost:{self.port}/0"

    def push(self, data: bytes) -> None:
        """Sends `data` to every client, unasked."""
        for client in list(self._clients):
            client.sendall(data)

    def cut(self) -> None:
        """Ends every connection; new ones are taken."""
        for each in list(self._sockets):
            self._end(each)

    def silence(self) -> None:
        """Passes nothing on over the connections of now, and ends none: their server's machine is gone."""
        self._silent |= self._sockets

    def stop(self) -> None:
        self._end(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="tcp-proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with ExitStack() as unless_served:
            unless_served.enter_context(client)
            try:
                server = unless_served.enter_context(socket.create_connection(("127.0.0.1", self.target)))
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.tls:
                    client = plain_end(self.tls.wrap_socket(client, server_side=True))
            except OSError:
                return
            unless_served.pop_all()
        self._clients.add(client)
        self._sockets |= {client, server}
        self._start(self._pump, server, client, True)
        self._pump(client, server, False)

    def _pump(self, source: socket.socket, sink: socket.socket, is_reply: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if source in self._silent:
                    continue
                if is_reply and self.on_reply:
                    self.on_reply(sink, data)
                else:
                    sink.sendall(data)
        for each in (source, sink):
            self._end(each)

    def _end(self, each: socket.socket) -> None:
        self._clients.discard(each)
        self._sockets.discard(each)
        self._silent.discard(each)
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def later(seconds: float) -> Fault:
    """A fault: every reply comes that much later."""

    def fault(client: socket.socket, data: bytes) -> None:
        time.sleep(seconds)
        client.sendall(data)

    return fault


def instead(said: bytes) -> Fault:
    """A fault: `said` comes in place of every reply."""
    return lambda client, data: client.sendall(said)


def lost(client: socket.socket, data: bytes) -> None:
    """A fault: the server did what it was asked, and its reply is dropped."""


def only_first(count: int) -> Fault:
    """A fault: of every reply only the first `count` bytes come."""
    return lambda client, data: client.sendall(data[:count])


def reset_after(count: int) -> Fault:
    """A fault: the connection is reset after the first `count` bytes of a reply."""

    def fault(client: socket.socket, data: bytes) -> None:
        client.sendall(data[:count])
        # Lingering for no time at all makes the close a reset.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        raise OSError("reset")

    return fault
