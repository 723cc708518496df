"""What one call costs by the transport of Open-Meteo's client, and by a bare Session of requests, in microseconds.

    python -m tests.benchmarks.transport_cost

Both ask a server of this process for 20 kB, the size of a place, over a connection that is kept alive.
"""

import argparse
import socket
import statistics
import threading
import time
from collections.abc import Callable

import requests

from weather.upstream.transport import Transport

_BODY = b"x" * 20_000
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + _BODY


def _serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    while connection.recv(65_536):
        connection.sendall(_REPLY)


def _median_microseconds(call: Callable[[], int], calls: int) -> float:
    took = []
    for _ in range(calls):
        began = time.perf_counter()
        assert call() == len(_BODY)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


def main(calls: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/forecast"
    transport, session = Transport(), requests.Session()
    session.trust_env = False

    def by_transport() -> int:
        reply = transport.get(url, headers={}, deadline=time.monotonic() + 5, max_bytes=100_000)
        return len(reply.body)

    def by_session() -> int:
        return len(session.get(url, timeout=5, allow_redirects=False).content)

    for name, call in {"the transport": by_transport, "a bare Session": by_session}.items():
        print(f"{name:15} {_median_microseconds(call, calls):5.0f} µs a call")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    main(parser.parse_args().calls)
