"""What `live.py` measures: our live process and its peers, on one core, and how each hears of a refresh."""

import asyncio
import dataclasses
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import requests

from tests.benchmarks.measuring import records
from tests.benchmarks.measuring.things import Setting
from tests.support.limits import LIFTED, UNLIMITED
from tests.support.processes.tree import environment
from tests.support.servers import Process, eventually, free_port
from weather.core import answers
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.series import Series
from weather.fetching.store import Store
from weathernote import redis

SERVER_CORE, CLIENT_CORE = 0, 1
_temperatures = itertools.cycle(tenths / 10 for tenths in range(-300, 400))
LIMITS = LIFTED | dict.fromkeys(["LIVE_STREAMS", "LIVE_STREAMS_PER_CLIENT", "LIVE_STREAMS_PER_ADDRESS"], UNLIMITED)

#: Tells the server of a refresh.
Tell = Callable[[], object]


class _Newest:
    """When the newest record was fetched: a second apart, as one of the same second would be no newer one."""

    def __init__(self) -> None:
        self.fetched_at = 0

    def advance(self) -> int:
        self.fetched_at = max(self.fetched_at + 1, int(time.time()))
        return self.fetched_at


_newest = _Newest()


class LiveThing(NamedTuple):
    """A server of streams: its name in the table, its port, its process and how it hears of a refresh."""

    name: str
    port: int
    pid: int
    refresher: "Records"


def pin_clients() -> None:
    """Leaves a core to the servers, where there are two; what this process starts inherits the other."""
    if (os.cpu_count() or 1) > CLIENT_CORE:
        os.sched_setaffinity(0, {CLIENT_CORE})


def ours(at: Setting) -> "LiveServer":
    """`manage.py live`."""
    return LiveServer("manage.py live", ["manage.py", "live"], lambda: Records(at), at, health="/health")


def starlette(at: Setting) -> "LiveServer":
    """Starlette's WebSockets and redis publish, as usual."""
    return LiveServer(
        "Starlette, usual", _uvicorn("tests.benchmarks.peers.live_starlette:app"), lambda: Published(at), at
    )


def channels(at: Setting) -> "LiveServer":
    """Channels with its own layer."""
    application = _uvicorn("tests.benchmarks.peers.live_channels:application")
    return LiveServer("Channels, its layer", application, lambda: Grouped(at), at)


def _uvicorn(application: str) -> list[str]:
    return ["-m", "uvicorn", application, "--log-level", "warning"]


class LiveServer(NamedTuple):
    """How a server is started."""

    name: str
    command: list[str]
    refresher: Callable[[], Any]
    at: Setting
    health: str = ""

    @contextmanager
    def started(self, **variables: object) -> Iterator[LiveThing]:
        """The server, pinned to its core, until the end of the `with` block."""
        port, folder = free_port(), self.at.folder / self.name.replace(" ", "-").replace(",", "")
        folder.mkdir(parents=True, exist_ok=True)
        pinned = ["taskset", "-c", str(SERVER_CORE)] if (os.cpu_count() or 1) > CLIENT_CORE else []
        words = [*pinned, sys.executable, *self.command, "--host", "127.0.0.1", "--port", str(port)]
        servers = {"REDIS_URL": self.at.valkey.url, "OPEN_METEO_URL": self.at.simulator.url}
        own = {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", **LIMITS, **servers, **variables}
        process = Process(words, folder / "out.log", environment(**own))
        with ExitStack() as stack:
            stack.callback(process.stop)
            try:
                eventually(lambda: _answers(process, f"http://127.0.0.1:{port}{self.health}"))
            except AssertionError:
                raise AssertionError(f"{self.name} did not start:\n{process.said()[-2000:]}") from None
            refresher = stack.enter_context(self.refresher())
            yield LiveThing(self.name, port, process.pid, refresher)


def _answers(process: Process, url: str) -> bool:
    if process.popen.poll() is not None:
        raise AssertionError("ended")
    return requests.get(url, timeout=2).status_code < 600


# ── how each hears of a refresh ───────────────────────────────────────────────────────────────────


class Records:
    """Holds a new record of each cell as a fetch does, which publishes it."""

    def __init__(self, at: Setting) -> None:
        self.valkey = at.valkey.client
        self.store = Store(WEATHER, hold_seconds=172_800)
        self.degrees = 0.0  # of the refresh that was prepared last

    def prepared(self, cells: Sequence[Cell]) -> Tell:
        """Works a refresh out; the function that it gives has only to send it."""
        self.degrees = next(_temperatures)
        return self._telling(later(cells, self.degrees))

    def _telling(self, fetched: dict[Cell, Series]) -> Tell:
        holding = self.store.holding(fetched, announces=True)
        return lambda: redis.fetch_one(holding)

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class Published(Records):
    """Writes the finished answer of each cell, worked out here, and publishes the cell."""

    def _telling(self, fetched: dict[Cell, Series]) -> Tell:
        pipeline = self.valkey.pipeline(transaction=False)
        for cell, text in texts(fetched).items():
            pipeline.set(f"weather:{cell.key}", text, ex=records.LIFE_SECONDS)
            pipeline.publish(WEATHER.held_channel, cell.key)
        return pipeline.execute


class Grouped(Records):
    """Sends the finished answer of each cell, worked out here, to the group of the cell."""

    def __init__(self, at: Setting) -> None:
        super().__init__(at)
        from channels_redis.pubsub import RedisPubSubChannelLayer

        self.loop = asyncio.new_event_loop()
        self.layer = RedisPubSubChannelLayer(hosts=[at.valkey.url])

    def _telling(self, fetched: dict[Cell, Series]) -> Tell:
        said = texts(fetched)
        return lambda: self.loop.run_until_complete(self._send(said))

    async def _send(self, said: dict[Cell, str]) -> None:
        for cell, text in said.items():
            await self.layer.group_send(cell.key.replace(":", "_"), {"type": "weather", "text": text})

    def __exit__(self, *exc: object) -> None:
        self.loop.close()


def later(cells: Sequence[Cell], degrees: float) -> dict[Cell, Series]:
    """A record of each cell that was fetched after those before, and in which it is so warm."""
    fetched_at = _newest.advance()
    return {
        cell: dataclasses.replace(
            series, fetched_at=fetched_at, columns={**series.columns, "temperature_2m": [degrees] * series.hours}
        )
        for cell, series in records._fetched(tuple(cells), 0).items()
    }


def texts(fetched: dict[Cell, Series]) -> dict[Cell, str]:
    """The finished answer of each cell, from its record."""
    return {
        cell: answers.derive(Question(WEATHER, cell, None), series, time.time(), 600, stale=False).text.decode()
        for cell, series in fetched.items()
    }
