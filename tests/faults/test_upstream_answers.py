"""Open-Meteo hangs, fails, lies or floods: what its client makes of it."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import eventually
from tests.support.staged.upstream import CELL, CELLS, NOW, StagedUpstream, answer, http
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.series import Series
from weather.simulator.server import OpenMeteoSimulator
from weather.upstream.client import (
    InvalidResponse,
    LocationRejected,
    NoWeatherHere,
    OpenMeteo,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)

#: Of calls that are to be given up.
TIMEOUT_SECONDS = 0.4
#: What a busy machine may be late by; whatever is given up here would have taken ten seconds or more.
GRACE_SECONDS = 5


class CountingClient:
    """A client that counts its attempts and how long it took."""

    def __init__(self, url: str, timeout_seconds: float = 5.0, **options: Any) -> None:
        self.client = OpenMeteo(url, WEATHER, timeout_seconds=timeout_seconds, **options)
        self.attempts = 0
        self.seconds = 0.0

    def ask(self, *cells: Cell) -> dict[Cell, Series | UpstreamError]:
        began = time.monotonic()
        self.attempts = 0
        try:
            return self.client.fetch(cells or [CELL], self._count)
        finally:
            self.seconds = time.monotonic() - began

    def fail(self, *cells: Cell) -> UpstreamError:
        """The error of a call that brings nothing: of the whole, or of its first place."""
        try:
            got = list(self.ask(*cells).values())
        except UpstreamError as error:
            return error
        assert isinstance(got[0], UpstreamError)
        return got[0]

    def _count(self, _: int) -> None:
        self.attempts += 1


@pytest.fixture
def open_meteo(simulator: OpenMeteoSimulator) -> CountingClient:
    return CountingClient(simulator.url)


def calls_in_flight() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "open-meteo-call"]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_simulators_answer_is_weather(open_meteo: CountingClient, simulator: OpenMeteoSimulator) -> None:
    assert all(isinstance(got, Series) for got in open_meteo.ask(*CELLS).values())
    assert simulator.state()["cells_per_call"] == [3]


def test_a_hundred_places_come_in_one_call(simulator: OpenMeteoSimulator) -> None:
    cells = [Cell(-890 + 17 * number, -1790 + 35 * number) for number in range(100)]

    got = CountingClient(simulator.url).ask(*cells)

    assert {type(each) for each in got.values()} == {Series}
    assert simulator.state()["cells_per_call"] == [100]


def test_a_thousand_places_come_in_one_call(simulator: OpenMeteoSimulator) -> None:
    cells = [Cell(-890 + number, -1790 + 3 * number) for number in range(1000)]

    got = CountingClient(simulator.url, timeout_seconds=20).ask(*cells)

    assert {type(each) for each in got.values()} == {Series}


# Wrong answers: refused, in one attempt


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("html", {"status": 200}),
        ("truncated", {}),
        ("truncated", {"at": 0.999}),
        ("text", {}),
        ("text", {"instead": True}),
        ("nan", {}),
        ("metadata_only", {}),
        ("nulls", {}),
        ("nulls", {"variable": "temperature_2m"}),
        ("nulls", {"variable": "weather_code", "trailing_hours": 200}),
        ("missing", {"variable": "temperature_2m"}),
        ("missing", {"variable": "wind_gusts_10m"}),
        ("missing", {"variable": "time"}),
        ("wrong_length", {"by": -1}),
        ("wrong_length", {"by": 1}),
        ("wrong_length", {"variable": "time"}),
        ("wrong_place", {"km": 130.0}),
        ("wrong_units", {}),
        ("wrong_units", {"variable": "wind_speed_10m", "unit": "mp/h"}),
        ("wrong_units", {"variable": "time", "unit": "iso8601"}),
        ("wrong_times", {}),
        ("wrong_times", {"row": 0, "seconds": 5 * 86_400}),
        ("wrong_times", {"row": 0, "seconds": -5 * 86_400}),
        ("odd_value", {"value": "1e999"}),
        ("odd_value", {"value": "NaN"}),
        ("odd_value", {"value": '"12.3"'}),
        ("odd_value", {"value": "true"}),
        ("odd_value", {"value": "9" * 5000}),
        ("odd_value", {"value": "[" * 50_000 + "]" * 50_000}),
        ("odd_value", {"value": "-274"}),
        ("zone_differs", {"timezone": "Mars/Olympus"}),
        ("zone_differs", {"timezone": "../../etc/passwd"}),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(str(part)[:12] for part in value.values()),
)
def test_what_is_not_weather_is_invalid_and_not_asked_again(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator, kind: str, arguments: dict[str, Any]
) -> None:
    simulator.fault(kind, **arguments)

    assert isinstance(open_meteo.fail(), InvalidResponse)
    assert open_meteo.attempts == simulator.state()["calls"] == 1


@pytest.mark.parametrize(
    ("variable", "trailing_hours"),
    [(None, 24), (None, 5 * 24), ("pressure_msl", None), ("precipitation_probability", None)],
)
def test_trailing_nulls_and_null_columns_are_fine(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator, variable: str | None, trailing_hours: int | None
) -> None:
    simulator.fault("nulls", variable=variable, trailing_hours=trailing_hours)

    series = open_meteo.ask()[CELL]

    assert isinstance(series, Series)
    assert series.columns[variable or "temperature_2m"][-1] is None


@pytest.mark.parametrize(
    ("kind", "arguments"), [("one_bad_place", {}), ("wrong_place", {}), ("missing", {}), ("odd_value", {})]
)
def test_one_bad_place_does_not_spoil_the_others(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator, kind: str, arguments: dict[str, Any]
) -> None:
    simulator.fault(kind, place="51.5,-0.1", **arguments)

    assert [type(got) for got in open_meteo.ask(*CELLS).values()] == [Series, NoWeatherHere, Series]


def test_places_in_another_order_are_not_taken_for_each_other(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator
) -> None:
    simulator.fault("wrong_order")

    got = open_meteo.ask(*CELLS[:2])

    assert [type(each) for each in got.values()] == [NoWeatherHere, NoWeatherHere]


def test_a_batch_that_is_refused_for_a_place_is_told_from_other_refusals(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator
) -> None:
    simulator.fault("refused_place", place="51.5,-0.1")

    assert isinstance(open_meteo.fail(*CELLS), LocationRejected)
    assert open_meteo.attempts == 1


# Statuses


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_5xx_is_asked_once_more_and_no_oftener(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator, status: int
) -> None:
    simulator.fault("status", status=status)

    assert isinstance(open_meteo.fail(), UpstreamUnavailable)
    assert open_meteo.attempts == simulator.state()["calls"] == 2


def test_a_passing_502_in_html_is_not_noticed(open_meteo: CountingClient, simulator: OpenMeteoSimulator) -> None:
    simulator.fault("html", status=502, times=1)

    assert isinstance(open_meteo.ask()[CELL], Series)
    assert open_meteo.attempts == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_a_4xx_is_not_asked_again(open_meteo: CountingClient, simulator: OpenMeteoSimulator, status: int) -> None:
    simulator.fault("status", status=status)

    open_meteo.fail()

    assert open_meteo.attempts == simulator.state()["calls"] == 1


@pytest.mark.parametrize("retry_after", [3600, None])
def test_nothing_sleeps_on_a_429(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator, retry_after: int | None
) -> None:
    simulator.fault("status", status=429, retry_after=retry_after)

    error = open_meteo.fail()

    assert isinstance(error, UpstreamRefused)
    assert (error.retry_after_seconds, error.window) == (retry_after, "minute")
    assert open_meteo.seconds < GRACE_SECONDS


@pytest.mark.parametrize("window", ["minute", "hour", "day"])
def test_a_spent_quota_names_its_window(open_meteo: CountingClient, simulator: OpenMeteoSimulator, window: str) -> None:
    simulator.settings(limits={window: 0})

    error = open_meteo.fail()

    assert isinstance(error, UpstreamRefused)
    assert error.window == window


@pytest.mark.parametrize("api_key", ["", "wrong"])
def test_a_missing_and_a_wrong_key_are_unavailability(simulator: OpenMeteoSimulator, api_key: str) -> None:
    simulator.settings(api_key="right")

    error = CountingClient(simulator.url, api_key=api_key).fail()

    assert isinstance(error, UpstreamUnavailable)
    assert "API key" in str(error)
    assert isinstance(CountingClient(simulator.url, api_key="right").ask()[CELL], Series)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_refused_and_not_followed(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator, status: int
) -> None:
    simulator.fault("redirect", status=status)

    assert isinstance(open_meteo.fail(), UpstreamUnavailable)
    assert open_meteo.attempts == 1
    assert simulator.state()["redirects_followed"] == 0


def test_the_body_of_a_redirect_is_not_read() -> None:
    def endless() -> Iterator[bytes]:
        yield b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"10000\r\n" + b" " * 65_536 + b"\r\n"

    with StagedUpstream(endless) as upstream:
        open_meteo = CountingClient(upstream.url)

        assert isinstance(open_meteo.fail(), UpstreamUnavailable)
        assert open_meteo.seconds < GRACE_SECONDS


# Broken connections


@pytest.mark.parametrize("kind", ["reset", "close", "chunked_cut"])
def test_a_broken_connection_is_tried_once_more(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator, kind: str
) -> None:
    simulator.fault(kind, times=1)

    assert isinstance(open_meteo.ask()[CELL], Series)
    assert open_meteo.attempts == simulator.state()["calls"] == 2


@pytest.mark.parametrize("kind", ["reset", "close", "chunked_cut"])
def test_a_connection_that_always_breaks_is_tried_twice(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator, kind: str
) -> None:
    simulator.fault(kind)

    assert isinstance(open_meteo.fail(), UpstreamUnavailable)
    assert open_meteo.attempts == simulator.state()["calls"] == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_not_noticed(simulator: OpenMeteoSimulator) -> None:
    server = OpenMeteoSimulator(base_ms=0, unlimited=True).start()
    open_meteo = CountingClient(server.url)
    open_meteo.ask()
    server.stop()
    restarted = OpenMeteoSimulator(server.port, base_ms=0, unlimited=True).start()
    try:
        assert isinstance(open_meteo.ask()[CELL], Series)
    finally:
        restarted.stop()


def test_nobody_listening_is_unavailability_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    open_meteo = CountingClient(f"http://127.0.0.1:{port}")

    assert isinstance(open_meteo.fail(), UpstreamUnavailable)
    assert open_meteo.attempts == 1
    assert open_meteo.seconds < GRACE_SECONDS


# The deadline


def drip_status_line() -> Iterator[bytes]:
    for character in b"HTTP/1.1 200 OK" + b"!" * 1000:
        yield bytes([character])
        time.sleep(0.02)


def drip_interim_answers() -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n"
        time.sleep(0.02)


def drip_until_the_connection_ends() -> Iterator[bytes]:
    yield b"HTTP/1.0 200 OK\r\n\r\n"
    while True:
        yield b" "
        time.sleep(0.02)


def drip_trailers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    while True:
        yield b"X-Trailer: 1\r\n"
        time.sleep(0.02)


def drip_compressed() -> Iterator[bytes]:
    whole = http(answer([CELL]), Content_Encoding="gzip")
    for start in range(0, len(whole), 10):
        yield whole[start : start + 10]
        time.sleep(0.02)


DRIPS = [drip_status_line, drip_interim_answers, drip_until_the_connection_ends, drip_trailers, drip_compressed]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("hang", {}),
        ("delay", {"seconds": 10}),
        ("drip", {"interval_seconds": 0.02}),
        ("drip_headers", {"interval_seconds": 0.02}),
    ],
)
def test_the_deadline_holds_and_nothing_of_the_call_is_left(
    simulator: OpenMeteoSimulator, kind: str, arguments: dict[str, Any]
) -> None:
    simulator.fault(kind, **arguments)
    open_meteo = CountingClient(simulator.url, TIMEOUT_SECONDS)

    assert isinstance(open_meteo.fail(), UpstreamUnavailable)
    assert TIMEOUT_SECONDS <= open_meteo.seconds < TIMEOUT_SECONDS + GRACE_SECONDS
    assert open_meteo.attempts == 1
    eventually(lambda: not calls_in_flight())

    simulator.fault(None)
    assert isinstance(open_meteo.ask()[CELL], Series)


@pytest.mark.parametrize("drip", DRIPS, ids=lambda drip: drip.__name__)
def test_the_deadline_holds_whatever_drips(drip: Callable[[], Iterator[bytes]]) -> None:
    with StagedUpstream(drip) as upstream:
        open_meteo = CountingClient(upstream.url, TIMEOUT_SECONDS, now=lambda: NOW)

        assert isinstance(open_meteo.fail(), UpstreamUnavailable)
        assert open_meteo.seconds < TIMEOUT_SECONDS + GRACE_SECONDS
        eventually(lambda: not calls_in_flight())


def test_the_deadline_holds_for_a_tls_handshake_that_nobody_answers() -> None:
    with StagedUpstream(b"") as upstream:
        open_meteo = CountingClient(upstream.url.replace("http:", "https:"), TIMEOUT_SECONDS)

        assert isinstance(open_meteo.fail(), UpstreamUnavailable)
        assert open_meteo.seconds < TIMEOUT_SECONDS + GRACE_SECONDS
        eventually(lambda: not calls_in_flight())


def test_the_retry_has_only_what_is_left_of_the_time() -> None:
    def break_late() -> Iterator[bytes]:
        time.sleep(0.5)
        yield b""
        raise ConnectionResetError

    with StagedUpstream(break_late, drip_interim_answers) as upstream:
        open_meteo = CountingClient(upstream.url, 5 * TIMEOUT_SECONDS)

        assert isinstance(open_meteo.fail(), UpstreamUnavailable)
        assert open_meteo.seconds < 5 * TIMEOUT_SECONDS + GRACE_SECONDS
        assert open_meteo.attempts == 2


def test_no_retry_is_paid_for_when_no_time_is_left() -> None:
    def fail_late() -> Iterator[bytes]:
        time.sleep(TIMEOUT_SECONDS * 0.95)
        yield http(status=503)

    with StagedUpstream(fail_late) as upstream:
        open_meteo = CountingClient(upstream.url, TIMEOUT_SECONDS)

        assert isinstance(open_meteo.fail(), UpstreamUnavailable)
        assert open_meteo.attempts == 1


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts the files of a process under /proc")
def test_calls_that_are_given_up_leave_no_sockets(simulator: OpenMeteoSimulator) -> None:
    with StagedUpstream(drip_interim_answers) as upstream:
        open_meteo = CountingClient(upstream.url, 0.05)
        open_meteo.fail()
        eventually(lambda: not calls_in_flight())
        before = open_files()
        for _ in range(10):
            open_meteo.fail()
        eventually(lambda: not calls_in_flight())

        # The other ends, in this very process, are the server's; they are closed when it finds out.
        eventually(lambda: open_files() <= before + 1)


# The lookup of its name


@pytest.fixture
def hanging_lookup(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Names resolve to loopback, but not before the event is set."""
    comes_back = threading.Event()
    lookup = socket.getaddrinfo

    def hang(host: str, port: int, *rest: Any, **options: Any) -> Any:
        comes_back.wait(60)
        return lookup("127.0.0.1", port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield comes_back
    comes_back.set()
    eventually(lambda: not calls_in_flight())


@pytest.mark.usefixtures("hanging_lookup")
def test_the_deadline_holds_for_a_lookup_that_hangs() -> None:
    open_meteo = CountingClient("http://api.open-meteo.test", TIMEOUT_SECONDS)

    assert isinstance(open_meteo.fail(), UpstreamUnavailable)
    assert open_meteo.seconds < TIMEOUT_SECONDS + GRACE_SECONDS


def test_lookups_that_hang_do_not_pile_up(hanging_lookup: threading.Event) -> None:
    with StagedUpstream(http(answer([CELL]))) as upstream:
        open_meteo = CountingClient(upstream.url.replace("127.0.0.1", "api.open-meteo.test"), 0.05, now=lambda: NOW)
        for _ in range(10):
            assert isinstance(open_meteo.fail(), UpstreamUnavailable)
        assert len(calls_in_flight()) == 4
        assert open_meteo.seconds < GRACE_SECONDS

        hanging_lookup.set()
        eventually(lambda: not calls_in_flight())
        assert upstream.requests == []
        assert isinstance(open_meteo.ask()[CELL], Series)


def test_a_failed_lookup_is_unavailability_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    open_meteo = CountingClient("http://api.open-meteo.test")

    assert isinstance(open_meteo.fail(), UpstreamUnavailable)
    assert open_meteo.attempts == 1
    assert open_meteo.seconds < GRACE_SECONDS


# Floods

FLOODED = """
import sys
from pathlib import Path
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.upstream.client import OpenMeteo, InvalidResponse

def peak_kilobytes():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])

client = OpenMeteo(sys.argv[1], WEATHER, timeout_seconds=20)
before = peak_kilobytes()
try:
    client.fetch([Cell(number, number) for number in range(100)])
except InvalidResponse as error:
    print(peak_kilobytes() - before, error)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads a process's peak of memory under /proc")
@pytest.mark.parametrize("kind", ["big", "gzip_bomb"])
def test_a_flood_is_cut_off_with_flat_memory(simulator: OpenMeteoSimulator, kind: str) -> None:
    simulator.fault(kind)

    told = subprocess.run(
        [sys.executable, "-c", FLOODED, simulator.url],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        text=True,
        timeout=100,
    ).stdout

    kilobytes, _, message = told.partition(" ")
    assert "longer than" in message
    assert int(kilobytes) < 24_000


@pytest.mark.parametrize("kind", ["big", "gzip_bomb"])
def test_a_flood_is_invalid_and_not_asked_again(
    open_meteo: CountingClient, simulator: OpenMeteoSimulator, kind: str
) -> None:
    simulator.fault(kind)

    assert isinstance(open_meteo.fail(), InvalidResponse)
    assert open_meteo.attempts == 1


def test_an_announced_flood_is_not_read() -> None:
    with StagedUpstream(http(b" ", Content_Length="1000000000")) as upstream:
        open_meteo = CountingClient(upstream.url)

        assert isinstance(open_meteo.fail(), InvalidResponse)
        assert open_meteo.seconds < GRACE_SECONDS


def test_a_flood_under_a_429_is_still_a_429() -> None:
    with StagedUpstream(http(b" " * 50_000_000, 429, Content_Encoding="gzip", Retry_After="7")) as upstream:
        error = CountingClient(upstream.url).fail()

    assert isinstance(error, UpstreamRefused)
    assert error.retry_after_seconds == 7


def test_what_cannot_be_decompressed_is_invalid() -> None:
    broken = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip"
    with StagedUpstream(broken) as upstream:
        assert isinstance(CountingClient(upstream.url).fail(), InvalidResponse)
