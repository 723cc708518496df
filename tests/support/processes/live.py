"""`manage.py live` in a process of its own, and the readers of its streams."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect

from tests.settings import OURS
from tests.support.servers import Process, eventually, free_port
from weather.api.service import service
from weather.core.cells import Cell
from weathernote import redis

#: Longer than anything here takes, even on a machine with much else to do.
PATIENCE_SECONDS = 30
_numbers = count()


class Live(Process):
    """`manage.py live` with the environment that the test gives it."""

    def __init__(self, folder: Path, **variables: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = int(str(variables.get("LIVE_PORT") or free_port()))
        self.base = f"http://127.0.0.1:{self.port}"
        env = {name: value for name, value in os.environ.items() if name not in (*OURS, "DJANGO_SETTINGS_MODULE")}
        env |= {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}"}
        env |= {name: str(value) for name, value in variables.items()}
        command = [sys.executable, "manage.py", "live", "--port", str(self.port)]
        super().__init__(command, folder / f"live-{self.port}.log", env)
        try:
            eventually(self._answers, within_seconds=90)
        except BaseException:
            self.stop()
            raise AssertionError(f"the process did not start:\n{self.said()}") from None

    def _answers(self) -> bool:
        if self.popen.poll() is not None:
            raise AssertionError("ended")
        return requests.get(f"{self.base}/health", timeout=10).ok

    def socket(self, client: str = "", **options: Any) -> ClientConnection:
        """A WebSocket of a client of this name, else of one that nobody else is."""
        headers = {"x-client-id": client or f"phone-{next(_numbers)}"}
        url = f"ws://127.0.0.1:{self.port}/api/v1/live"
        return connect(
            url, additional_headers=headers, proxy=None, open_timeout=PATIENCE_SECONDS, legacy=True, **options
        )

    @contextmanager
    def events(self, query: str, **headers: str) -> Iterator["Events"]:
        """The events about a place, as a page gets them."""
        named = {"x-client-id": f"page-{next(_numbers)}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        url = f"{self.base}/api/v1/weather/events?{query}"
        with requests.get(url, headers=named, stream=True, timeout=PATIENCE_SECONDS) as response:
            yield Events(response)

    def metric(self, line: str) -> float:
        """The value of the sample that is written like this before its value."""
        text = requests.get(f"{self.base}/metrics", timeout=PATIENCE_SECONDS).text
        return next((float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(f"{line} ")), 0.0)

    def resident_bytes(self) -> int:
        """The memory that is this process's own."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(text.partition("\nPss:")[2].split()[0]) * 1024


class Events:
    """The events in a response, one after the other."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self._lines = response.iter_lines(chunk_size=1)

    def next(self) -> dict[str, str]:
        """The fields of the next event; a comment is a field without a name."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line:
                return fields
            name, _, value = line.decode().partition(":")
            fields[name] = value.lstrip()
        raise EOFError("the response has ended")


def subscribe(socket: ClientConnection, lat: str, lon: str, **others: str) -> None:
    socket.send(json.dumps({"type": "subscribe", "lat": lat, "lon": lon, **others}))


def heard(socket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    said: dict[str, Any] = json.loads(socket.recv(timeout=PATIENCE_SECONDS))
    return said


def refresh(cell: Cell, *, tell: bool = True) -> float:
    """Holds a newer record of a cell, a degree warmer, as a round would; gives the first temperature of it."""
    store = service().store
    held = store.held_of([cell])[cell]
    warmer = [None if value is None else round(value + 1, 1) for value in held.columns["temperature_2m"]]
    columns = {**held.columns, "temperature_2m": warmer}
    assert store.hold({cell: replace(held, columns=columns, fetched_at=held.fetched_at + 1)})
    if tell:
        redis.fetch_one(store.announcing([cell]))
    return warmer[0] or 0.0
