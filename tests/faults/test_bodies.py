"""Fault 69: bodies that drip, or never come, hold no thread that weather needs."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO

import pytest
import requests

from tests.edge.wire import parsed
from tests.support.problems import code_of
from tests.support.servers import Instance, eventually
from weathernote.http.bodies import request_bodies

HIT = "/api/v1/weather?lat=40.7&lon=-74.0"
LOGIN = "/admin/login/"
QUERIES = "/api/v1/graphql"
TAKEN = 204
PATHS = [LOGIN, "/admin/prewarm/city/import/", "/admin/../x", "/admin/x", "/internal/edge-counts", HIT, "/nothing", "/"]


@pytest.fixture(scope="module")
def small(tmp_path_factory, valkey_server, simulator_server) -> Iterator[Instance]:
    """An instance of one worker with 16 threads."""
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    with Instance(tmp_path_factory.mktemp("small"), WORKERS=1, THREADS=16, **servers) as started:
        started.get(HIT)
        yield started


@pytest.fixture(autouse=True)
def room(small) -> None:
    """Waits until the forms of the test before are given up."""
    without_token = 403
    eventually(lambda: requests.post(small.base + LOGIN, {"username": "ann"}, timeout=5).status_code == without_token)


def begun(instance: Instance, path: str, length: int = 5000) -> socket.socket:
    """A form of which the first bytes have come."""
    connection = instance.connect()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    connection.sendall(f"{head}Content-Length: {length}\r\n\r\na=".encode())
    return connection


@contextmanager
def dripping(instance: Instance, paths: list[str], count: int) -> Iterator[list[socket.socket]]:
    """As many forms at once, to which a byte is added ten times a second."""
    ended = threading.Event()
    with ExitStack() as stack:
        connections = [stack.enter_context(begun(instance, paths[at % len(paths)])) for at in range(count)]

        def drip() -> None:
            while not ended.wait(0.1):
                for connection in connections:
                    with suppress(OSError):
                        connection.send(b"a")

        dripper = threading.Thread(target=drip)
        dripper.start()
        try:
            yield connections
        finally:
            ended.set()
            dripper.join()


def answer_to(connection: socket.socket, within_seconds: float = 20) -> tuple[int, dict[str, str], str]:
    connection.settimeout(within_seconds)
    answer = b""
    with suppress(ConnectionError):  # it may be hung up on while it sends
        while part := connection.recv(65536):
            answer += part
    return parsed(answer)


def all_that_comes(connection: socket.socket) -> bytes:
    """What comes until the connection ends or nothing more comes: it may stay open once all of a body has been read."""
    connection.settimeout(3)
    answer = b""
    with suppress(ConnectionError, TimeoutError):
        while part := connection.recv(65536):
            answer += part
    return answer


def test_three_hundred_dripping_bodies_keep_no_hit_waiting(small):
    with dripping(small, PATHS, 300):
        slowest = max(small.get(HIT, headers={"x-client-id": f"{at}"}, timeout=5).elapsed for at in range(50))
    print(f"the slowest of 50 hits beside 300 dripping bodies took {slowest.total_seconds() * 1000:.1f} ms")


def test_of_many_dripping_forms_all_but_a_few_are_told_at_once_to_come_again(small):
    with dripping(small, [LOGIN], 12) as connections:
        refused = [told for told in map(soon_told, connections) if told]
    assert len(refused) == 8  # four of sixteen threads may read
    assert {code_of(*told) for told in refused} == {"overloaded"}


def soon_told(connection: socket.socket) -> tuple[int, dict[str, str], str] | None:
    try:
        return answer_to(connection, within_seconds=1)
    except TimeoutError:
        return None


def test_a_form_that_drips_is_refused_when_its_time_is_over(small):
    with dripping(small, [LOGIN], 1) as (connection,):
        told = answer_to(connection, within_seconds=30)
    assert code_of(*told) == "invalid_parameter" and "did not come within 10 s" in told[2]


@pytest.mark.parametrize("sent_before", [0, 255, 2000])
def test_a_form_that_drips_after_a_burst_is_refused_before_much_more_came(small, sent_before):
    with begun(small, LOGIN) as connection:
        connection.sendall(b"a" * sent_before)
        told, dripped = answered_while_dripping(connection, at_most=80)
    assert dripped < 80 and code_of(*told) == "invalid_parameter" and "did not come within 10 s" in told[2]


def answered_while_dripping(
    connection: socket.socket, at_most: int, meanwhile: Callable[[], object] = lambda: None
) -> tuple[tuple[int, dict[str, str], str], int]:
    """The answer, and how many bytes were sent before it, one in half a second."""
    answering = select.poll()  # select() takes none of the higher numbers of open files
    answering.register(connection, select.POLLIN)
    for dripped in range(at_most):
        if answering.poll(500):
            return answer_to(connection), dripped
        connection.send(b"a")
        meanwhile()
    return (0, {}, ""), at_most


def test_other_connections_of_the_same_address_outlive_a_form_that_is_cut_off(small):
    with begun(small, LOGIN) as connection, small.connect() as other:
        connection.sendall(b"a" * 255)
        answers = []  # not one that is silent for so long that it may be ended itself, on a slow machine
        told, dripped = answered_while_dripping(connection, 80, lambda: answers.append(says_it_is_well(other)))
        assert dripped < 80 and code_of(*told) == "invalid_parameter"
        assert says_it_is_well(other) and all(answers)


def says_it_is_well(connection: socket.socket) -> bool:
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):  # it may come in parts
        part = connection.recv(65536)
        if not part:
            return False
        answer += part
    return answer.startswith(b"HTTP/1.1 200")


def test_slow_forms_leave_room_for_what_an_edge_counted(small):
    with dripping(small, [LOGIN], 12) as connections:
        assert any(map(soon_told, connections))
        nothing = {"name": "once-12345678", "answers": [], "clients": []}
        assert requests.post(f"{small.base}/internal/edge-counts", json=nothing, timeout=5).status_code == TAKEN


def test_a_form_that_falls_silent_is_hung_up_on_and_others_are_left_alone(small):
    with begun(small, LOGIN) as silent, requests.Session() as busy:
        for _ in range(6):
            assert busy.get(f"{small.base}/health", timeout=5).ok
            time.sleep(5)
        assert code_of(*answer_to(silent, within_seconds=1)) == "invalid_parameter"


def test_who_hangs_up_in_mid_form_makes_room_at_once(small):
    for _ in range(10):
        begun(small, LOGIN).close()
    without_token = 403
    eventually(lambda: requests.post(small.base + LOGIN, {"username": "ann"}, timeout=5).status_code == without_token)


def test_a_body_longer_than_any_form_is_refused_unread(small):
    with begun(small, LOGIN, length=9_000_000) as connection:
        told = answer_to(connection)
    assert code_of(*told) == "invalid_parameter" and "more than 8 MB" in told[2]


@pytest.mark.parametrize("path", [LOGIN, "/internal/edge-counts", QUERIES, f"{QUERIES}/"])
def test_a_chunked_body_is_refused_unread_and_its_bytes_are_no_next_request(small, path):
    inner = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with small.connect() as whole, small.connect() as partly:
        whole.sendall(head + body + inner)
        partly.sendall(head + body[:4])
        first = partly.recv(65536)
        with suppress(ConnectionError):  # it is hung up on
            partly.sendall(body[4:])
        status, _, answers = answer_to(whole)
        assert status == 400 and "body needs a Content-Length" in answers
        assert answers.count("HTTP/1.1 200") == 1  # of the request behind the body
        assert parsed(first)[0] == 400
        assert (first + all_that_comes(partly)).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("path", [HIT, "/nothing", "/health", "/administration"])
def test_where_nothing_is_sent_a_body_is_not_waited_for(small, path):
    with begun(small, path) as connection:
        assert answer_to(connection, within_seconds=5)[0] in (404, 405)


def test_the_time_that_a_body_takes_is_gone_for_what_is_done_after_it():
    class Slow(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            time.sleep(0.05)
            return super().read(size)

    environ = {"CONTENT_LENGTH": "2", "wsgi.input": Slow(b"ab")}
    assert request_bodies.read(environ, request_bodies.FORM_READERS).read() == b"ab"
    assert request_bodies.seconds_left(environ) <= request_bodies.ANSWER_SECONDS - 0.1
