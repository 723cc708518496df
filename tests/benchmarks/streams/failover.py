"""Two live processes behind the edge, and what becomes of thousands of streams when one is killed and both restart.

The watchers speak TLS to the edge and listen to events. They come back as the manual says: with `Last-Event-ID`, after
a wait with full jitter that begins with the `retry:` they were told. While streams are away every cell is refreshed;
whoever shows an older forecast in the end has missed one.
"""

import asyncio
import json
import random
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple

from tests.benchmarks.measuring import traffic
from tests.benchmarks.measuring.figures import Figure, Section
from tests.benchmarks.measuring.things import Setting
from tests.benchmarks.streams.things import LIMITS, Records
from tests.edge.edge_server import NOBODY, OUTSIDE, EdgeServer, edge_before
from tests.support.limits import UNLIMITED
from tests.support.processes.tree import environment
from tests.support.servers import Process, eventually, free_port
from weather.core.cells import Cell

STREAMS, CELLS = 5_000, 500
DRAIN_SECONDS = 10
#: At once at the door: a phone's own connection is not the edge's burden.
_AT_ONCE, _PATIENCE_SECONDS, _LONGEST_WAIT_MS = 50, 120, 300_000
_BACK_SECONDS = 30
#: By HTTP/1.0 the answer is not cut into chunks.
_REQUEST = (
    "GET /api/v1/weather/events?lat={cell.latitude}&lon={cell.longitude} HTTP/1.0\r\nHost: 127.0.0.1\r\n"
    "x-client-id: {client}\r\nAccept: text/event-stream\r\n{more}\r\n"
)


class Watcher:
    """A phone that listens to a cell's events and comes back whenever they end."""

    def __init__(self, number: int, cell: Cell) -> None:
        self.number, self.cell = number, cell
        self.opened_at: list[float] = []
        self.is_open = False
        self.degrees: float | None = None
        self.last_id = ""
        self.retry_ms, self.failures = 4_000, 0

    async def watch(self, port: int, tls: ssl.SSLContext, door: asyncio.Semaphore) -> None:
        """Listens until it is cancelled."""
        while True:
            with suppress(OSError, EOFError):
                await self._listen(port, tls, door)
            self.is_open = False
            span = min(self.retry_ms * 2 ** min(self.failures, 20), _LONGEST_WAIT_MS)
            self.failures += 1
            await asyncio.sleep(random.uniform(0, span) / 1000)

    async def _listen(self, port: int, tls: ssl.SSLContext, door: asyncio.Semaphore) -> None:
        async with door:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, local_addr=(OUTSIDE, 0))
        try:
            more = f"Last-Event-ID: {self.last_id}\r\n" * bool(self.last_id)
            writer.write(_REQUEST.format(cell=self.cell, client=f"phone-{self.number}", more=more).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.partition(b"\r\n")[0]:
                return
            self.opened_at.append(time.monotonic())
            self.is_open, self.failures = True, 0
            while line := await reader.readline():
                self._take(line)
        finally:
            writer.transport.abort()

    def _take(self, line: bytes) -> None:
        name, _, text = line.decode().strip().partition(": ")
        if name == "retry":
            self.retry_ms = int(text)
        elif name == "id":
            self.last_id = text
        elif name == "data":
            self.degrees = json.loads(text)["current"]["temperature_2m"]


class Back(NamedTuple):
    """How the streams came back that were cut off."""

    cut: int
    last_seconds: float  # until the last of them was open again; NaN where one was not
    most_a_second: int
    missed: int  # of all streams, those that show an older forecast in the end

    def line(self, name: str) -> str:
        return f"{name:18}{self.cut:8,}{self.last_seconds:12.1f} s{self.most_a_second:12,}{self.missed:9,}"


class Fleet:
    """Two live processes and the edge before them."""

    def __init__(self, at: Setting, stack: ExitStack) -> None:
        self.at = at
        self.ports = [free_port(), free_port()]
        self.processes = [self._started(number) for number in range(2)]
        stack.callback(lambda: [process.stop() for process in self.processes])
        edge = edge_before(
            [NOBODY],
            at.folder / "edge",
            live=tuple(f"127.0.0.1:{port}" for port in self.ports),
            address_streams=UNLIMITED,
            address_requests=UNLIMITED,
        )
        self.edge = stack.enter_context(EdgeServer(edge))

    def _started(self, number: int) -> Process:
        port, folder = self.ports[number], self.at.folder / f"live-{number}"
        folder.mkdir(exist_ok=True)
        servers = {"REDIS_URL": self.at.valkey.url, "OPEN_METEO_URL": self.at.simulator.url}
        own = {
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "ALLOWED_HOSTS": "127.0.0.1",
            "SECRET_KEY": "x" * 60,
        }
        variables = environment(**LIMITS | servers | own | {"TRUSTED_PROXY_COUNT": 1, "DRAIN_SECONDS": DRAIN_SECONDS})
        process = Process([sys.executable, "manage.py", "live", "--port", str(port)], folder / "out.log", variables)
        eventually(lambda: b" 200 " in _health(port), within_seconds=60)
        return process

    def kill(self) -> None:
        """The first, with -9, and starts it again."""
        self.processes[0].kill()
        self.processes[0] = self._started(0)

    def restart(self) -> None:
        """One after the other, each drained first."""
        for number in range(2):
            self.processes[number].stop()
            self.processes[number] = self._started(number)


def _health(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return connection.recv(1000)


async def _measured(fleet: Fleet, watchers: Sequence[Watcher], cells: Sequence[Cell], refresh: Records) -> list[Back]:
    tls = ssl.create_default_context(cafile=str(fleet.edge.folder / "ca.pem"))
    door = asyncio.Semaphore(_AT_ONCE)
    tasks = [asyncio.create_task(each.watch(fleet.edge.edge.https_port, tls, door)) for each in watchers]
    try:
        await _until(lambda: all(each.is_open and each.degrees is not None for each in watchers))
        return [await _broken(what, watchers, cells, refresh) for what in (fleet.kill, fleet.restart)]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _broken(
    what: Callable[[], None], watchers: Sequence[Watcher], cells: Sequence[Cell], refresh: Records
) -> Back:
    """What becomes of the streams; every cell is refreshed again and again while it happens."""
    before, began = [len(each.opened_at) for each in watchers], time.monotonic()
    happening = asyncio.create_task(asyncio.to_thread(what))
    while not happening.done():
        await asyncio.sleep(1)
        await asyncio.to_thread(refresh.prepared(cells))
    await happening
    ended = time.monotonic()
    is_back = await _until(lambda: all(each.is_open for each in watchers))
    expected = refresh.degrees
    await _until(lambda: all(each.degrees == expected for each in watchers), patience_seconds=10)
    back = [at for each, count in zip(watchers, before, strict=True) for at in each.opened_at[count:]]
    last = max(back, default=began) - (began if what.__name__ == "kill" else ended)
    most = max(Counter(int(at - began) for at in back).values(), default=0)
    return Back(
        len(back), max(last, 0) if is_back else float("nan"), most, sum(each.degrees != expected for each in watchers)
    )


async def _until(holds: Callable[[], bool], patience_seconds: float = _PATIENCE_SECONDS) -> bool:
    end = time.monotonic() + patience_seconds
    while not holds():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.1)
    return True


def section(at: Setting, count: int) -> Section:
    """Kills one of the two, and then restarts both, one after the other."""
    cells = traffic.cells(CELLS)
    watchers = [Watcher(number, cells[number % len(cells)]) for number in range(count)]
    with ExitStack() as stack:
        killed, restarted = asyncio.run(_measured(Fleet(at, stack), watchers, cells, Records(at)))
    lines = [
        f"{'':18}{'cut off':>8}{'the last back':>14}{'most/s':>12}{'missed':>9}",
        killed.line("one killed"),
        restarted.line("both restarted"),
        "The last back: seconds after the kill, and after the second process was there again.",
    ]
    figures = [
        Figure("seconds until all were back after a kill", killed.last_seconds, "lower", _BACK_SECONDS),
        Figure("refreshes missed in a kill and a rolling restart", killed.missed + restarted.missed, "lower", 0),
    ]
    return Section(f"{count:,} streams over {CELLS} cells, two live processes behind the edge", lines, figures)
