"""A proxy that passes everything on but streams: those say what a test tells them to."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, Self

import requests

from tests.support.servers import free_port

PATH = "/api/v1/weather/events"
STREAM_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
#: Headers between a proxy and its neighbours, and those that `requests` has undone.
BETWEEN = {"connection", "keep-alive", "transfer-encoding", "content-encoding", "content-length"}


def event(weather: dict[str, Any], etag: str = 'W/"1"', retry_ms: int = 100) -> bytes:
    """An event as the service writes it."""
    return (
        f"retry: {retry_ms}\nevent: weather\nid: {etag}\ndata: {json.dumps(weather, ensure_ascii=False)}\n\n".encode()
    )


class StagedStreams:
    """Streams on a free port of 127.0.0.1, before the service at `behind`.

    `opened` has the path and the headers of each request for a stream; `refusals` are the status and the Retry-After
    of the next ones.
    """

    def __init__(self, behind: str = "") -> None:
        self.behind = behind
        self.opened: list[tuple[str, dict[str, str]]] = []
        self.refusals: list[tuple[int, int]] = []
        self.first: Callable[[], bytes] = lambda: b": here\n\n"
        self._is_silent = threading.Event()
        self._queues: list[SimpleQueue[bytes | None]] = []
        self.port = free_port()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        return len(self._queues)

    def push(self, piece: bytes) -> None:
        """Sends it to every stream that is open."""
        for queue in list(self._queues):
            queue.put(piece)

    def cut(self) -> None:
        """Ends every stream that is open."""
        for queue in list(self._queues):
            queue.put(None)

    def be_silent(self) -> None:
        """Leaves every stream open and says nothing any more, as where a network has gone."""
        self._is_silent.set()

    def follow(self, write: Callable[[bytes], Any]) -> None:
        """Writes what is pushed from now on, until it is cut or nobody reads; a comment now and then finds that out."""
        queue: SimpleQueue[bytes | None] = SimpleQueue()
        write(self.first())
        self._queues.append(queue)
        try:
            while (piece := _next(queue)) is not None:
                if not self._is_silent.is_set():
                    write(piece)
        except OSError:
            pass
        finally:
            self._queues.remove(queue)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.cut()
        self._server.shutdown()
        self._server.server_close()


def _next(queue: "SimpleQueue[bytes | None]") -> bytes | None:
    try:
        return queue.get(timeout=0.1)
    except Empty:
        return b": still here\n\n"


def _handler(streams: StagedStreams) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith(PATH):
                self._stream()
            else:
                self._pass_on()

        def _stream(self) -> None:
            streams.opened.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            if streams.refusals:
                status, seconds = streams.refusals.pop(0)
                self._head(status, {"Retry-After": str(seconds)})
                return
            self._head(200, STREAM_HEADERS)
            streams.follow(self.wfile.write)

        def _pass_on(self) -> None:
            url = streams.behind + self.path
            answer = requests.get(url, headers=dict(self.headers), timeout=30, allow_redirects=False)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in BETWEEN}
            self._head(answer.status_code, kept)
            self.wfile.write(answer.content)

        def _head(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
