"""Starts and stops an instance: its local servers, granian, and the drain before the end.

`manage.py serve` becomes this once the database is ready: it waits for as long as the instance lives, and with what
Django has loaded by then it would take as much memory as a worker.
"""

import importlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from weathernote.instance import METRICS, METRICS_VARIABLE, STOPPING_FILE, Instance
from weathernote.runtime import local_servers
from weathernote.runtime.local_servers import LocalServerError

Say = Callable[[str], None]
OTHER_PORT = "choose another with HOST and PORT."
_LOG_CONFIG = Path(__file__).with_name("granian_log.json")
_METRICS_BYTES = 4_000_000
#: Open connections of a worker, and of all together those that nobody has taken yet.
_CONNECTIONS, _BACKLOG = 16_384, 4096


def serve(*, demo: bool, say: Say) -> None:
    """Serves until SIGTERM or Ctrl-C; LocalServerError if something does not start or ends by itself."""
    local_servers.require_free_port(settings.HOST, settings.PORT, OTHER_PORT)
    _allow_many_connections()
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background jobs begin with SIGINT ignored
        signal.signal(number, interrupt)
    with suppress(KeyboardInterrupt), servers_beside(f"{'demo' if demo else 'run'}-{settings.PORT}", demo=demo) as lock:
        _prepare_metrics(say)
        _run_granian(lock, lambda: _greet(demo, say))


@contextmanager
def servers_beside(name: str, *, demo: bool) -> Iterator[int]:
    """The key-value server (unless REDIS_URL names one) and the demo's simulator, stopped at the end.

    Gives the lock of the instance's folder, for what else is to keep it until it is gone.
    """
    with local_servers.locked_folder(settings.RUN_DIR / name) as (folder, lock), ExitStack() as servers:
        redis_url = settings.REDIS_URL
        if not settings.REDIS_URL_IS_GIVEN:
            redis_url = servers.enter_context(local_servers.redis_server(folder, lock))
        simulator_url = servers.enter_context(local_servers.simulator(folder, lock)) if demo else ""
        instance = Instance(folder, redis_url, simulator_url)
        servers.callback(instance.withdraw)
        instance.announce()
        _read_settings_again()
        yield lock


def _read_settings_again() -> None:
    """Reads the settings as a process of this instance: so far they may have named the servers of another one."""
    own = importlib.reload(importlib.import_module(settings.SETTINGS_MODULE))
    for name in ("INSTANCE", "REDIS_URL", "OPEN_METEO_URL", "SOURCE"):
        setattr(settings, name, getattr(own, name))
    settings.CACHES["default"].update(own.CACHES["default"])


def interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _prepare_metrics(say: Say) -> None:
    """Makes an empty folder for the workers to count in together; what earlier workers counted is removed."""
    folder = settings.INSTANCE.folder / METRICS
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        # A file that cannot grow would kill whoever has it mapped: what the workers take is asked for now.
        (folder / "started").write_bytes(bytes(_METRICS_BYTES))
        (folder / "started").write_bytes(b"")
        os.environ[METRICS_VARIABLE] = str(folder)
    except OSError as error:
        os.environ.pop(METRICS_VARIABLE, None)
        say(f"No metrics of all workers together ({folder}: {error.strerror}): each look at /metrics sees one of them.")


def _greet(demo: bool, say: Say) -> None:
    base = f"http://{f'[{settings.HOST}]' if ':' in settings.HOST else settings.HOST}:{settings.PORT}"
    if demo:
        say("Weather from the built-in simulator: nothing here is real, and every answer says so.")
    else:
        warn_if_unreachable(say)
    say(f"Serving on {base} (docs: {base}/api/v1/docs)")
    say(f"Try: curl '{base}/api/v1/weather?lat=40.7128&lon=-74.0060'")


def warn_if_unreachable(say: Say) -> None:
    """Says so in a line where no connection to Open-Meteo can be made; makes no call."""
    if problem := _out_of_reach():
        say(f"Open-Meteo cannot be reached ({problem}): no weather will come; `make demo` runs without internet.")


def _out_of_reach() -> str:
    parts = urlsplit(settings.OPEN_METEO_URL)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=2).close()
    except OSError as error:
        return f"{parts.hostname}: {error.strerror or error}"
    return ""


def _run_granian(lock: int, greet: Callable[[], None]) -> None:
    # A request may wait for Open-Meteo, so a worker gets longer to finish; granian outlives its workers.
    worker_grace_seconds = round(settings.UPSTREAM_TIMEOUT_SECONDS) + 5
    command = _granian_command(worker_grace_seconds)
    with local_servers.supervised(command, lock=lock, grace_seconds=worker_grace_seconds + 5) as granian:
        try:
            local_servers.wait_until(_port_answers, granian, "The server did not start: its lines above say why.")
            greet()
            # Nobody told it to end: 0 is a failure too.
            code = granian.wait()
            raise LocalServerError(f"The server ended by itself (exit code {code}): its lines above say why.")
        except KeyboardInterrupt:
            _drain(granian)


def _drain(granian: subprocess.Popen[Any]) -> None:
    """Serves for DRAIN_SECONDS more, while /health tells the balancer 503; a second Ctrl-C ends that at once."""
    with suppress(OSError):  # a full disk
        (settings.INSTANCE.folder / STOPPING_FILE).touch()
    end = time.monotonic() + settings.DRAIN_SECONDS
    with suppress(KeyboardInterrupt):
        while time.monotonic() < end and granian.poll() is None:
            time.sleep(0.1)


def _port_answers() -> bool:
    socket.create_connection((settings.HOST, settings.PORT), timeout=1).close()
    return True


def _allow_many_connections() -> None:
    """As many open files as this user may have: many systems begin with 1,024."""
    with suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _granian_command(worker_grace_seconds: int) -> list[str]:
    return [
        *(sys.executable, "-m", "weathernote.runtime.granian", "weathernote.wsgi:application", "--interface", "wsgi"),
        *("--host", settings.HOST, "--port", str(settings.PORT), "--no-ws", "--http", "1"),
        *("--workers", str(settings.WORKERS), "--blocking-threads", str(settings.THREADS)),
        # Its bound is one of connections, and phones keep theirs open: beyond it nobody is let in.
        *("--backpressure", str(_CONNECTIONS), "--backlog", str(_BACKLOG)),
        # A worker that is killed would otherwise take the whole server with it.
        *("--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", str(worker_grace_seconds)),
        # Its warnings speak of the many threads, which are meant.
        *("--log-level", "error", "--log-config", str(_LOG_CONFIG)),
    ]


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        serve(demo="--demo" in sys.argv[1:], say=_say)
    except LocalServerError as error:
        sys.exit(f"CommandError: {error}")
