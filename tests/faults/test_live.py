"""Faults 77, 79 and 80: streams while Redis is gone, readers that do not read, and phones that do as they like."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
import requests

from tests.support.clients.raw_socket import BINARY, CLOSE, PING, PONG, TEXT, RawSocket, frame
from tests.support.limits import LIFTED
from tests.support.processes.live import Live, heard, refresh, subscribe
from tests.support.servers import Valkey, eventually
from weather.core.cells import Cell

pytestmark = pytest.mark.usefixtures("api")
MEGABYTE = 1_000_000
UPGRADE = (
    "Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


@pytest.fixture(scope="module")
def live(tmp_path_factory, valkey_server, simulator_server) -> Iterator[Live]:
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    limits = LIFTED | {"RATE_LIMIT_REQUESTS": 60, "LIVE_STREAMS_PER_CLIENT": 1000, "LIVE_STREAMS_PER_ADDRESS": 1000}
    started = Live(tmp_path_factory.mktemp("live"), **servers, **limits)
    yield started
    started.stop()


# ── 77: Redis is killed ───────────────────────────────────────────────────────────────────────────


def test_streams_outlive_redis_say_that_they_are_stale_and_go_on(tmp_path, api, settings, forget, simulator):
    valkey = Valkey(tmp_path / "valkey")
    settings.CACHES["default"]["LOCATION"] = [valkey.url]
    forget()
    variables = LIFTED | {"REDIS_URL": valkey.url, "OPEN_METEO_URL": simulator.url}
    live = Live(tmp_path, **variables, WEATHER_TTL_SECONDS=3)
    try:
        # By another process, so that this one has seen no record.
        settings.WEATHER_TTL_SECONDS = 8
        assert api.get("/api/v1/weather?lat=40.7&lon=-74").status_code == 200
        with live.socket() as phone:
            subscribe(phone, "40.7", "-74.0")
            first = heard(phone)["weather"]
            assert first["stale"] is False
            valkey.kill()
            meanwhile = heard(phone)["weather"]
            assert (meanwhile["stale"], meanwhile["fetched_at"]) == (True, first["fetched_at"])
            assert requests.get(f"{live.base}/health", timeout=10).json()["redis"] == "down"
            valkey.start()  # empty
            assert heard(phone)["weather"]["stale"] is False
            refresh(Cell.parse("40.7", "-74.0"))
            assert heard(phone)["weather"]["stale"] is False  # news is heard again
    finally:
        live.stop()
        valkey.stop()


# ── 79: readers that do not read ──────────────────────────────────────────────────────────────────


def test_readers_that_do_not_read_cost_little_memory_and_delay_nobody(live, api):
    place, cell = ("48.1", "11.6"), Cell.parse("48.1", "11.6")
    said = json.dumps({"type": "subscribe", "lat": place[0], "lon": place[1]}).encode()
    with ExitStack() as stack, live.socket() as other:
        subscribe(other, *place)
        last = heard(other)["weather"]["current"]["temperature_2m"]
        for number in range(500):
            idle = stack.enter_context(RawSocket(live.port, f"idle-{number}", buffer_bytes=4096))
            idle.send(frame(TEXT, said))
        grown = []
        for _ in range(2):  # the first answers fill the buffers of the kernel and of the connections
            before = live.resident_bytes()
            for _ in range(100):
                refresh(cell)
                now = heard(other)["weather"]["current"]["temperature_2m"]
                assert now > last
                last = now
            grown.append(live.resident_bytes() - before)
        assert live.metric('weathernote_live_dropped_total{reason="replaced"}') > 0
        assert grown[1] < 5 * MEGABYTE  # of 50 MB that were offered to them


# ── 80: phones that do as they like ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "sent", "code"),
    [
        ("ten-megabytes", frame(TEXT, b"x" * MEGABYTE, length=10 * MEGABYTE), 1009),
        ("a-byte-too-much", frame(TEXT, b"x" * 16_385), 1009),
        ("in-parts", frame(TEXT, b"x" * 9000, fin=False) + frame(0, b"x" * 9000), 1009),
        ("broken-utf-8", frame(TEXT, b"\xff\xfe"), 1007),
        ("broken-utf-8-in-parts", frame(TEXT, b"\xe2\x82", fin=False) + frame(0, b"\x28"), 1007),
        ("without-mask", frame(TEXT, b"{}", masked=False), 1002),
        ("reserved-opcode", frame(3, b"{}"), 1002),
        ("continuation-of-nothing", frame(0, b"{}"), 1002),
        ("long-ping", frame(PING, b"x" * 126), 1002),
        ("close-of-one-byte", frame(CLOSE, b"x"), 1002),
    ],
)
def test_what_is_against_the_protocol_is_closed_with_its_code(live, name, sent, code):
    with RawSocket(live.port, name) as phone:
        with suppress(ConnectionError):
            phone.send(sent)
        assert phone.close_code() == code
    assert "Traceback" not in live.said()


def test_the_longest_message_that_is_allowed_is_answered(live):
    with live.socket() as phone:
        phone.send("x" * 16_384)
        assert heard(phone)["problem"]["code"] == "invalid_parameter"


def test_a_flood_of_messages_is_closed_when_the_limit_is_reached(live):
    said = {
        "subscribe": json.dumps({"type": "subscribe", "lat": "48.1", "lon": "11.6"}).encode(),
        "unsubscribe": json.dumps({"type": "unsubscribe", "lat": "1", "lon": "1"}).encode(),
        "nonsense": b"nonsense",
    }
    for name, text in said.items():
        with RawSocket(live.port, f"flood-{name}") as phone:
            with suppress(ConnectionError):
                phone.send(frame(TEXT, text) * 5000)
            assert phone.close_code() == 1013
    with RawSocket(live.port, "flood-bytes") as phone:
        with suppress(ConnectionError):
            phone.send(frame(BINARY, b"\0") * 5000)
        assert phone.close_code() == 1013


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("pings", frame(PING, b"x")),
        ("pongs", frame(PONG, b"x")),
        ("empty-parts", frame(0, fin=False)),
        ("empty-messages", frame(TEXT)),
    ],
)
def test_a_flood_of_frames_that_no_limit_of_requests_counts_is_closed(live, name, sent):
    with RawSocket(live.port, f"flood-{name}") as phone:
        phone.send(frame(TEXT, fin=False) if name == "empty-parts" else b"")
        with suppress(ConnectionError):
            phone.send(sent * 100_000)
        assert phone.close_code() == 1013
    assert "Traceback" not in live.said()


def test_idle_sockets_and_half_requests_are_closed_and_nothing_is_kept_of_them(live):
    before = live.resident_bytes()
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", live.port))) for _ in range(600)]
        for half in sockets[::2]:
            half.sendall(b"GET /api/v1/weather/events?lat=1&lon=1 HTTP/1.1\r\nHost: 127")
        for ending in sockets:
            ending.settimeout(30)
            with suppress(ConnectionError):
                assert ending.recv(1) == b""
    assert live.resident_bytes() - before < 20 * MEGABYTE


def test_an_answered_connection_on_which_no_request_comes_is_closed(live):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", live.port))) for _ in range(2)]
        for idle, head, rest in zip(sockets, ("", "Content-Length: 50\r\n"), (b"\r\n", b"x"), strict=True):
            idle.settimeout(30)
            idle.sendall(f"POST /nope HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode())
            said = b""
            while b"not_found" not in said:
                said += idle.recv(65_536)
            idle.sendall(rest)
        for idle in sockets:
            with suppress(ConnectionError):
                while idle.recv(65_536):
                    pass


@pytest.mark.parametrize("head", ["Content-Length: 5\r\n", "x: y\r\n" * 300], ids=["body", "headers"])
def test_an_upgrade_that_cannot_be_parsed_is_refused(live, head):
    with socket.create_connection(("127.0.0.1", live.port)) as odd:
        odd.settimeout(30)
        odd.sendall(f"GET /api/v1/live HTTP/1.1\r\n{UPGRADE}{head}\r\n".encode())
        assert odd.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_an_upgrade_where_events_are_open_ends_both_and_nothing_is_kept_of_them(live):
    kinds = [f'weathernote_live_streams{{kind="{kind}"}}' for kind in ("events", "websocket")]
    with socket.create_connection(("127.0.0.1", live.port)) as both:
        both.settimeout(30)
        both.sendall(b"GET /api/v1/weather/events?lat=1&lon=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert eventually(lambda: live.metric(kinds[0]) == 1)
        both.sendall(f"GET /api/v1/live HTTP/1.1\r\n{UPGRADE}\r\n".encode())
        with suppress(ConnectionError):
            while both.recv(65_536):
                pass
    assert eventually(lambda: [live.metric(kind) for kind in kinds] == [0, 0])


def test_events_of_a_request_whose_body_does_not_come_end_as_a_whole_response(live):
    with socket.create_connection(("127.0.0.1", live.port)) as sender:
        sender.settimeout(30)
        head = "GET /api/v1/weather/events?lat=1&lon=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n"
        sender.sendall(head.encode() + b"x")
        said = b""
        while not said.endswith(b"\r\n0\r\n\r\n"):
            said += sender.recv(65_536) or pytest.fail("cut off")


def test_an_upgrade_in_http_1_0_is_refused(live):
    with socket.create_connection(("127.0.0.1", live.port)) as old:
        old.settimeout(30)
        old.sendall(f"GET /api/v1/live HTTP/1.0\r\n{UPGRADE}\r\n".encode())
        assert old.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_a_head_without_end_is_refused(live):
    with socket.create_connection(("127.0.0.1", live.port)) as endless, suppress(ConnectionError):
        endless.settimeout(30)
        endless.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        for number in range(10_000):
            endless.sendall(b"x-%d: %s\r\n" % (number, b"x" * 1000))
        pytest.fail("ten megabytes of headers were read")


def test_streams_that_ended_in_any_way_are_counted_off(live):
    with RawSocket(live.port, "half-a-frame") as phone:
        phone.send(frame(TEXT, b"{}", length=100))
        assert eventually(lambda: live.metric('weathernote_live_streams{kind="websocket"}') == 1)
    assert eventually(lambda: live.metric('weathernote_live_streams{kind="websocket"}') == 0)
