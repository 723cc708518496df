"""uvicorn's protocols, with what open streams need besides: a way to cut a connection, and ends that arrive.

They give ASGI's `scope["state"]["abort"]`, which drops a connection with all that its reader has not taken.
"""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

#: What a connection may hold here for a slow reader, besides the kernel's buffer; a message has about 1 kB.
WAITING_BYTES = 16_384
#: For how long the rest of a message is read and dropped after the close that it caused, so that the close arrives.
_LINGER_SECONDS = 2.0
_CONTENT_TYPE = b"application/problem+json"


class StreamHttpProtocol(HttpToolsProtocol):
    """HTTP for events, and for all that is no stream."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Bounds what waits for a slow reader."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WAITING_BYTES)

    def on_message_begin(self) -> None:
        """Gives the application the means to cut the connection."""
        super().on_message_begin()
        self.scope["state"]["abort"] = self.transport.abort

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP, in the shape of all errors."""
        body = _problem(msg)
        head = [STATUS_LINE[400], b"content-type: ", _CONTENT_TYPE, b"\r\ncontent-length: %d\r\n" % len(body)]
        self.transport.write(b"".join([*head, b"cache-control: no-store\r\nconnection: close\r\n\r\n", body]))
        self.transport.close()


class StreamWebSocketProtocol(WebSocketsSansIOProtocol):
    """WebSockets whose ends arrive, also at who is still sending, and that are cut where nobody reads."""

    def connection_made(self, transport: Any) -> None:
        """Bounds what waits for a slow reader."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WAITING_BYTES)
        self.is_lingering = False

    def handle_connect(self, event: Request) -> None:
        """Gives the application the means to cut the connection."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["state"]["abort"] = self.transport.abort

    def data_received(self, data: bytes) -> None:
        """Drops what still comes after the close."""
        if not self.is_lingering:
            super().data_received(data)

    def eof_received(self) -> None:
        """The other side has closed: the connection ends."""

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
        # A timer of the class's own name keeps uvicorn from closing the transport when the application returns.
        self.close_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """Cuts the connection of who did not answer a ping: waiting until its buffer is taken would be for ever."""
        super().keepalive_timeout()
        if self.close_sent:
            self.loop.call_later(_LINGER_SECONDS, self.transport.abort)


def _problem(detail: str) -> bytes:
    problem = {"type": "about:blank", "title": "Invalid parameter", "status": 400, "detail": detail}
    return json.dumps(
        problem
        | {"code": "invalid_parameter", "request_id": "", "errors": [{"parameter": "request", "detail": detail}]}
    ).encode()
