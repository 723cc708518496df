"""granian, with the application imported before its workers are forked, so that they share its memory.

That also makes the replacement of a killed worker faster. Where processes are not forked, each worker imports it.
"""

import gc
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing import util
from pathlib import Path

from weathernote.instance import METRICS_VARIABLE
from weathernote.runtime.unused import without_unused

log = logging.getLogger(__name__)

_loads_for_workers = False


def main() -> None:
    """Runs granian's command line; on Linux imports the application first, which its first argument names."""
    global _loads_for_workers
    gc.disable()  # until the application is loaded: it would traverse again and again what stays
    with without_unused():
        from granian.cli import entrypoint  # not needed by other servers, which call `in_each_worker`

    if sys.platform == "linux":
        # Python 3.14 no longer forks by default; on macOS forking is not safe.
        multiprocessing.set_start_method("fork")
        _loads_for_workers = True
        import_module(sys.argv[1].partition(":")[0])
        _remove_own_metrics()
    gc.enable()
    entrypoint()


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
