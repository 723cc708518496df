"""Chromium before the process of streams as `make run` starts it: the page, and the browser's own clients."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect

from tests.benchmarks.measuring.processes import family
from tests.edge.edge_server import EdgeServer, edge_before
from tests.support.limits import LIFTED
from tests.support.servers import Instance, Valkey, children_of, command_of, eventually, free_port
from tests.support.weather.refreshed import refresh
from weather.core.cells import Cell

TOKYO = Cell(357, 1397)
HASH = "#lat=35.7&lon=139.7&name=Tokyo"
EVENT_SOURCE = """(base) => {
    window.said = [];
    const source = new EventSource(`${base}/api/v1/weather/events?lat=35.7&lon=139.7`);
    source.addEventListener("weather", ({ data, lastEventId }) => window.said.push([lastEventId, JSON.parse(data)]));
}"""
WEB_SOCKET = """(base) => {
    window.said = [];
    const socket = new WebSocket(`${base.replace("http", "ws")}/api/v1/live`);
    socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", lat: "35.7", lon: "139.7" }));
    socket.onmessage = ({ data }) => {
        const { etag, weather } = JSON.parse(data);
        window.said.push([etag, weather]);
    };
}"""

pytestmark = pytest.mark.usefixtures("valkey", "simulator")


@pytest.fixture(scope="module")
def live_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def instance(tmp_path_factory, valkey_server, simulator_server, live_port) -> Iterator[Instance]:
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    with Instance(tmp_path_factory.mktemp("live"), WORKERS=1, LIVE_PORT=live_port, **servers, **LIFTED) as started:
        yield started


def kill_streams(instance: Instance) -> None:
    """With -9, and not whoever watches over it."""
    held = [pid for pid in family(instance.pid) if "manage.py live" in command_of(pid) and not children_of(pid)]
    assert len(held) == 1
    os.kill(held[0], signal.SIGKILL)


def wait_for(page: Page, count: int) -> list:
    """The messages, each with its ETag, once there are so many."""
    said = "(count) => window.said.length >= count && window.said"
    return eventually(lambda: page.wait_for_timeout(10) or page.evaluate(said, count))


def test_the_page_shows_a_refresh_by_itself(open_page, instance, valkey_server: Valkey):
    """Without an edge the streams have a port of their own, which its policy names and their CORS allows."""
    page = open_page(f"{instance.base}/{HASH}")
    expect(page.locator("#live")).to_be_visible()
    refresh(valkey_server, TOKYO, 44.4)
    expect(page.locator("#now-temperature")).to_contain_text("44°")
    chip = page.locator(".exchange", has_text="/api/v1/weather/events")
    expect(chip).to_contain_text("pushed")


def test_through_the_edge_the_streams_have_the_pages_own_origin(open_page, tmp_path, valkey_server, simulator_server):
    port = free_port()
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url, "LIVE_PORT": port}
    with ExitStack() as stack:
        behind = stack.enter_context(Instance(tmp_path, WORKERS=1, TRUSTED_PROXY_COUNT=1, **servers, **LIFTED))
        before = edge_before([f"127.0.0.1:{behind.port}"], tmp_path / "edge", live=(f"127.0.0.1:{port}",))
        edge = EdgeServer(before)
        stack.callback(edge.stop)
        page = open_page(f"{edge.base}/{HASH}", ignore_https_errors=True)
        stack.callback(page.close)  # before the edge, of which it would complain
        expect(page.locator("#live")).to_be_visible()
        refresh(valkey_server, TOKYO, 11.1)
        expect(page.locator("#now-temperature")).to_contain_text("11°")
        chip = page.locator(".exchange", has_text="/api/v1/weather/events")
        expect(chip.locator(".curl code")).to_contain_text(f"{edge.base}/api/v1/weather/events")


@pytest.mark.parametrize("client", [EVENT_SOURCE, WEB_SOCKET], ids=["EventSource", "WebSocket"])
def test_what_chromium_has_for_streams_is_shown_a_refresh(
    open_page, instance, live_port, valkey_server, client, expects
):
    expects("status of 404")  # of an icon
    page = open_page(f"{instance.base}/health", bypass_csp=True)
    page.evaluate(client, f"http://127.0.0.1:{live_port}")
    ((etag, first),) = wait_for(page, 1)
    answer = instance.get("/api/v1/weather?lat=35.7&lon=139.7")
    assert etag == answer.headers["ETag"] and first["current"] == answer.json()["current"]
    refresh(valkey_server, TOKYO, 33.3)
    assert wait_for(page, 2)[1][1]["current"]["temperature_2m"] == 33.3


def test_streams_that_come_back_show_what_was_missed(open_page, instance, valkey_server: Valkey, expects):
    """The process is killed and started again by its parent; meanwhile there is a refresh."""
    expects("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
    page = open_page(f"{instance.base}/{HASH}")
    expect(page.locator("#live")).to_be_visible()
    page.evaluate("Math.random = () => 0.1")
    kill_streams(instance)
    expect(page.locator("#live")).to_be_hidden()
    refresh(valkey_server, TOKYO, 22.2)
    expect(page.locator("#now-temperature")).to_contain_text("22°", timeout=40_000)
    expect(page.locator("#live")).to_be_visible()
