"""A stand-in for Open-Meteo: a real HTTP server with its answers, limits and manners, and with faults on demand.

    python -m weather.simulator.server --port 8100

GET /v1/forecast and GET /v1/air-quality are the service, GET /data/<model>/static/meta.json tells run times (with
`--model-runs`); what lies under /simulator/ steers it and never counts:

    GET  /simulator/state                  the counters
    POST /simulator/reset                  counters, faults and settings back to the start
    POST /simulator/settings  {"base_ms": 50, "limits": null}
    POST /simulator/fault     {"kind": "status", "status": 503, "times": 2, "place": "40.7,-74.0",
                               "path": "/v1/forecast"}, or {"kind": null}
                               with "path": "/data" for run times
"""

import argparse
import contextlib
import json
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from weather.simulator.call import Product
from weather.simulator.faults.kinds import ELSEWHERE
from weather.simulator.limits import TurnsClosed
from weather.simulator.service import SimulatedService
from weather.simulator.steering import PRODUCTS, RUNS_PATH
from weather.simulator.wire import Answer, Line

_RUN_TIMES = re.compile(f"{RUNS_PATH}/([a-z0-9_]+)/static/meta.json")


class OpenMeteoSimulator(SimulatedService):
    """The service on a port: `with OpenMeteoSimulator() as simulator: requests.get(simulator.url + …)`."""

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        base_ms: float = 20,
        per_place_ms: float = 1,
        unlimited: bool = False,
        model_runs: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            base_ms=base_ms, per_place_ms=per_place_ms, unlimited=unlimited, model_runs=model_runs, clock=clock
        )
        self.host, self.port = host, port

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:8100`."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> Self:
        """Listens and serves in threads of its own; `port` 0 becomes the port that was free."""
        self.open()
        self._server = _Server((self.host, self.port), self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="simulator")
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends every connection and thread; the port is free afterwards."""
        self._server.shutdown()
        self._thread.join()
        self.close()
        self._server.close_connections()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing the server waits for them
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], simulator: OpenMeteoSimulator) -> None:
        super().__init__(address, _Handler)
        self.simulator = simulator
        self._connections: set[socket.socket] = set()
        self._closing = False
        self._lock = threading.Lock()

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if self._closing:
                return
            self._connections.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._lock:
                self._connections.discard(request)

    def close_connections(self) -> None:
        with self._lock:
            self._closing = True
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the client has left already
                    connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        # Only close: the usual shutdown before it would say FIN where the fault `reset` wants RST.
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    @property
    def simulator(self) -> OpenMeteoSimulator:
        return self.server.simulator

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if product := PRODUCTS.get(parts.path):
            self._handle(product, parts.query)
        elif product := PRODUCTS.get(parts.path.removeprefix(ELSEWHERE)):
            self._send(self.simulator.follow_redirect(product, parts.query))
        elif model := _RUN_TIMES.fullmatch(parts.path):
            self._tell_run_times(model[1])
        elif parts.path == "/simulator/state":
            self._send(Answer.of_json(self.simulator.state()))
        else:
            self._send(Answer.of_error(HTTPStatus.NOT_FOUND, "Not Found"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._send(self._steered(body))

    def _steered(self, body: bytes) -> Answer:
        actions: dict[str, Callable[..., None]] = {
            "/simulator/reset": self.simulator.reset,
            "/simulator/settings": self.simulator.settings,
            "/simulator/fault": self.simulator.fault,
        }
        action = actions.get(self.path)
        if action is None:
            return Answer.of_error(HTTPStatus.NOT_FOUND, "Not Found")
        try:
            action(**json.loads(body or "{}"))
        except (TypeError, ValueError) as error:
            return Answer.of_error(HTTPStatus.BAD_REQUEST, str(error))
        return Answer.of_json({"ok": True})

    def log_message(self, *arguments: Any) -> None:
        """No log: the requests are counted in the state."""

    def _handle(self, product: Product, query: str) -> None:
        line = Line(self.connection, self.simulator.pause)
        gzip = "gzip" in (self.headers.get("Accept-Encoding") or "")
        try:
            reusable = self.simulator.handle(product, query, line, gzip=gzip, keep_alive=not self.close_connection)
        except TurnsClosed:
            reusable = False
        self.close_connection = not reusable

    def _tell_run_times(self, model: str) -> None:
        line = Line(self.connection, self.simulator.pause)
        if not self.simulator.tell_run_times(model, line, keep_alive=not self.close_connection):
            self.close_connection = True

    def _send(self, answer: Answer) -> None:
        Line(self.connection, self.simulator.pause).send_answer(answer, keep_alive=not self.close_connection)


def main() -> None:
    """Serves by the arguments of the command line until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m weather.simulator.server", description="Simulates Open-Meteo.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--base-ms", type=float, default=20, help="how long an answer takes")
    parser.add_argument("--per-place-ms", type=float, default=1, help="how much longer for every place")
    parser.add_argument("--unlimited", action="store_true", help="no quota, no queue")
    parser.add_argument(
        "--model-runs", action="store_true", help="weather models run by their own times, and tell them"
    )
    options = vars(parser.parse_args())

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with OpenMeteoSimulator(**options) as simulator:
        print(f"listening on {simulator.url}", flush=True)
        stopping.wait()


if __name__ == "__main__":
    main()
