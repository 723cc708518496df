"""`manage.py live` as a phone and a page see it, before a real Redis, with unchanged clients."""

import json
import signal
import socket as sockets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.support.limits import LIFTED
from tests.support.processes.live import PATIENCE_SECONDS, Live, heard, refresh, subscribe
from tests.support.servers import eventually
from weather.core.cells import Cell

pytestmark = pytest.mark.usefixtures("api")


@pytest.fixture(scope="module")
def servers(valkey_server, simulator_server) -> dict[str, str]:
    return {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}


@pytest.fixture(scope="module")
def live(tmp_path_factory, servers) -> Iterator[Live]:
    limits = LIFTED | {"RATE_LIMIT_REQUESTS": 60, "LIVE_STREAMS_PER_CLIENT": 3, "LIVE_STREAMS_PER_ADDRESS": 40}
    started = Live(tmp_path_factory.mktemp("live"), **servers, **limits, WEATHER_TTL_SECONDS=86_400)
    yield started
    started.stop()


def rest(api: Any, lat: str, lon: str) -> Any:
    return api.get(f"/api/v1/weather?lat={lat}&lon={lon}")


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────


def test_the_first_answer_is_the_very_one_of_rest_and_the_next_comes_with_a_new_record(live, api):
    answered = rest(api, "40.7128", "-74.0060")
    again = rest(api, "40.7128", "-74.0060")
    with live.socket() as socket:
        subscribe(socket, "40.7128", "-74.0060")
        first = heard(socket)
        assert first["weather"] == again.json() and first["etag"] == answered["ETag"]
        assert (first["latitude"], first["longitude"]) == (40.7, -74.0)
        refresh(Cell.parse("40.7128", "-74.0060"))
        second = heard(socket)
        assert second["weather"]["fetched_at"] > first["weather"]["fetched_at"]
        assert second["weather"]["current"]["temperature_2m"] > first["weather"]["current"]["temperature_2m"]
        # Who asks now gets the same.
        assert rest(api, "40.7128", "-74.0060").json() == second["weather"]
    assert live.metric("weathernote_live_lag_seconds_count") >= 1


def test_a_cold_place_is_fetched_for_the_phone_and_says_so(live):
    with live.socket() as socket:
        subscribe(socket, "10.1", "20.1", units="imperial")
        said = heard(socket)["weather"]
    assert said["cached"] is False and said["units"]["temperature_2m"] == "°F"


def test_events_show_the_same_and_a_page_that_comes_back_is_sent_only_what_it_lacks(live, api):
    cell = Cell.parse("41", "2")
    with live.events("lat=41&lon=2") as events:
        assert events.response.headers["Content-Type"] == "text/event-stream"
        assert events.response.headers["Cache-Control"] == "no-store"
        assert events.response.headers["RateLimit"].startswith('"client";r=59')
        assert 0 < int(events.next()["retry"]) <= 10_000
        first = events.next()
        assert first["event"] == "weather" and json.loads(first["data"])["latitude"] == 41.0
        assert first["id"] == rest(api, "41", "2")["ETag"]
    with live.events("lat=41.04&lon=2", Last_Event_ID=first["id"]) as events:
        assert "retry" in events.next()
        warmer = refresh(cell)
        following = events.next()
        assert json.loads(following["data"])["fetched_at"] > json.loads(first["data"])["fetched_at"] and warmer
    with live.events("lat=41&lon=2", Last_Event_ID=first["id"]) as events:
        events.next()
        assert events.next()["id"] == following["id"]


def test_a_cell_that_is_unsubscribed_is_shown_no_more_and_another_still_is(live):
    with live.socket() as socket:
        for lat in ("50.1", "50.2"):
            subscribe(socket, lat, "8.6")
            heard(socket)
        socket.send(json.dumps({"type": "unsubscribe", "lat": "50.1", "lon": "8.6"}))
        socket.send(json.dumps({"type": "unsubscribe", "lat": "50.1", "lon": "8.6"}))
        assert heard(socket)["problem"]["code"] == "invalid_parameter"  # so the first has been taken
        refresh(Cell.parse("50.1", "8.6"))
        refresh(Cell.parse("50.2", "8.6"))
        assert heard(socket)["latitude"] == 50.2


def test_other_units_of_a_cell_take_the_place_of_the_first(live):
    with live.socket() as socket:
        for units in ("metric", "imperial"):
            subscribe(socket, "52.5", "13.4", units=units)
            heard(socket)
        refresh(Cell.parse("52.5", "13.4"))
        assert heard(socket)["weather"]["units"]["temperature_2m"] == "°F"
        subscribe(socket, "1.5", "1.5")
        assert heard(socket)["latitude"] == 1.5  # and nothing in °C came between


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


def test_what_makes_no_sense_gets_a_problem_and_the_stream_stays(live):
    with live.socket() as socket:
        for text, parameter in (("{", "message"), ('{"type":"subscribe","lat":"91","lon":"1"}', "lat")):
            socket.send(text)
            said = heard(socket)
            assert said["type"] == "problem" and said["latitude"] is None
            assert said["problem"]["errors"][0]["parameter"] == parameter and said["problem"]["request_id"]
        socket.send(b"\0\1")
        assert heard(socket)["problem"]["code"] == "invalid_parameter"
        subscribe(socket, "48.9", "2.3")
        assert heard(socket)["type"] == "weather"


def test_the_twenty_first_cell_gets_a_problem_and_the_stream_stays(live):
    with live.socket() as socket:
        for tenth in range(20):
            subscribe(socket, f"30.{tenth // 10}", f"31.{tenth % 10}")
        assert {heard(socket)["type"] for _ in range(20)} == {"weather"}
        subscribe(socket, "33.3", "33.3")
        said = heard(socket)
        assert (said["type"], said["latitude"], said["problem"]["status"]) == ("problem", 33.3, 400)
        subscribe(socket, "30.0", "31.0")  # one of the twenty
        assert heard(socket)["type"] == "weather"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/weather/events", 400, "invalid_parameter"),
        ("/api/v1/weather/events?lat=1&lon=181", 400, "invalid_parameter"),
        ("/api/v1/weather/events?lat=1,2&lon=3,4", 400, "invalid_parameter"),
        ("/api/v1/live", 400, "invalid_parameter"),
        ("/api/v1/weather", 404, "not_found"),
        ("/api/v1//live", 404, "not_found"),
        ("/api/v1/%2e%2e/live", 404, "not_found"),
    ],
)
def test_refusals_have_the_one_shape(live, path, status, code):
    with sockets.create_connection(("127.0.0.1", live.port)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: raw.recv(65_536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()) and b"application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code) and problem["request_id"]


def test_a_host_that_is_not_served_is_refused_before_the_upgrade(live):
    with (
        sockets.create_connection(("127.0.0.1", live.port)) as connection,
        pytest.raises(InvalidStatus) as refused,
    ):
        connect(f"ws://elsewhere.example:{live.port}/api/v1/live", sock=connection, proxy=None)
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body)["errors"][0]["parameter"] == "Host"


def test_a_client_has_so_many_streams_and_the_next_is_refused_before_the_upgrade(live):
    held = [live.socket("greedy") for _ in range(3)]
    with pytest.raises(InvalidStatus) as refused:
        live.socket("greedy")
    response = refused.value.response
    assert response.status_code == 429 and json.loads(response.body)["code"] == "rate_limited"
    assert response.headers["Retry-After"] == "30" and "streams-client" in response.headers["RateLimit-Policy"]
    assert "ERROR" not in live.said()  # a refusal is an answer, and no error of the application
    held.pop().close()
    eventually(lambda: live.socket("greedy").close() is None or True, within_seconds=PATIENCE_SECONDS)
    for socket in held:
        socket.close()


def test_each_subscription_counts_as_a_request_and_who_is_over_the_limit_is_closed_with_1013(live):
    with live.socket("hasty") as socket:
        with suppress(ConnectionClosed):  # perhaps while the last are still being sent
            for _ in range(61):
                subscribe(socket, "45.5", "9.2")
        with pytest.raises(ConnectionClosed):
            all(iter(lambda: heard(socket), None))
        assert socket.protocol.close_code == 1013
    with pytest.raises(InvalidStatus) as refused:
        live.socket("hasty")
    assert refused.value.response.status_code == 429
    assert "Retry-After" in refused.value.response.headers and "RateLimit" in refused.value.response.headers


# ── who may read ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://127.0.0.1:8000", True), ("http://127.0.0.1:8002", False), ("http://evil.example:8000", False)],
)
def test_the_page_of_the_instance_beside_may_read_events_and_no_other_page(live, origin, allowed):
    for path in ("lat=41&lon=2", "lat=91&lon=2"):
        with live.events(path, Origin=origin) as events:
            given = events.response.headers.get("Access-Control-Allow-Origin")
        assert given == (origin if allowed else None)


def test_options_name_what_is_allowed_and_head_opens_no_stream(live):
    answered = requests.options(f"{live.base}/api/v1/weather/events", timeout=PATIENCE_SECONDS)
    assert (answered.status_code, answered.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert requests.head(f"{live.base}/api/v1/weather/events?lat=1&lon=1", timeout=PATIENCE_SECONDS).ok
    answered = requests.post(f"{live.base}/api/v1/live", timeout=PATIENCE_SECONDS)
    assert answered.status_code == 405 and answered.json()["code"] == "method_not_allowed"


# ── what operators see ────────────────────────────────────────────────────────────────────────────


def test_open_streams_are_counted_and_their_ends_are_logged(live):
    streams = 'weathernote_live_streams{kind="websocket"}'
    with live.socket() as socket:
        assert eventually(lambda: live.metric(streams) == 1)
        identifier = socket.response.headers["X-Request-ID"]
    eventually(lambda: live.metric(streams) == 0)
    lines = eventually(lambda: len(found := [r for r in live.said().splitlines() if identifier in r]) == 2 and found)
    opened, closed = map(json.loads, lines)
    assert opened["message"] == "GET live 101" and closed["message"] == "CLOSE live 1000"
    assert closed["level"] == "INFO" and closed["client"] == opened["client"] != ""


# ── time and the end ──────────────────────────────────────────────────────────────────────────────


def test_an_answer_that_ends_is_followed_by_the_next(tmp_path, servers, simulator):
    brief = Live(tmp_path, **servers, **LIFTED, WEATHER_TTL_SECONDS=1)
    try:
        with brief.socket() as socket:
            subscribe(socket, "35.7", "139.7")
            first = heard(socket)["weather"]
            refresh(Cell.parse("35.7", "139.7"), tell=False)  # whose news is lost
            following = heard(socket)["weather"]
        assert following["fetched_at"] > first["fetched_at"]
    finally:
        brief.stop()


def test_a_process_that_stops_closes_with_1001_spread_over_its_drain_and_takes_no_more(tmp_path, servers):
    ending = Live(tmp_path, **servers, **LIFTED, DRAIN_SECONDS=2)
    held = [ending.socket() for _ in range(4)]
    with ending.events("lat=41&lon=2") as events:
        ending.signal(signal.SIGTERM)
        assert eventually(lambda: requests.get(f"{ending.base}/health", timeout=5).json()["status"] == "stopping")
        assert requests.get(f"{ending.base}/health", timeout=5).status_code == 503
        with pytest.raises(InvalidStatus) as refused:
            ending.socket()
        assert refused.value.response.status_code == 503
        with pytest.raises(EOFError):
            all(iter(events.next, None))
    for socket in held:
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=PATIENCE_SECONDS)
        assert socket.protocol.close_code == 1001
    assert ending.popen.wait(PATIENCE_SECONDS) == 0 and "Traceback" not in ending.said()
    assert ending.said().count("CLOSE live 1001") == 4  # nothing of the log is lost
