"""`deploy/start.py`, which a unit or a container starts an instance with."""

import importlib.util
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest
import requests

from tests.support.processes.database import migrated
from tests.support.processes.tree import environment
from tests.support.servers import TOP, Process, eventually, free_port, listeners

GIGABYTE = 1_000_000_000


@pytest.fixture(scope="module")
def start() -> ModuleType:
    spec = importlib.util.spec_from_file_location("start", TOP / "deploy" / "start.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("cores", "gigabytes", "given", "workers", "threads"),
    [
        (2, 2, {}, 2, 128),
        (2, 8, {"INSTANCES": "2"}, 1, 128),
        (8, 16, {"INSTANCES": "2"}, 4, 128),
        (0.5, 2, {}, 1, 128),
        (1.5, 2, {}, 2, 128),
        (4, 0.6, {}, 2, 128),  # no room for more
        (2, 0.2, {}, 1, 128),  # one there must be
        (64, 256, {}, 64, 32),  # or they would take all connections that Redis has
        (8, 16, {"WORKERS": "3", "THREADS": "40"}, 3, 40),
    ],
)
def test_workers_and_threads_fit_the_machine(start, cores, gigabytes, given, workers, threads):
    variables = dict(given)
    start.fit(variables, cores=cores, memory_bytes=int(gigabytes * GIGABYTE))
    assert (variables["WORKERS"], variables["THREADS"]) == (str(workers), str(threads))


@pytest.mark.parametrize(
    ("told", "folder", "limits"),
    [
        ("0::/\n", "", {"cpu.max": "50000 100000", "memory.max": "300000000"}),
        ("0::/a.slice/b.service\n", "a.slice", {"cpu.max": "50000 100000", "memory.max": "300000000"}),
        ("3:cpu:/c\n2:memory:/c\n", "cpu/c", {"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"}),
    ],
)
def test_the_limits_of_a_container_or_a_unit_are_seen(start, tmp_path, told, folder, limits):
    group = tmp_path / "sys/fs/cgroup" / folder
    group.mkdir(parents=True)
    for name, value in limits.items():
        (group / name).write_text(f"{value}\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(told)
    assert start.cores(tmp_path) == 0.5
    assert start.memory_bytes(tmp_path) == int(limits.get("memory.max", start.memory_bytes(Path("/nowhere"))))


def test_no_limit_is_none(start, tmp_path):
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    for name in ("cpu.max", "memory.max"):
        (tmp_path / "sys/fs/cgroup" / name).write_text("max 100000\n" if name == "cpu.max" else "max\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    assert start.cores(tmp_path) == len(os.sched_getaffinity(0))
    assert start.memory_bytes(tmp_path) > GIGABYTE / 10


@pytest.fixture
def started(tmp_path, valkey_server, simulator_server):
    """An instance on its port, though a file for all of them names another, and four seconds before it stops."""
    port = free_port()
    variables = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url, "PORT": 1, "WORKERS": 2}
    own = environment(DATABASE_URL=f"sqlite:///{migrated(tmp_path / 'db.sqlite3')}", DRAIN_SECONDS=4, **variables)
    process = Process([sys.executable, str(TOP / "deploy" / "start.py"), str(port)], tmp_path / "log", own)
    process.base = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
    try:
        eventually(lambda: requests.get(f"{process.base}/health", timeout=10).ok, within_seconds=90)  # type: ignore[attr-defined]
        eventually(lambda: listeners(port) in (None, 2))
        yield process
    finally:
        process.stop()


def test_it_serves_on_its_own_port_and_stops_after_it_has_said_so(started):
    started.signal(signal.SIGTERM)
    said = eventually(lambda: requests.get(f"{started.base}/health", timeout=10).status_code == 503)
    assert said and requests.get(f"{started.base}/api/v1/weather?lat=40.7&lon=-74", timeout=30).ok
    assert started.popen.wait(60) == 0
