"""Clients as published, before the process as `make run` starts it: Python's `websockets` and node's `ws`.

Chromium's own are in tests/browser/test_live_process.py.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets
from websockets.sync.client import connect

from tests.support.clients import live
from tests.support.clients.openmeteo import install
from tests.support.limits import LIFTED
from tests.support.processes.tree import environment
from tests.support.servers import Instance, Process, Valkey, eventually, free_port
from tests.support.weather.refreshed import refresh
from weather.core.cells import Cell

NEW_YORK, OSLO = Cell(407, -740), Cell(599, 107)
PATH = "/api/v1/live"

pytestmark = pytest.mark.usefixtures("valkey", "simulator")


@pytest.fixture(scope="module")
def streams(tmp_path_factory, valkey_server, simulator_server) -> Iterator[str]:
    """The address of the streams beside an instance, but for its scheme."""
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    port = free_port()
    with Instance(tmp_path_factory.mktemp("live"), WORKERS=1, LIVE_PORT=port, **servers, **LIFTED):
        yield f"127.0.0.1:{port}"


def asked(cell: Cell, kind: str = "subscribe") -> str:
    return json.dumps({"type": kind, "lat": str(cell.latitude), "lon": str(cell.longitude)})


def degrees(message: dict) -> float:
    return message["weather"]["current"]["temperature_2m"]


def test_pythons_websockets_is_shown_a_refresh_and_nothing_of_what_it_left(streams, valkey_server: Valkey):
    with connect(f"ws://{streams}{PATH}") as socket:
        for cell in (NEW_YORK, OSLO):
            socket.send(asked(cell))
        first = [json.loads(socket.recv(30)) for _ in range(2)]
        assert {message["latitude"] for message in first} == {40.7, 59.9}
        socket.send(asked(OSLO, "unsubscribe"))
        refresh(valkey_server, OSLO, 11.1)
        refresh(valkey_server, NEW_YORK, 22.2)
        message = json.loads(socket.recv(30))
    assert (message["type"], message["latitude"], degrees(message)) == ("weather", 40.7, 22.2)


def test_pythons_websockets_is_refused_with_a_problem_before_the_upgrade(streams):
    with pytest.raises(websockets.InvalidStatus) as refused, connect(f"ws://{streams}{PATH}x"):
        pass
    assert json.loads(refused.value.response.body or b"{}")["code"] == "not_found"


@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="no node on the PATH")
def test_nodes_ws_is_shown_a_refresh(streams, valkey_server: Valkey, tmp_path: Path):
    folder = install.npm_folder(Path(live.__file__).parent, "subscribe.mjs")
    command = ["node", str(folder / "subscribe.mjs"), f"ws://{streams}{PATH}", "40.7,-74.0", "59.9,10.7"]
    process = Process(command, tmp_path / "said", environment())
    try:
        eventually(lambda: process.said().count("\n") == 2)
        refresh(valkey_server, OSLO, 33.3)
        eventually(lambda: process.said().count("\n") == 3)
        message = json.loads(process.said().splitlines()[2])
    finally:
        process.kill()
    assert (message["latitude"], degrees(message)) == (59.9, 33.3)
