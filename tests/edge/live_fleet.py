"""Two real live processes behind a real edge, which a test may kill and restart, and what is new for their streams."""

import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import uuid4

import redis
import requests

from tests.edge.edge_server import NOBODY, EdgeServer, edge_before
from tests.settings import OURS
from tests.support.limits import LIFTED, UNLIMITED
from tests.support.servers import Process, Valkey, eventually, free_port
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.records.packing import pack, unpack, version_of


class LiveProcess(Process):
    """`manage.py live` as an operator starts it, on a port that it keeps."""

    def __init__(self, port: int, log: Path, **variables: object) -> None:
        self.port = port
        env = {name: value for name, value in os.environ.items() if name not in (*OURS, "DJANGO_SETTINGS_MODULE")}
        env |= {name: str(value) for name, value in variables.items()}
        super().__init__([sys.executable, "manage.py", "live", "--port", str(port)], log, env)
        try:
            eventually(lambda: requests.get(f"http://127.0.0.1:{port}/health", timeout=10).ok, within_seconds=60)
        except BaseException:
            self.stop()
            raise AssertionError(f"the live process did not start:\n{self.said()}") from None


class LiveFleet:
    """The edge before two live processes, and before no instance."""

    def __init__(self, folder: Path, simulator_url: str, **variables: object) -> None:
        self.folder = folder
        with ExitStack() as stack:
            self.valkey = Valkey(folder / "valkey")
            stack.callback(self.valkey.stop)
            self.variables: dict[str, object] = LIFTED | {
                "REDIS_URL": self.valkey.url,
                "OPEN_METEO_URL": simulator_url,
                "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
                "SECRET_KEY": uuid4().hex,
                "ALLOWED_HOSTS": "127.0.0.1",
                "TRUSTED_PROXY_COUNT": 1,
                "LIVE_STREAMS_PER_ADDRESS": UNLIMITED,
                **variables,
            }
            self.ports = [free_port(), free_port()]
            self.processes: dict[int, LiveProcess] = {}
            stack.callback(self._stop)
            for number in range(2):
                self.start(number)
            live = tuple(f"127.0.0.1:{port}" for port in self.ports)
            before = edge_before([NOBODY], folder / "edge", live=live, address_streams=UNLIMITED)
            self.edge = stack.enter_context(EdgeServer(before))
            self._stack = stack.pop_all()

    def start(self, number: int) -> None:
        port = self.ports[number]
        self.processes[number] = LiveProcess(port, self.folder / f"live-{number}.log", **self.variables)

    def kill(self, number: int) -> None:
        """With -9."""
        self.processes[number].kill()

    def stop(self, number: int) -> int:
        """As systemd stops it: the exit code when it has sent its streams away."""
        self.processes[number].signal(signal.SIGTERM)
        return self.processes[number].popen.wait(60)

    def mend(self) -> None:
        """Starts what a test has ended."""
        for number, process in self.processes.items():
            if process.popen.poll() is not None:
                self.start(number)

    def refresh(self, cell: Cell) -> str:
        """Holds a later record of a cell and announces it, as a round does; gives the `fetched_at` of its answers."""
        key, version = WEATHER.record_key_of(cell), version_of(WEATHER)
        with redis.Redis(port=self.valkey.port, protocol=2) as client:
            held = unpack(client.hget(key, version), WEATHER)
            new = replace(held, fetched_at=held.fetched_at + 1)
            client.hset(key, version, pack(new, WEATHER))
            client.publish(WEATHER.held_channel, cell.key)
        return datetime.fromtimestamp(new.fetched_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _stop(self) -> None:
        for process in self.processes.values():
            process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()
