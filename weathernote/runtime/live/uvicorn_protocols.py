"""uvicorn's protocols, with what open streams need besides: bounds, a way to cut a connection, and ends that arrive.

In ASGI's `scope["state"]` they give `abort`, which drops a connection with all that its reader has not taken, and
`forget`, which frees what is not needed any more once a stream is open.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from weathernote.runtime.live.one_reader import Flag, OneReaderQueue
from weathernote.runtime.live.raw_refusals import Handshake, refuse

#: What a connection may hold here for a slow reader, besides the kernel's buffer; a message has about 1 kB.
WAITING_BYTES = 4096
#: A request's line and headers must have come after so long, and may have so many bytes.
HEAD_SECONDS, HEAD_BYTES = 10.0, 32_768
#: For how long the rest of a message is read and dropped after the close that it caused, so that the close arrives.
_LINGER_SECONDS = 2.0
#: A phone says little: who sends more frames than that between two pings is closed. What came at once is parsed in
#: parts, as 256 kB of empty frames take seconds, in which no other stream gets anything.
MOST_FRAMES, PARSED_AT_ONCE_BYTES = 1000, 4096
_TRY_AGAIN_LATER = 1013


class StreamHttpProtocol(HttpToolsProtocol):
    """HTTP for events, and for all that is no stream."""

    #: What has come of a request's head; None while what comes belongs to no request.
    head_bytes: int | None
    #: Cuts the connection when a request takes too long to come; None while none is waited for.
    head_timer: asyncio.TimerHandle | None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Bounds what waits for a slow reader, and how long a request may take to come."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WAITING_BYTES)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the wait for a request."""
        self._head_has_come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Refuses a head that does not end, and cuts off who sends what belongs to no request."""
        if self.head_timer is not None and self.head_bytes is not None:
            self.head_bytes += len(data)
            if self.head_bytes > HEAD_BYTES:
                self.send_400_response("the request's head is too long")
                self._head_has_come()
                return
        super().data_received(data)
        is_answered = self.cycle is not None and self.cycle.response_complete
        if is_answered and self.head_timer is None and self.timeout_keep_alive_task is None:
            # uvicorn's wait for the next request is over with any byte, such as one of a body that nobody reads.
            self._await_head()
            self.head_bytes = None

    def on_message_begin(self) -> None:
        """Gives the application the means to cut the connection."""
        super().on_message_begin()
        self.scope["state"]["abort"] = self.transport.abort
        if self.head_timer is None or self.head_bytes is None:  # a further request on the connection
            self._head_has_come()
            self._await_head()

    def on_headers_complete(self) -> None:
        """Ends the wait for the request."""
        self._head_has_come()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Refuses it in HTTP/1.0, and where a stream of events is open: nobody would tell that stream of its end."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
        elif self.scope["http_version"] == "1.0":
            self.send_400_response("a WebSocket needs HTTP/1.1")
        else:
            super().handle_websocket_upgrade()
            # The connection is not this protocol's any more, which so is freed without the garbage collector.
            self.cycle = None  # type: ignore[assignment]
            self.parser = None  # type: ignore[assignment]

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP, in the shape of all errors."""
        refuse(self.transport, msg)

    def _await_head(self) -> None:
        self.head_bytes = 0
        self.head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _head_has_come(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None


class StreamWebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSockets whose ends arrive, also at who is still sending, and that are cut where nobody reads."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = Handshake(max_size=self.config.ws_max_size, logger=self.logger)
        self.queue: Any = OneReaderQueue()
        self.writable: Any = Flag()
        self.is_lingering = False
        self.frames_since_ping = 0

    def connection_made(self, transport: Any) -> None:
        """Bounds what waits for a slow reader."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WAITING_BYTES)

    def handle_connect(self, event: Request) -> None:
        """Gives the application the means to cut the connection."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["state"] |= {"abort": self.transport.abort, "forget": self.forget_handshake}

    def forget_handshake(self) -> None:
        """Frees what only the handshake needed, the headers three times over: 6 kB of each stream."""
        self.request.headers.clear()  # the parser holds it to the end
        self.scope.clear()  # type: ignore[attr-defined] # a dict
        self.request = self.response = None  # type: ignore[assignment] # neither is used any more

    def data_received(self, data: bytes) -> None:
        """Takes what comes in small parts; drops what still comes after the close."""
        for begin in range(0, len(data), PARSED_AT_ONCE_BYTES):
            if not self.is_lingering:
                super().data_received(data[begin : begin + PARSED_AT_ONCE_BYTES])
        if not self.handshake_initiated:  # the first that comes here is the whole head: it could not be parsed
            refuse(self.transport, "the upgrade has a body, or too many headers")

    def handle_events(self) -> None:
        """Closes with 1013 for too many frames: pings and parts of messages are counted by no other limit."""
        self.frames_since_ping += len(self.conn.events)
        if self.frames_since_ping > MOST_FRAMES:
            self.conn.fail(_TRY_AGAIN_LATER, "too many frames")
            self.queue.clear()
            self.handle_parser_exception()
            return
        super().handle_events()

    def handle_ping(self) -> None:
        """Leaves a ping without an answer whose sender does not read: the answers would pile up here."""
        if self.writable.is_set:
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        """Keeps no empty parts: the bound of a message's size would let any number of them in."""
        if event.data or event.fin:
            super().handle_cont(event)

    def send_keepalive_ping(self) -> None:
        """Begins a new count of frames."""
        self.frames_since_ping = 0
        super().send_keepalive_ping()

    def send_receive_event_to_app(self) -> None:
        """Closes with 1007 for a text that is no UTF-8; uvicorn logs a traceback for it, as many as a client likes."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.fail(1007, "not UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        """Notes that a refusal is an answer too: uvicorn logs each as an error of the application."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    def send_500_response(self) -> None:
        """Sends who asks for an upgrade while the process ends to another, with 503 in the shape of all errors."""
        if not (self.initial_response or self.handshake_complete):
            response = self.conn.reject(503, "The upgrade was not answered in time; come again.")
            response.headers["Retry-After"] = "1"
            self.conn.send_response(response)
            self.transport.write(b"".join(self.conn.data_to_send()))

    def handle_parser_exception(self) -> None:
        """Sends the close that the protocol asks for, and reads on for a moment.

        A socket that is closed with bytes unread is reset, and the other side may never see the close.
        """
        if self.conn.close_sent is None:  # an upgrade that cannot be parsed: there is nothing to close
            self.transport.abort()
            return
        close = self.conn.close_sent
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self.is_lingering = True
        self.stop_keepalive()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        # Under the name of uvicorn's own timer: while there is one, it leaves the transport open.
        self.close_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """Cuts the connection of who did not answer a ping: to wait until its buffer is taken would be for ever."""
        super().keepalive_timeout()
        if self.close_sent:
            self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
