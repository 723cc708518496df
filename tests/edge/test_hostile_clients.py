"""Faults 38, 39, 45, 46, 55, 56 and 58 through the edge."""

import re
import statistics
import subprocess
import sys
import time
from uuid import uuid4

import pytest

from tests.edge.edge_server import INSIDE
from tests.edge.wire import connected, got, left_of, parsed, said_to
from tests.support.problems import code, code_of
from tests.support.processes.tree import environment
from tests.support.servers import TOP

HIT = "/api/v1/weather?lat=51.5&lon=-0.1"
SLOW = 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (
            b"GET "
            + HIT.encode()
            + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
            400,
        ),
        (
            b"POST "
            + HIT.encode()
            + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
            400,
        ),
        (b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: weather.example\r\n\r\n", 400),
        (b"GET / HTTP/3.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 400),
        (b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", 405),
        (got("/" + "a" * 40_000), 400),
        (got(HIT, "X-Client-ID: " + "a" * 300_000), 400),
        (got(HIT, *[f"X-{number}: {'a' * 1000}" for number in range(300)]), 400),
        (got(HIT, host="evil.example"), 400),
        (got(HIT, 'If-Match: "other"'), 400),
        (
            b"POST " + HIT.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999\r\n\r\n",
            400,
        ),
    ],
    ids=lambda value: value if isinstance(value, int) else value[:24].decode("latin-1").strip(),
)
def test_what_cannot_be_read_is_refused_in_the_one_shape(fleet, request_, status):
    """Faults 39, 46 and 56."""
    assert fleet.get(HIT).ok
    told, headers, body = parsed(said_to(fleet.edge, request_))
    assert told == status
    assert code_of(told, headers, body) == ("method_not_allowed" if status == 405 else "invalid_parameter")


@pytest.mark.parametrize("value", ["", "\xff\xfe", "ü", "\t", "a" * 129, "a" * 7000])
def test_an_odd_header_is_passed_over(fleet, value):
    """Fault 39."""
    told, headers, _ = parsed(
        said_to(fleet.edge, got(HIT, f"X-Client-ID: {value}", f"Accept: {value}", f"X-Odd: {value}"))
    )
    assert told == 200 and headers["ratelimit"]


def test_a_header_that_comes_twice_spoofs_nothing(fleet, address):
    """Fault 38."""
    twice = [
        "X-Forwarded-For: 9.9.9.9",
        "X-Forwarded-For: 8.8.8.8",
        "X-Forwarded-Proto: http",
        "X-Request-ID: a",
        "X-Request-ID: b",
    ]
    for left in (59, 58):
        told, headers, _ = parsed(said_to(fleet.edge, got(HIT, *twice), address=address))
        assert (told, left_of(headers["ratelimit"])) == (200, left)
        assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])


def test_200_half_sent_requests_do_not_keep_others_waiting(fleet):
    """Fault 45."""
    alone = latencies(fleet)
    slow = [connected(fleet.edge, secure=False) for _ in range(SLOW)]
    try:
        for line in slow:
            line.sendall(b"GET /api/v1/weather?lat=1&lon=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        beside = latencies(fleet)
        print(f"p50 of a request alone {alone * 1000:.1f} ms, beside {SLOW} half-sent ones {beside * 1000:.1f} ms")
        assert beside < 4  # the half-sent ones are held for five seconds
        assert all(is_hung_up_on(line) for line in slow)  # after them: it waits until they are
    finally:
        for line in slow:
            line.close()


def is_hung_up_on(line) -> bool:
    try:
        return line.recv(100) == b""
    except ConnectionResetError:
        return True


def latencies(fleet) -> float:
    """The median of 60 answers, half of them from an instance; all must be right."""
    seconds = []
    with fleet.edge.session(client=uuid4().hex) as session:
        for number in range(60):
            began = time.perf_counter()
            assert session.get(fleet.edge.base + (HIT if number % 2 else "/health"), timeout=20).ok
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def test_a_host_that_is_not_ours_is_refused_and_a_spoofed_scheme_is_passed_over(fleet):
    """Fault 56."""
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:443"):
        assert code(fleet.get(HIT, headers={"Host": host})) == "invalid_parameter"
    spoofed = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    answer = fleet.get("/admin/", headers=spoofed, address=INSIDE, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/login/?next=/admin/")


OURS = ("/metrics", "/%6detrics", "/admin/", "/admin", "/admin/login/")


@pytest.mark.parametrize(
    "path", [*OURS, "//metrics", "/x/../metrics", "//admin/", "/api/v1/..%2f..%2fmetrics", "/./admin/"]
)
def test_operators_and_staff_come_from_their_own_networks(fleet, path):
    """Fault 58."""
    told, headers, body = parsed(said_to(fleet.edge, got(path)))
    assert (told, code_of(told, headers, body)) == (404, "not_found")
    if path in OURS:
        assert parsed(said_to(fleet.edge, got(path), address=INSIDE))[0] in (200, 301, 302)


@pytest.fixture(scope="module")
def staff(the_fleet) -> dict[str, str]:
    password = uuid4().hex
    variables = {name: value for name, value in the_fleet.variables.items() if name != "WORKERS"}
    env = environment(**variables, DJANGO_SUPERUSER_PASSWORD=password)
    words = ["createsuperuser", "--noinput", "--username", "staff", "--email", "s@example.org"]
    subprocess.run([sys.executable, "manage.py", *words], cwd=TOP, env=env, check=True, capture_output=True, timeout=60)
    return {"username": "staff", "password": password}


@pytest.mark.parametrize(("origin", "status"), [("", 302), ("https://evil.example", 403), ("null", 403), ("http", 403)])
def test_a_form_is_taken_from_our_own_pages_alone(fleet, staff, origin, status):
    """Fault 55, behind the edge."""
    url = f"{fleet.edge.base}/admin/login/"
    with fleet.edge.session(INSIDE) as session:
        (token,) = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', session.get(url, timeout=20).text)
        said = origin or fleet.edge.base
        said = fleet.edge.base.replace("https", "http") if origin == "http" else said
        form = staff | {"csrfmiddlewaretoken": token}
        answer = session.post(
            url, data=form, headers={"Origin": said, "Referer": url}, allow_redirects=False, timeout=20
        )
        assert answer.status_code == status
        assert session.get(f"{fleet.edge.base}/admin/", allow_redirects=False, timeout=20).ok
        assert ("sessionid" in session.cookies) == (status == 302)
