"""granian, with the application loaded before its workers are forked: what they only read is there once for all.

A worker that is killed is replaced sooner, too. Where processes are not forked, each worker loads it for itself.
"""

import logging
import multiprocessing
import os
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing import util
from pathlib import Path

from weathernote.instance import METRICS_VARIABLE

log = logging.getLogger(__name__)

_loads_for_workers = False


def main() -> None:
    """Runs granian's command line; where workers are forked, with the application imported before."""
    global _loads_for_workers
    from granian.cli import entrypoint  # not for the process of another server, which may ask below

    if sys.platform == "linux":
        # Python 3.14 would no longer fork of its own accord; on macOS it is not safe.
        multiprocessing.set_start_method("fork")
        _loads_for_workers = True
        import_module(sys.argv[1].partition(":")[0])
        _leave_no_metrics()
    entrypoint()


def _leave_no_metrics() -> None:
    """Removes this process's files of metrics: it counts nothing, and /metrics would read them each time."""
    if folder := os.environ.get(METRICS_VARIABLE):
        for file in Path(folder).glob(f"*_{os.getpid()}.db"):
            file.unlink()


def in_each_worker(begin: Callable[[], None]) -> None:
    """Runs `begin` in each worker that this process forks, or at once where this process serves by itself."""
    if _loads_for_workers:
        # Threads do not live on in a child, nor does what multiprocessing was told to do at the end.
        util.register_after_fork(begin, _begin_or_end)
    else:
        begin()


def _begin_or_end(begin: Callable[[], None]) -> None:
    try:
        begin()
    except Exception:  # a thread that cannot be had; multiprocessing would pass over it in silence
        log.exception("A worker could not begin, and is replaced.")
        os._exit(1)


if __name__ == "__main__":
    from weathernote.runtime import granian  # under its own name, by which the application asks it

    granian.main()
