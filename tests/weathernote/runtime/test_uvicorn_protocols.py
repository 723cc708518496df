"""What a WebSocket's protocol keeps here of a phone that does not read, or does not finish."""

from types import SimpleNamespace
from typing import Any

from websockets.frames import Frame, Opcode

from weathernote.runtime.one_reader import Flag
from weathernote.runtime.uvicorn_protocols import StreamWebSocketProtocol


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
