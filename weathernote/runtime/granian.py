"""granian, with the application imported before its workers are forked, so that they share its memory.

That also makes the replacement of a killed worker faster. Where processes are not forked, each worker imports it.
"""

import argparse
import gc
import json
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing import util
from pathlib import Path
from typing import Any

from weathernote.instance import METRICS_VARIABLE
from weathernote.runtime.unused import without_unused

log = logging.getLogger(__name__)

_LOG_CONFIG = Path(__file__).with_name("granian_log.json")
#: Open connections of a worker, and connections that no worker has accepted yet.
_CONNECTIONS, _BACKLOG = 16_384, 4096
#: Before a worker that ended soon after it began is replaced.
_PAUSE_SECONDS = 0.5

_loads_for_workers = False


def main() -> None:
    """Serves the application that the first argument names, until SIGTERM or Ctrl-C."""
    chosen = options().parse_args()
    load(chosen.target)
    started = server(chosen)
    gc.freeze()
    gc.enable()
    started.serve()


def load(target: str) -> None:
    """Loads granian and, on Linux, the application `module:name`, for all workers that will be forked from here."""
    global _loads_for_workers
    gc.disable()  # until the application is loaded: it would traverse again and again what stays
    with without_unused():
        import_module("granian")  # not needed by other servers, which call `in_each_worker`
    if sys.platform == "linux":
        # Python 3.14 no longer forks by default; on macOS forking is not safe.
        multiprocessing.set_start_method("fork")
        _loads_for_workers = True
        import_module(target.partition(":")[0])
        _remove_own_metrics()


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", help="the WSGI callable, as module:name")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True, help="of each worker, for requests")
    parser.add_argument("--grace-seconds", type=int, required=True, help="that a worker has to end")
    return parser


def server(chosen: argparse.Namespace) -> Any:
    """granian's server, without its command line, whose libraries take a tenth of the start."""
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from weathernote.runtime.worker_replacement import Server

    return Server(
        chosen.target,
        address=chosen.host,
        port=chosen.port,
        interface=Interfaces.WSGI,
        workers=chosen.workers,
        blocking_threads=chosen.threads,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(),
        # granian limits connections, not requests, and phones hold theirs open.
        backpressure=_CONNECTIONS,
        backlog=_BACKLOG,
        # Otherwise a worker that is killed would end the server.
        respawn_failed_workers=True,
        respawn_interval=_PAUSE_SECONDS,
        workers_kill_timeout=chosen.grace_seconds,
        # Its warnings are about the number of threads, which is intended.
        log_level=LogLevels.error,
        log_dictconfig=json.loads(_LOG_CONFIG.read_text()),
    )


def _remove_own_metrics() -> None:
    """Removes this process's files of metrics: it serves no requests, and each scrape would read them."""
    if folder := os.environ.get(METRICS_VARIABLE):
        for file in Path(folder).glob(f"*_{os.getpid()}.db"):
            file.unlink()


def in_each_worker(begin: Callable[[], None]) -> None:
    """Runs `begin` in each worker that this process forks, or at once if this process is the server."""
    if _loads_for_workers:
        # A child has neither its parent's threads nor its exit handlers of multiprocessing.
        util.register_after_fork(begin, _begin_or_exit)
    else:
        begin()


def _begin_or_exit(begin: Callable[[], None]) -> None:
    try:
        begin()
    except Exception:  # for example no thread available; multiprocessing would ignore it
        log.exception("A worker could not begin, and is replaced.")
        os._exit(1)


if __name__ == "__main__":
    from weathernote.runtime import granian  # as the application imports it, not as __main__

    granian.main()
