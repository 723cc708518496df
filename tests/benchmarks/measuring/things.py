"""What is measured: an instance as an operator starts it, and its peers on the same machine."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import requests
from django.test.utils import override_settings

from tests.support.processes.tree import environment
from tests.support.servers import Instance, Process, Valkey, children_of, eventually, free_port, listeners
from weather.simulator.server import OpenMeteoSimulator
from weathernote.runtime import serve

WORKERS = 2
HOST = "127.0.0.1"
PROBE = "/api/v1/weather?lat=10&lon=-150"


class Thing(NamedTuple):
    """A server that runs: its name in the table, where it answers, and its first process."""

    name: str
    base: str
    pid: int


class Setting(NamedTuple):
    """What all of them share: a folder for their logs, Redis and Open-Meteo."""

    folder: Path
    valkey: Valkey
    simulator: OpenMeteoSimulator


@contextmanager
def setting(folder: Path) -> Iterator[Setting]:
    """Valkey, and a simulator that answers at once."""
    with ExitStack() as stack:
        valkey = Valkey(folder / "valkey")
        stack.callback(valkey.stop)
        simulator = stack.enter_context(OpenMeteoSimulator(base_ms=2, per_place_ms=0, unlimited=True))
        yield Setting(folder, valkey, simulator)


# ── ours ──────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def instance(at: Setting, name: str = "instance", **variables: object) -> Iterator[Thing]:
    """`manage.py serve` with two workers, its metrics and its log on, its limit of 60 a minute in force."""
    servers = {"REDIS_URL": at.valkey.url, "OPEN_METEO_URL": at.simulator.url}
    with Instance(at.folder / name, **{"WORKERS": WORKERS, **servers, **variables}) as started:
        yield Thing(name, started.base, started.pid)


# ── peers ─────────────────────────────────────────────────────────────────────────────────────────


def uvicorn(application: str, *options: str) -> list[str]:
    return ["-m", "uvicorn", application, "--workers", str(WORKERS), *options]


def granian_asgi(application: str) -> list[str]:
    command = ["-m", "granian", application, "--interface", "asgi", "--workers", str(WORKERS), "--loop", "uvloop"]
    return [*command, "--runtime-mode", "st", "--no-ws", "--http", "1", "--log-level", "error"]


def like_an_instance(application: str, workers: int = WORKERS) -> list[str]:
    """The server of `manage.py serve`, with every option that it has there, for another WSGI callable."""
    from django.conf import settings

    with override_settings(WORKERS=workers, PORT=0, HOST=HOST):
        command = serve._granian_command(round(settings.UPSTREAM_TIMEOUT_SECONDS) + 5)[1:]
    without_port = [word for at, word in enumerate(command) if "--port" not in command[max(0, at - 1) : at + 1]]
    return [application if word == "weathernote.wsgi:application" else word for word in without_port]


PEERS: dict[str, Callable[[], list[str]]] = {
    # As it comes: uvicorn writes a line for each request, as the instance does.
    "FastAPI, usual": lambda: uvicorn("tests.benchmarks.peers.fastapi_usual:app"),
    "the same without a log": lambda: uvicorn("tests.benchmarks.peers.fastapi_usual:app", "--no-access-log"),
    "FastAPI, tuned": lambda: granian_asgi("tests.benchmarks.peers.fastapi_tuned:app"),
    "the same, Starlette": lambda: granian_asgi("tests.benchmarks.peers.fastapi_tuned:plain"),
    # The choice of the server: the same service, its metrics and its log on.
    "the service on gunicorn": lambda: ["-m", "tests.benchmarks.peers.on_gunicorn", "--workers", str(WORKERS)],
    "bare Django view": lambda: like_an_instance("tests.benchmarks.peers.bare_django:application"),
    "bare WSGI": lambda: like_an_instance("tests.benchmarks.peers.bare_wsgi:application"),
}


@contextmanager
def peer(
    at: Setting, name: str, command: list[str] | None = None, workers: int = WORKERS, **variables: object
) -> Iterator[Thing]:
    """A peer by its name in PEERS, or whatever `command` starts with this Python; `variables` are its environment."""
    port, folder = free_port(), at.folder / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, *(command or PEERS[name]()), "--host", HOST, "--port", str(port)]
    process = Process(words, folder / "out.log", environment(**{"REDIS_URL": at.valkey.url, **variables}))
    base = f"http://{HOST}:{port}"
    try:
        eventually(_ready(process, base, words, workers), within_seconds=30, every_seconds=0.05)
    except AssertionError as error:
        process.stop()
        raise AssertionError(f"{name} did not start: {error}\n{process.said()[-2000:]}") from None
    try:
        yield Thing(name, base, process.pid)
    finally:
        process.stop()


def _ready(process: Process, base: str, words: list[str], workers: int) -> Callable[[], bool]:
    def ready() -> bool:
        if process.popen.poll() is not None:
            raise AssertionError("ended")
        if requests.get(base + PROBE, timeout=2).status_code >= 500:
            return False
        # Half of the workers would make half of a peer. granian's have a socket each, uvicorn's share one.
        port = int(base.rpartition(":")[2])
        if any("granian" in word for word in words):
            return listeners(port) in (None, workers)
        return len(children_of(process.pid)) >= workers

    return ready
