"""An origin whose answers a test words itself, to see that the edge obeys what they say."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Origin:
    """Answers everything alike, with `cache_control` and `headers`, once it may `go`; notes who asked what."""

    def __init__(self) -> None:
        self.cache_control = "public, max-age=60"
        self.headers: dict[str, str] = {}
        self.go = threading.Event()
        self.go.set()
        self.status = 200
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.clients: set[str] = set()
        self._server = _Server(("127.0.0.1", 0), self)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        """Nobody listens on the port any more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], origin: Origin) -> None:
        super().__init__(address, _Handler)
        self.origin = origin


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        origin = self.server.origin
        origin.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        origin.go.wait(60)
        body = f'{{"answer": {len(origin.asked)}}}'.encode()
        self.send_response(origin.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", origin.cache_control)
        self.send_header("Cache-Status", "weathernote; hit; ttl=60")
        for name, value in origin.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.origin.clients |= {client for client, _ in told["clients"]}
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""
