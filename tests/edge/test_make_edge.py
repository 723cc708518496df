"""`manage.py edge` as a whole, which `make edge` calls."""

import fcntl
import json
import os
import shutil
import warnings
from typing import Any

import pytest
import requests
from urllib3.exceptions import InsecureRequestWarning

from tests.support.processes.database import migrated
from tests.support.processes.tree import Served, alive, copy_of_the_code
from tests.support.servers import TOP, eventually, free_port
from weathernote.instance import make_folder, open_lock, try_lock

CLOSED = "http://127.0.0.1:9"


class ServedByEdge(Served):
    def _answers(self) -> bool:
        self.base = f"https://127.0.0.1:{self.port}"
        if self.popen.poll() is not None:
            raise AssertionError("ended")
        return self.get("/health").ok and any(line.startswith("Try") for line in self.lines())

    def get(self, path: str, **options: Any) -> requests.Response:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)  # the certificate was made on this machine
            return requests.get(self.base + path, timeout=15, verify=False, **options)  # noqa: S501 - likewise


@pytest.fixture
def demo(tmp_path):
    """The folder of a running demo in the same tree, whose simulator cannot be reached."""
    folder = make_folder(tmp_path / ".run" / "demo-1")
    (folder / "instance.json").write_text(json.dumps({"redis_url": "redis://127.0.0.1:9", "simulator_url": CLOSED}))
    lock = open_lock(folder)
    assert try_lock(lock, fcntl.LOCK_EX)
    yield folder
    os.close(lock)


@pytest.fixture
def served(tmp_path, simulator, demo):
    tree = copy_of_the_code(tmp_path)
    shutil.copytree(TOP / "deploy", tree / "deploy")
    port = free_port()
    own = {"OPEN_METEO_URL": simulator.url, "DATABASE_URL": f"sqlite:///{migrated(tmp_path / 'db.sqlite3')}"}
    started = ServedByEdge(tree, "edge", port=port, EDGE_PORT=port, EDGE_HTTP_PORT=free_port(), **own)
    yield started
    started.stop()


def test_it_greets_serves_over_https_and_leaves_nothing_behind(served, tmp_path):
    assert not any("cannot be reached" in line for line in served.lines())
    assert served.lines()[-4].startswith(f"Serving on {served.base} (docs: {served.base}/api/v1/docs)")
    first, again = (served.get("/api/v1/weather?lat=40.7128&lon=-74.0060") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Cache-Status"].endswith("edge; hit")
    with served.get("/api/v1/weather/events?lat=40.7128&lon=-74.0060", stream=True) as events:
        assert any(line == "event: weather" for line in events.iter_lines(decode_unicode=True, chunk_size=1))
    family = served.family()
    assert sum("granian" in words for words in family.values()) >= 2
    assert sum("manage.py live" in words and "supervisor" not in words for words in family.values()) == 2
    assert any("nginx" in words for words in family.values())
    assert sum("manage.py live" in words and "supervisor" not in words for words in family.values()) == 2
    key = tmp_path / ".run" / f"edge-{served.port}" / "certificate.key"
    assert key.stat().st_mode & 0o077 == 0
    assert served.stop() == 0
    assert eventually(lambda: not alive(family))
