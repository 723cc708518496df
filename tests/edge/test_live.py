"""Streams of real live processes through the edge, and what phones see when one of these ends. Fault 78."""

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.edge.live_fleet import LiveFleet
from tests.edge.phones import Phones
from tests.edge.streams import OF_A_PLACE, events, websocket
from tests.support.servers import eventually
from weather.core.cells import Cell
from weather.simulator.server import OpenMeteoSimulator

PLACE = {"lat": "40.7128", "lon": "-74.0060"}
CELL = Cell.parse(PLACE["lat"], PLACE["lon"])
PLACES = [{"lat": f"{number}.31", "lon": "7.52"} for number in range(10)]
PHONES = 300
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"


@pytest.fixture(scope="module")
def the_live_fleet(tmp_path_factory, the_simulator_server: OpenMeteoSimulator) -> Iterator[LiveFleet]:
    with LiveFleet(tmp_path_factory.mktemp("live"), the_simulator_server.url, DRAIN_SECONDS=3) as fleet:
        yield fleet


@pytest.fixture
def live_fleet(the_live_fleet, simulator) -> LiveFleet:
    the_live_fleet.mend()
    return the_live_fleet


# ── both ways ─────────────────────────────────────────────────────────────────────────────────────


def test_a_phone_subscribes_and_is_told_what_is_new(live_fleet):
    with websocket(live_fleet.edge) as stream:
        stream.send(json.dumps({"type": "subscribe", **PLACE}))
        first = json.loads(stream.recv(timeout=20))
        assert (first["type"], first["latitude"], first["longitude"]) == ("weather", 40.7, -74.0)
        refreshed = live_fleet.refresh(CELL)
        then = json.loads(stream.recv(timeout=20))
    assert (then["weather"]["fetched_at"], then["etag"] == first["etag"]) == (refreshed, False)


def test_a_page_gets_events_and_after_a_break_only_what_it_has_not(live_fleet):
    with events(live_fleet.edge, OF_A_PLACE) as stream:
        first = stream.next()
    with events(live_fleet.edge, OF_A_PLACE, Last_Event_ID=first["id"]) as stream:
        refreshed = live_fleet.refresh(CELL)
        then = stream.next()
    assert (first["event"], then["event"]) == ("weather", "weather")
    assert json.loads(then["data"])["fetched_at"] == refreshed > json.loads(first["data"])["fetched_at"]


@pytest.mark.parametrize(
    ("version", "headers", "status"),
    [
        ("1.1", "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n", 101),
        ("1.1", "Upgrade: websocket\r\n", 400),
        ("1.1", "Upgrade: upgrade|websocket\r\n", 400),
        ("1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n", 400),
    ],
)
def test_only_a_whole_upgrade_is_one(live_fleet, version, headers, status):
    port = int(live_fleet.edge.base.rpartition(":")[2])
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    head = f"GET /api/v1/live HTTP/{version}\r\nHost: 127.0.0.1\r\n{KEY}{headers}\r\n"
    with tls.wrap_socket(socket.create_connection(("127.0.0.1", port))) as raw:
        raw.settimeout(20)
        raw.sendall(head.encode())
        assert raw.recv(65_536).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_live_process_logs_how_many_streams_it_has(live_fleet):
    """deploy/aws/scaling.yaml scales by these lines."""

    def reported() -> list[dict[str, object]]:
        lines = [json.loads(line) for line in live_fleet.processes[0].said().splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == "streams"]

    assert eventually(reported)[0]["streams"] == 0


# ── live processes that end ───────────────────────────────────────────────────────────────────────


async def all_refreshed(live_fleet: LiveFleet, phones: Phones) -> None:
    """Refreshes all places, and waits until every phone shows it."""
    told = {place["lat"]: await asyncio.to_thread(live_fleet.refresh, Cell.parse(**place)) for place in PLACES}
    await phones.until(lambda phone: phone.fetched_at == told[phone.position["lat"]])


def test_phones_of_a_killed_process_come_to_the_other_and_miss_nothing(live_fleet):
    """Fault 78."""

    async def story() -> None:
        async with Phones(live_fleet.edge, PLACES, PHONES) as phones:
            await phones.until(lambda phone: phone.fetched_at != "")
            killed_at = monotonic()
            await asyncio.to_thread(live_fleet.kill, 0)
            await all_refreshed(live_fleet, phones)
            phones.told("a live process killed with -9", since=killed_at)
            openings = [len(phone.opened_at) for phone in phones.phones]
        # Those of the other noticed nothing; the killed one had about half.
        assert set(openings) == {1, 2} and PHONES / 4 < openings.count(2) < PHONES * 3 / 4

    asyncio.run(story())


def test_a_rolling_restart_sends_phones_away_one_after_the_other_and_they_miss_nothing(live_fleet):
    async def story() -> None:
        async with Phones(live_fleet.edge, PLACES, PHONES) as phones:
            await phones.until(lambda phone: phone.fetched_at != "")
            for number in range(2):
                began = monotonic()
                assert await asyncio.to_thread(live_fleet.stop, number) == 0
                await all_refreshed(live_fleet, phones)
                phones.told(f"live process {number} stopped", since=began)
                await asyncio.to_thread(live_fleet.start, number)
        codes = {code for phone in phones.phones for code in phone.closing_codes}
        assert codes == {1001}
        assert sum(phone.refusals for phone in phones.phones) == 0

    asyncio.run(story())
