"""What a WebSocket's protocol keeps of a phone that does not read or does not finish, and how it refuses one."""

import json
from types import SimpleNamespace
from typing import Any

from websockets.frames import Frame, Opcode

from weathernote.runtime.live.one_reader import Flag
from weathernote.runtime.live.raw_refusals import Handshake
from weathernote.runtime.live.uvicorn_protocols import StreamWebSocketProtocol


def protocol() -> Any:
    """One without a connection, which notes what it writes."""
    made: Any = StreamWebSocketProtocol.__new__(StreamWebSocketProtocol)
    made.written, made.frames, made.writable = [], [], Flag()
    made.conn = SimpleNamespace(data_to_send=lambda: [b"pong"])
    made.transport = SimpleNamespace(write=made.written.append)
    return made


def test_a_ping_is_answered_unless_earlier_answers_wait_for_the_reader():
    of_phone = protocol()
    of_phone.handle_ping()
    of_phone.writable.clear()
    of_phone.handle_ping()
    assert of_phone.written == [b"pong"]


def test_empty_parts_of_a_message_are_not_kept():
    of_phone = protocol()
    for data in (b"a", b"", b"", b"b"):
        of_phone.handle_cont(Frame(Opcode.CONT, data, fin=False))
    assert of_phone.frames == [b"a", b"b"]


def test_an_upgrade_that_the_end_of_the_process_overtakes_is_sent_to_another():
    of_phone = protocol()
    of_phone.conn, of_phone.initial_response, of_phone.handshake_complete = Handshake(), None, False
    of_phone.send_500_response()
    head, _, body = b"".join(of_phone.written).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 1" in head
    assert json.loads(body)["code"] == "overloaded"
