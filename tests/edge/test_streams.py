"""Both kinds of streams through the edge, before live processes that a test words itself."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from tests.edge.edge_server import NOBODY, EdgeServer, edge_before
from tests.edge.http2 import curl_with_http_2
from tests.edge.live_stand_in import LiveStandIn
from tests.edge.origin import Origin
from tests.edge.streams import EVENTS, LIVE, OF_A_PLACE, events, websocket
from tests.edge.wire import left_of
from tests.support.problems import code_of
from tests.support.servers import eventually


@pytest.fixture(scope="module")
def live(tmp_path_factory) -> Iterator[LiveStandIn]:
    process = LiveStandIn(tmp_path_factory.mktemp("live"))
    yield process
    process.stop()


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as instance:
        yield instance


@pytest.fixture(scope="module")
def edge(tmp_path_factory, live, origin) -> Iterator[EdgeServer]:
    with EdgeServer(
        edge_before([f"127.0.0.1:{origin.port}"], tmp_path_factory.mktemp("edge"), live=(live.address,))
    ) as up:
        yield up


def heard(stream: ClientConnection) -> dict[str, Any]:
    """What the live process heard when the stream was opened."""
    return json.loads(stream.recv(timeout=20))


def refusal(edge: EdgeServer, **options: Any) -> tuple[int, dict[str, str], str]:
    """Status, headers (names in small letters) and body of the answer to a WebSocket that is not opened."""
    with pytest.raises(InvalidStatus) as refused:
        websocket(edge, **options)
    answer = refused.value.response
    headers = {name.lower(): value for name, value in answer.headers.raw_items()}
    return answer.status_code, headers, (answer.body or b"").decode()


# ── what passes ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [LIVE, f"{LIVE}/"])
def test_a_websocket_carries_texts_both_ways(edge, path):
    with websocket(edge, path) as stream:
        assert heard(stream)["at"] == LIVE
        for text in ("ä", "x" * 10_000):
            stream.send(text)
            assert stream.recv(timeout=20) == text


def test_an_event_arrives_while_its_answer_is_under_way(edge):
    with websocket(edge) as other, events(edge, OF_A_PLACE) as stream:
        assert stream.next_data()["at"] == EVENTS
        for number in range(3):
            other.send(str(number))
            assert stream.next_data() == number


def test_events_come_over_http_2_as_well_and_with_a_slash(edge):
    target = f"{edge.base}{EVENTS}/?lat=1&lon=2"
    command = [curl_with_http_2(), "-sN", "--http2", "--cacert", str(edge.folder / "ca.pem"), target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout and [curl.stdout.readline() for _ in range(2)][1].startswith("data: ")
        curl.terminate()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("lat=40.7128&lon=-74.0060", "lat=40.7&lon=-74.0"),
        ("lat=40.7128&lon=-74.0060&units=imperial", "lat=40.7&lon=-74.0&units=imperial"),
        ("lon=-74.0060&lat=40.7128&more=40.71284", "lat=40.7&lon=-74.0"),
    ],
)
def test_no_finer_position_goes_further_than_the_edge(edge, asked, told):
    with events(edge, f"{EVENTS}?{asked}") as stream:
        assert stream.next_data()["query"] == told


def test_a_live_process_hears_of_the_client_what_an_instance_does(edge, address):
    spoofed = {"X_Forwarded_For": "9.9.9.9", "Forwarded": "for=9.9.9.9", "X_Real_IP": "9.9.9.9"}
    said = {"X_Client_Id": uuid4().hex, "Last_Event_ID": 'W/"7"'}
    with events(edge, OF_A_PLACE, address=address, **spoofed, **said) as stream:
        told = stream.next_data()["headers"]
    assert (told["x-forwarded-for"], told["x-counted-by"]) == (address, "edge")
    assert (told["x-client-id"], told["last-event-id"]) == (said["X_Client_Id"], 'W/"7"')
    assert "9.9.9.9" not in str(told)


@pytest.mark.parametrize(("target", "wanted"), [(LIVE, "h2c"), (OF_A_PLACE, "websocket")])
def test_a_connection_becomes_a_websocket_and_nothing_else(edge, target, wanted):
    with events(edge, target, Upgrade=wanted, Connection="Upgrade") as stream:
        told = stream.next_data()["headers"]
    assert "upgrade" not in told and told.get("connection") != "upgrade"


def test_an_instance_is_never_asked_to_become_one(edge, origin):
    wanted = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert edge.get("/api/v1/schema", headers=wanted).ok
    _, told = origin.asked[-1]
    assert "upgrade" not in told and "connection" not in told


def test_a_reload_of_the_edge_ends_no_stream(edge):
    with websocket(edge) as stream, events(edge, OF_A_PLACE) as other:
        heard(stream), other.next_data()
        edge.reload()
        stream.send("1")
        assert (stream.recv(timeout=20), other.next_data()) == ("1", 1)


# ── limits ────────────────────────────────────────────────────────────────────────────────────────


def test_an_opening_counts_as_a_request_of_its_client(edge, live, tmp_path):
    strict = edge_before([NOBODY], tmp_path / "edge", live=(live.address,))
    with EdgeServer(strict, RATE_LIMIT_REQUESTS=2) as few, ExitStack() as stack:
        first = stack.enter_context(websocket(few, client="me"))
        assert first.response and left_of(first.response.headers["RateLimit"]) == 1
        stack.enter_context(events(few, OF_A_PLACE, X_Client_Id="me"))
        status, headers, body = refusal(few, client="me")
        assert (status, code_of(status, headers, body)) == (429, "rate_limited")
        assert int(headers["retry-after"]) > 0
        stack.enter_context(websocket(few, client="another"))


def test_an_opening_counts_as_a_request_of_its_address(live, tmp_path):
    slow = edge_before([NOBODY], tmp_path / "edge", live=(live.address,), address_requests=1)
    with EdgeServer(slow) as edge, ExitStack() as stack:
        assert not all(_opened(edge, stack) for _ in range(60))
        stack.enter_context(websocket(edge, address="127.0.0.79"))


def test_an_address_has_so_many_streams_open_and_its_requests_beside_them(live, origin, tmp_path):
    narrow = edge_before([f"127.0.0.1:{origin.port}"], tmp_path / "edge", live=(live.address,), address_streams=2)
    with EdgeServer(narrow) as edge, ExitStack() as stack:
        first = stack.enter_context(websocket(edge))
        stack.enter_context(events(edge, OF_A_PLACE))
        assert code_of(*refusal(edge)) == "rate_limited"
        assert edge.get("/api/v1/schema").ok
        stack.enter_context(websocket(edge, address="127.0.0.79"))
        first.close()
        eventually(lambda: _opened(edge, stack))


def _opened(edge: EdgeServer, stack: ExitStack) -> Any:
    """The WebSocket of a client of its own, which stays open until the stack is closed; None for 429."""
    try:
        return stack.enter_context(websocket(edge, client=uuid4().hex))
    except InvalidStatus as refused:
        if refused.response.status_code != 429:
            raise
        return None


# ── live processes that fail ──────────────────────────────────────────────────────────────────────


def test_where_one_is_gone_and_another_is_full_the_third_is_asked(live, tmp_path):
    full = LiveStandIn(tmp_path, full=True)
    try:
        before = edge_before([NOBODY], tmp_path / "edge", live=(NOBODY, full.address, live.address))
        with EdgeServer(before) as edge:
            for _ in range(4):
                with websocket(edge, client=uuid4().hex) as stream:
                    assert heard(stream)["at"] == LIVE
    finally:
        full.stop()


def test_one_that_is_started_again_gets_the_next_streams(live, tmp_path):
    """Though streams there ended badly, and none has ended well since."""
    killed = LiveStandIn(tmp_path)
    before = edge_before([NOBODY], tmp_path / "edge", live=(killed.address, live.address))
    with EdgeServer(before) as edge, ExitStack() as stack:

        def opened(number: int) -> list[int]:
            """The ports of those who got so many new streams."""
            return [heard(stack.enter_context(websocket(edge, client=uuid4().hex)))["by"] for _ in range(number)]

        assert sorted(opened(6)) == sorted([killed.port, live.port] * 3)
        killed.kill()
        assert opened(3) == [live.port] * 3
        again = LiveStandIn(tmp_path, port=killed.port)
        stack.callback(again.stop)
        assert opened(6) == [killed.port] * 6


def test_where_none_is_there_phones_are_told_when_to_come_again(tmp_path):
    with EdgeServer(edge_before([NOBODY], tmp_path / "edge")) as edge:
        status, headers, body = refusal(edge)
        assert (status, code_of(status, headers, body)) == (503, "upstream_unavailable")
        assert code_of(*parts_of(edge.get(OF_A_PLACE))) == "upstream_unavailable"


def parts_of(response) -> tuple[int, dict[str, str], str]:
    return response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.text


# ── what is written down ──────────────────────────────────────────────────────────────────────────


def test_the_log_tells_that_there_was_a_stream_and_not_where(edge):
    with websocket(edge, client="a-name"), events(edge, OF_A_PLACE):
        pass
    lines = [json.loads(line) for line in eventually(lambda: of_streams(edge))]
    assert {(line["path"], line["status"]) for line in lines} >= {(LIVE, 101), (EVENTS, 200)}
    written = edge.written()
    assert "a-name" not in written and "40.7128" not in written and "40.7" not in written


def of_streams(edge: EdgeServer) -> list[str]:
    """The lines of streams in the access log, once there are some of either kind."""
    lines = [
        line for line in (edge.folder / "access.log").read_text().splitlines() if f'"{LIVE}"' in line or EVENTS in line
    ]
    return lines if any(LIVE in line for line in lines) and any(EVENTS in line for line in lines) else []
