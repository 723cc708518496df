"""Starts and stops an instance: its local servers, granian, and the drain before the end.

`manage.py serve` does this at once if the database is ready. Else it first prepares the database and then replaces its
process by this one, which saves the memory of everything that Django has loaded by then: as much as a worker takes.
"""

import importlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from weathernote.bare_settings import settings
from weathernote.instance import METRICS, METRICS_VARIABLE, STOPPING_FILE, Instance
from weathernote.runtime import local_servers, prepared
from weathernote.runtime.live.live_beside import Live, live_beside, usable_port
from weathernote.runtime.local_servers import LocalServerError

Say = Callable[[str], None]
OTHER_PORT = "choose another with HOST and PORT."
_METRICS_BYTES = 4_000_000


def serve(*, demo: bool, say: Say) -> None:
    """Serves until SIGTERM or Ctrl-C; raises LocalServerError if a server does not start or ends by itself."""
    local_servers.require_free_port(settings.HOST, settings.PORT, OTHER_PORT)
    local_servers.allow_many_connections()
    local_servers.interrupt_on_signals()
    with suppress(KeyboardInterrupt), servers_beside(f"{'demo' if demo else 'run'}-{settings.PORT}", demo=demo) as lock:
        _prepare_metrics(say)
        with _streams_beside(lock, say) as live:
            _run_granian(lock, lambda: _greet(demo, say), live)


@contextmanager
def _streams_beside(lock: int, say: Say) -> Iterator[Live | None]:
    """Runs the process that holds open streams for the `with` block, unless LIVE_PORT is 0."""
    if not settings.LIVE_PORT:
        yield None
        return
    port = usable_port(settings.HOST, settings.LIVE_PORT, say, taken=settings.PORT)
    # The workers name it to the page.
    settings.LIVE_PORT = port
    os.environ["LIVE_PORT"] = str(port)
    with live_beside(settings.HOST, port, lock=lock) as live:
        yield live


@contextmanager
def servers_beside(name: str, *, demo: bool) -> Iterator[int]:
    """Runs the key-value server (unless REDIS_URL names one) and the demo's simulator for the `with` block.

    Gives the descriptor of the lock on the instance's folder, for further processes that should hold it.
    """
    with local_servers.locked_folder(settings.RUN_DIR / name) as (folder, lock), ExitStack() as servers:
        url = redis_url(servers, folder, lock)
        simulator_url = servers.enter_context(local_servers.simulator(folder, lock)) if demo else ""
        instance = Instance(folder, url, simulator_url)
        servers.callback(instance.withdraw)
        instance.announce()
        _reload_settings()
        yield lock


def redis_url(servers: ExitStack, folder: Path, lock: int) -> str:
    """REDIS_URL if it is given, else the URL of a key-value server that runs until `servers` is closed."""
    if settings.REDIS_URL_IS_GIVEN:
        return str(settings.REDIS_URL)
    return servers.enter_context(local_servers.redis_server(folder, lock))


def host_and_port(port: int) -> str:
    """HOST, in brackets if it is an IPv6 address, and the port."""
    return f"[{settings.HOST}]:{port}" if ":" in settings.HOST else f"{settings.HOST}:{port}"


def _reload_settings() -> None:
    """Reads the settings as a process of this instance, as until now they may name the servers of another one."""
    own = importlib.reload(importlib.import_module("weathernote.settings"))
    chosen = importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    if chosen is not own:  # which takes them from there
        own = importlib.reload(chosen)
    for name in ("INSTANCE", "REDIS_URL", "OPEN_METEO_URL", "OPEN_METEO_RUNS_URL", "AIR_QUALITY_URL", "SOURCE"):
        setattr(settings, name, getattr(own, name))
    settings.CACHES["default"].update(own.CACHES["default"])


def _prepare_metrics(say: Say) -> None:
    """Makes an empty folder for the metrics of all workers, and removes those of earlier ones."""
    folder = settings.INSTANCE.folder / METRICS
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        # A file on a full disk would kill the process that has it mapped, so the space is checked for now.
        (folder / "started").write_bytes(bytes(_METRICS_BYTES))
        (folder / "started").write_bytes(b"")
        os.environ[METRICS_VARIABLE] = str(folder)
    except OSError as error:
        os.environ.pop(METRICS_VARIABLE, None)
        say(f"No metrics of all workers together ({folder}: {error.strerror}): each scrape shows one of them.")


def _greet(demo: bool, say: Say) -> None:
    base = f"http://{host_and_port(settings.PORT)}"
    if demo:
        say("Weather from the built-in simulator: nothing here is real, and every answer says so.")
    else:
        warn_if_unreachable(say)
    say(f"Serving on {base} (docs: {base}/api/v1/docs)")
    if settings.LIVE_PORT:
        streams = host_and_port(settings.LIVE_PORT)
        say(f"Streams on ws://{streams}/api/v1/live and http://{streams}/api/v1/weather/events")
    say(f"Try: curl '{base}/api/v1/weather?lat=40.7128&lon=-74.0060'")


def warn_if_unreachable(say: Say) -> None:
    """Passes a line to `say` if no connection to the live Open-Meteo can be made; makes no call."""
    if problem := _out_of_reach():
        say(f"Open-Meteo cannot be reached ({problem}): no weather will come; `make demo` runs without internet.")


def _out_of_reach() -> str:
    # OPEN_METEO_URL may name the simulator of a demo that runs beside this process.
    parts = urlsplit(settings.LIVE_OPEN_METEO_URL)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=2).close()
    except OSError as error:
        return f"{parts.hostname}: {error.strerror or error}"
    return ""


def _run_granian(lock: int, greet: Callable[[], None], live: Live | None) -> None:
    # A request may wait for Open-Meteo, so a worker gets longer to finish; granian outlives its workers.
    worker_grace_seconds = round(settings.UPSTREAM_TIMEOUT_SECONDS) + 5
    command = _granian_command(worker_grace_seconds)
    with local_servers.supervised(command, lock=lock, grace_seconds=worker_grace_seconds + 5) as granian:
        try:
            ready = partial(local_servers.accepts, settings.HOST, settings.PORT)
            local_servers.wait_until(ready, granian, "The server did not start: its lines above say why.")
            if live:
                live.wait()
            greet()
            # It was not asked to end, so 0 is a failure too.
            code = granian.wait()
            raise LocalServerError(f"The server ended by itself (exit code {code}): its lines above say why.")
        except KeyboardInterrupt:
            if live:
                live.drain()
            _drain(granian)


def _drain(granian: subprocess.Popen[Any]) -> None:
    """Serves for DRAIN_SECONDS more, while /health answers 503; a second Ctrl-C ends it at once."""
    with suppress(OSError):  # a full disk
        (settings.INSTANCE.folder / STOPPING_FILE).touch()
    end = time.monotonic() + settings.DRAIN_SECONDS
    with suppress(KeyboardInterrupt):
        while time.monotonic() < end and granian.poll() is None:
            time.sleep(0.1)


def _granian_command(worker_grace_seconds: int) -> list[str]:
    return [
        *(sys.executable, "-m", "weathernote.runtime.granian", "weathernote.wsgi:application"),
        *("--host", settings.HOST, "--port", str(settings.PORT)),
        *("--workers", str(settings.WORKERS), "--threads", str(settings.THREADS)),
        *("--grace-seconds", str(worker_grace_seconds)),
    ]


def _say(line: str) -> None:
    print(line, flush=True)


def main(*, demo: bool) -> None:
    """Serves until SIGTERM or Ctrl-C; exits with one line if a server does not start or ends by itself."""
    try:
        serve(demo=demo, say=_say)
    except LocalServerError as error:
        sys.exit(f"CommandError: {error}")


def serve_if_prepared(*, demo: bool) -> None:
    """Serves, and ends the process, if nothing is to be prepared; else returns."""
    os.chdir(settings.BASE_DIR)  # as for the workers, so that a relative path in a setting means the same file to all
    line = prepared.line_to_say(demo=demo)
    if line is None:
        return
    if line:
        _say(line)
    main(demo=demo)
    sys.exit()


if __name__ == "__main__":
    main(demo="--demo" in sys.argv[1:])
