"""Resolves Redis' host names in threads of their own, so that a name server that hangs holds up no request."""

import ipaddress
import socket
import threading
from time import monotonic
from typing import Any

from redis.connection import Connection, SSLConnection

from weathernote.redis.outages.tls import translated

_SHORTEST_SECONDS = 0.001


class Resolver:
    """The addresses of hosts, by the last lookup that succeeded.

    The system's lookup has no timeout, so it runs in a thread, and a caller waits for it for a limited time. While it
    hangs or fails, the last known addresses are used; a host without any cannot be reached.
    """

    def __init__(self) -> None:
        self._addresses: dict[str, list[str]] = {}
        self._lookups: dict[str, _Lookup] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, within_seconds: float) -> list[str]:
        """At least one address of `host`, in the order to try; raises OSError if none is known `within_seconds`."""
        if _is_address(host):
            return [host]
        began = monotonic()
        with self._lock:
            lookup = self._lookups.get(host)
            if lookup is None:
                lookup = self._lookups[host] = _Lookup(began)
                self._start(host, lookup)
        # Callers wait for the first seconds of a lookup only, so that one that hangs delays no later caller.
        lookup.done.wait(max(0.0, lookup.began + within_seconds - began))
        known = lookup.addresses or self._addresses.get(host)
        if not known:
            raise lookup.failure or TimeoutError("the name server does not answer")
        return known

    def _start(self, host: str, lookup: "_Lookup") -> None:
        try:
            threading.Thread(target=self._look_up, args=(host, lookup), name="names", daemon=True).start()
        except RuntimeError as error:  # no thread available; the next caller tries again
            del self._lookups[host]
            lookup.failure = OSError(str(error))
            lookup.done.set()

    def _look_up(self, host: str, lookup: "_Lookup") -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            lookup.addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
            self._addresses[host] = lookup.addresses
        except (OSError, UnicodeError) as error:
            lookup.failure = OSError(f"{type(error).__name__}: {error}")
        with self._lock:
            self._lookups.pop(host, None)
        lookup.done.set()


class _Lookup:
    def __init__(self, began: float) -> None:
        self.began = began
        self.done = threading.Event()
        self.addresses: list[str] = []
        self.failure: OSError | None = None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class NamedConnection(Connection):
    """redis-py's connection with its host resolved by `resolver`; its connect timeout covers lookup and connection."""

    def __init__(self, *, resolver: Resolver, **options: Any) -> None:
        super().__init__(**options)
        self._resolver = resolver

    def _connect(self) -> socket.socket:
        name, timeout_seconds = self.host, self.socket_connect_timeout or 0.1
        ends = monotonic() + timeout_seconds
        failure: OSError | None = None
        try:
            addresses = self._resolver.addresses(name, timeout_seconds / 2)
            for tried, address in enumerate(addresses):
                left_seconds = ends - monotonic()
                if failure and left_seconds <= 0:
                    break
                self.host = address
                # Each address gets a share of the time, so that a dead one leaves time for the next.
                self.socket_connect_timeout = max(left_seconds / (len(addresses) - tried), _SHORTEST_SECONDS)
                try:
                    connected: socket.socket = super()._connect()
                except OSError as error:
                    failure = error
                else:
                    return connected
        finally:
            self.host, self.socket_connect_timeout = name, timeout_seconds
        raise failure or OSError(f"{name} has no address")


class NamedConnectionOverTls(SSLConnection, NamedConnection):
    """NamedConnection over TLS; the certificate is checked against the host name, not the address.

    A handshake that fails raises TlsFailed.
    """

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> Any:
        try:
            return super()._wrap_socket_with_ssl(sock)
        except OSError as error:
            raise translated(error) from error


#: redis-py's connection class → ours, which resolves names by Resolver.
BY_NAME: dict[type, type[NamedConnection]] = {Connection: NamedConnection, SSLConnection: NamedConnectionOverTls}
