"""Real servers for the tests: each on a free port, with a folder of its own, stopped by whoever started it."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import redis
import requests

from tests.settings import OURS
from tests.support.processes.database import migrated
from weathernote.runtime.local_servers import redis_binary

TOP = Path(__file__).resolve().parents[2]


#: Below those that systems give to connections, of which one could take the port before the server does. A node of a
#: cluster takes the one 10,000 above its own too.
_PORTS = range(10_000, 20_000)
#: The ports that were given out last.
_given: deque[int] = deque(maxlen=200)
#: How DATABASE_URL names a database of SQLite.
_IN_A_FILE = "sqlite:///"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, between 10,000 and 20,000; raises OSError where there is none."""
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        if port in _given:  # to a server that may not listen yet
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.append(port)
            return port
    raise OSError("no port is free")


def eventually(holds: Callable[[], Any], *, within_seconds: float = 30, every_seconds: float = 0.02) -> Any:
    """The first true value that `holds` returns; raises AssertionError when the time is over.

    Meanwhile OSError and RedisError count as false.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        with suppress(OSError, redis.RedisError):
            if got := holds():
                return got
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true within {within_seconds} s")
        time.sleep(every_seconds)


def children_of(pid: int) -> list[int]:
    """The numbers of the running processes that `pid` started."""
    said = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(child) for child in said.split()]


def command_of(pid: int) -> str:
    """The command line of a process; empty where it does not run."""
    said = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return said.stdout.strip()


def listeners(port: int) -> int | None:
    """How many sockets listen on a port of 127.0.0.1; None where the kernel does not tell."""
    with suppress(OSError):
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)
    return None


class Process:
    """A server process that is ended for certain: by its own number, and only this one."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=TOP,
                env=env,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, timeout_seconds: float = 60) -> int:
        if self.popen.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
                self.popen.terminate()
            try:
                self.popen.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.popen.wait()

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()


class Valkey(Process):
    """A real key-value server with nothing on disk; `start` again after `kill` and it comes back on its port."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.options = options
        self.port = port or free_port()
        self.start()

    def start(self) -> None:
        command = [
            *(redis_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", *self.options),
        ]
        super().__init__(command, self.folder / "valkey.log")
        self.client = redis.Redis(port=self.port, decode_responses=True, protocol=2)
        try:
            eventually(self._answers, within_seconds=60)
        except BaseException:
            self.stop()
            raise

    def revive(self) -> None:
        """Lets it go on if it was stopped by SIGSTOP, and starts it again if it has ended."""
        if self.popen.poll() is None:
            self.signal(signal.SIGCONT)
        else:
            self.start()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (redis.ResponseError, redis.AuthenticationError):
            return True  # it wants a password or is loading: it is there

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


class Instance(Process):
    """`manage.py serve` as an operator starts it the second time, with the environment that the test gives it."""

    def __init__(self, folder: Path, *arguments: str, **variables: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = int(str(variables.get("PORT") or free_port()))
        self.base = f"http://127.0.0.1:{self.port}"
        self.workers = int(str(variables.get("WORKERS", os.cpu_count())))
        # Without streams, but where a test is about them.
        own = {"PORT": self.port, "LIVE_PORT": 0, "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", **variables}
        if "OPEN_METEO_URL" in own:  # the same server answers about air quality
            own.setdefault("AIR_QUALITY_URL", own["OPEN_METEO_URL"])
        # The streams' process begins to listen later.
        self._ports = [self.port, *filter(None, [int(str(own["LIVE_PORT"]))])]
        env = {name: value for name, value in os.environ.items() if name not in (*OURS, "DJANGO_SETTINGS_MODULE")}
        env |= {name: str(value) for name, value in own.items()}
        if env["DATABASE_URL"].startswith(_IN_A_FILE):
            migrated(Path(env["DATABASE_URL"].removeprefix(_IN_A_FILE)))
        super().__init__([sys.executable, "manage.py", "serve", *arguments], folder / "serve.log", env)
        try:
            eventually(self._answers, within_seconds=90, every_seconds=0.05)
        except BaseException:
            self.stop()
            raise AssertionError(f"the instance did not start:\n{self.said()}") from None

    def _answers(self) -> bool:
        if self.popen.poll() is not None:
            raise AssertionError("ended")
        # The first worker that listens would get all that comes before the others do.
        are_up = all(requests.get(f"http://127.0.0.1:{port}/health", timeout=10).ok for port in self._ports)
        return are_up and listeners(self.port) in (None, self.workers)

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.base + path, timeout=options.pop("timeout", 15), **options)

    def connect(self) -> socket.socket:
        """A connection for what no library would send."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def exchange(self, request: bytes) -> bytes:
        """The answer, whole; the request asks for the connection's end."""
        with self.connect() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
