"""The process for streams beside an instance, as `make run` starts it."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.processes.database import migrated
from tests.support.processes.tree import Served, alive, copy_of_the_code, run
from tests.support.servers import eventually, free_port
from weathernote.runtime.live import live_beside

pytestmark = pytest.mark.usefixtures("valkey")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_port_that_is_free_is_used_and_nothing_is_said():
    said: list[str] = []
    port = free_port()
    assert live_beside.usable_port("127.0.0.1", port, said.append, taken=1) == port and said == []


def test_for_a_port_that_is_taken_or_will_be_a_free_one_is_used_and_said(taken):
    free = free_port()
    for port, instance in ((taken, 1), (free, free)):
        said: list[str] = []
        other = live_beside.usable_port("127.0.0.1", port, said.append, taken=instance)
        assert other != port and said == [f"Port {port} (LIVE_PORT) is taken: open streams are on port {other}."]


def test_the_command_says_in_one_line_that_its_port_is_taken(tmp_path, taken):
    ended = run(copy_of_the_code(tmp_path), "manage.py", "live", "--port", str(taken))
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1
    assert ended.stderr.startswith(f"CommandError: Cannot listen on 127.0.0.1:{taken}")


def test_the_command_names_a_setting_that_makes_no_sense_before_it_listens(tmp_path):
    ended = run(copy_of_the_code(tmp_path), "manage.py", "live", "--port", "0", EXTRA_VARIABLES="foo")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1 and "EXTRA_VARIABLES" in ended.stderr


def test_an_instance_starts_it_says_where_it_is_starts_it_again_and_ends_it(
    tmp_path: Path, simulator, valkey_server, taken
):
    tree = copy_of_the_code(tmp_path)
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}
    servers |= {"DATABASE_URL": f"sqlite:///{migrated(tmp_path / 'db.sqlite3')}"}
    served = Served(tree, "serve", LIVE_PORT=taken, **servers)
    try:
        lines = eventually(lambda: (found := served.lines()) and found[-1].startswith("Try") and found)
        (streams,) = [line for line in lines if line.startswith("Streams on ws://127.0.0.1:")]
        port = int(streams.partition("127.0.0.1:")[2].partition("/")[0])
        assert f"Port {taken} (LIVE_PORT) is taken: open streams are on port {port}." in lines
        url = f"http://127.0.0.1:{port}"
        with requests.get(f"{url}/api/v1/weather/events?lat=1&lon=1", stream=True, timeout=30) as events:
            assert b"retry" in next(events.iter_lines())
        (process,) = [
            number for number in served.started("manage.py live") if "supervisor" not in served.family()[number]
        ]
        os.kill(process, signal.SIGKILL)
        eventually(lambda: requests.get(f"{url}/health", timeout=5).ok)
        family = served.family()
        assert served.stop() == 0
        eventually(lambda: not alive(family))
    finally:
        served.stop()
