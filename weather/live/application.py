"""The ASGI application that holds the open streams; every other path of it is /health, /metrics or a 404."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter, time

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from weather.core.datasets import WEATHER
from weather.live import events, operations, upkeep, websocket
from weather.live.answers import Answers
from weather.live.asgi import Receive, Scope, Send, forget, request_of, respond
from weather.live.events import Events
from weather.live.gate import Gate, Refused, cors_headers
from weather.live.hub import Hub
from weather.live.stream import Stream
from weather.live.websocket import WebSocket
from weathernote.http import paths, problems
from weathernote.http.middleware import event_of, request_id_of, require_served_host
from weathernote.http.request_context import context_of
from weathernote.redis.subscription import Subscription
from weathernote.telemetry import request_events, request_log

log = logging.getLogger(__name__)

SOCKET_PATH, EVENTS_PATH = "/api/v1/live", "/api/v1/weather/events"
GOING_AWAY, INTERNAL_ERROR = 1001, 1011
#: How long a process may take to close a single stream, beyond what it spreads them over.
_END_SECONDS = 2.0


class Application:
    """Answers ASGI's calls; `state` gives the part of /health that is about Redis and Open-Meteo, and may block."""

    def __init__(self, state: Callable[[], operations.State]) -> None:
        self.answers = Answers()
        self.hub = Hub(self.answers)
        self.gate = Gate(self.answers)
        self.state = state
        self.subscription = Subscription(WEATHER.held_channel, self.hub.hear, self.hub.look_for_missed)
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection's request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        began = perf_counter()
        request = request_of(scope)
        context_of(request).request_id = request_id_of(request)
        if scope["type"] == "websocket":
            await receive()  # that it asks to be connected
        try:
            response = await self._answer(request, scope, receive, send)
        except OSError:  # the phone has gone
            return
        except Exception:
            log.exception("Internal error on a stream, request %s", context_of(request).request_id)
            response = problems.respond(request, operations.internal_error())
        if response is not None:
            response.headers["X-Request-ID"] = context_of(request).request_id
            for name, value in cors_headers(request).items():
                response.headers[name] = value
            request_events.record(event_of(request, response.status_code, perf_counter() - began))
            with suppress(OSError, RuntimeError):
                await respond(scope, send, response)

    # ── requests ──────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, request: HttpRequest, scope: Scope, receive: Receive, send: Send) -> HttpResponse | None:
        """The response; None once a stream was opened in its place, and has ended."""
        path = request.path_info.rstrip("/") if paths.is_plain(request.path_info) else ""
        if scope["type"] == "http":
            if path in ("/health", "/metrics"):
                return await operations.respond(request, path, self.state, is_stopping=self.gate.is_stopping)
            if path not in (EVENTS_PATH, SOCKET_PATH):
                return problems.respond(request, problems.no_such_path())
            if early := _without_stream(request, path):
                return early
        elif path != SOCKET_PATH:
            return problems.respond(request, problems.no_such_path())
        try:
            require_served_host(request)
            await self._open(request, scope, receive, send)
        except DisallowedHost as refused:
            return problems.bad_request(request, refused)
        except Refused as refused:
            return _refusal(request, refused)
        return None

    async def _open(self, request: HttpRequest, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        if scope["type"] == "websocket":
            admitted = await self.gate.admit(request)
            with self.gate.counting(admitted.requester, "websocket"):
                await websocket.accept(admitted, send)
                request_events.record(event_of(request, 101, perf_counter() - began))
                socket = WebSocket(self.hub, self.gate, admitted, scope, receive, send)
                forget(scope, request)
                await self._hold(request, socket.stream, socket.serve)
            return
        question = events.question_of(request)
        admitted = await self.gate.admit(request, question)
        headers, last_id = events.headers_of(request, admitted), request.META.get("HTTP_LAST_EVENT_ID", "")
        with self.gate.counting(admitted.requester, "events"):
            request_events.record(event_of(request, 200, perf_counter() - began))
            served = Events(self.hub, admitted, scope, receive, send)
            forget(scope, request)
            await self._hold(request, served.stream, lambda: served.serve(admitted, headers, last_id))

    async def _hold(self, request: HttpRequest, stream: Stream, serve: Callable[[], Awaitable[int]]) -> None:
        """Serves a stream to its end, and writes that into the request log, as method CLOSE with the closing code."""
        began = perf_counter()
        self.hub.streams.add(stream)
        code = GOING_AWAY
        try:
            code = await serve()
        except OSError:  # the phone has gone
            pass
        except Exception:
            log.exception("Internal error on a stream, request %s", stream.request_id)
            code = INTERNAL_ERROR
            await stream.close(code)
        finally:
            stream.is_closed = True
            self.hub.leave_all(stream)
            ended = event_of(request, code, perf_counter() - began)
            request_log.enqueue(ended._replace(method="CLOSE", at=time()))

    # ── the process ───────────────────────────────────────────────────────────────────────────────

    async def _live(self, receive: Receive, send: Send) -> None:
        """ASGI's lifespan: what runs beside all streams."""
        await receive()
        loop = asyncio.get_running_loop()
        work = (self.hub.run(), self.hub.run(), upkeep.keep(self.hub), self.subscription.run())
        self._tasks = [loop.create_task(one) for one in work]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self._tasks:
            task.cancel()
        self.answers.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def drain(self, seconds: float) -> None:
        """Takes no new streams, and closes those there are with 1001, spread over so many seconds."""
        self.gate.is_stopping = True
        streams = list(self.hub.streams)
        loop = asyncio.get_running_loop()
        began, closing = loop.time(), set()
        for number, stream in enumerate(streams):
            delay = began + seconds * number / len(streams) - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            closing.add(loop.create_task(stream.close(GOING_AWAY)))
        if closing:
            await asyncio.wait(closing, timeout=_END_SECONDS)
        for stream in list(self.hub.streams):  # of readers that do not take so much as the end
            stream.abort()


def _without_stream(request: HttpRequest, path: str) -> HttpResponse | None:
    """The response to what opens no stream: other methods, and a socket's path without an upgrade."""
    if request.method not in ("GET", "HEAD"):
        return operations.without_view(request)
    if path == SOCKET_PATH:
        return problems.respond(request, operations.upgrade_required())
    if request.method == "HEAD":
        return HttpResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    return None


def _refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    response = problems.respond(request, refused.problem)
    for name, value in refused.headers.items():
        joined = response.headers.get(name)
        response.headers[name] = f"{value}, {joined}" if joined else value
    return response
