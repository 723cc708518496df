"""Runs a command at once and then at every full period of the clock: `python every.py SECONDS COMMAND…`.

Cron for a container, without root and on a read-only file system. Told to stop, it tells the command, waits for it
and ends. Each run that ended with 0 leaves its time on GOOD_RUN, for the container's health check.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

GOOD_RUN = Path(os.environ.get("GOOD_RUN", "/tmp/good-run"))  # noqa: S108 # a container's own, a tmpfs


class ToldToStop(Exception):
    """SIGTERM or SIGINT came; raised where the process waits, so that a child is always told."""


_is_told = _is_waiting = False


def main(period_seconds: float, command: list[str]) -> None:
    """Runs the command at each full period, until told to stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    with suppress(ToldToStop):
        while True:
            _run(command)
            with _interruptible():
                time.sleep(period_seconds - time.time() % period_seconds)


def _stop(signum: int, frame: FrameType | None) -> None:
    global _is_told
    _is_told = True
    if _is_waiting:
        raise ToldToStop


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ends at once with ToldToStop, also where that was said before; anywhere else it could leave a child untold."""
    global _is_waiting
    _is_waiting = True
    try:
        if _is_told:
            raise ToldToStop
        yield
    finally:
        _is_waiting = False


def _run(command: list[str]) -> None:
    child = subprocess.Popen(command)
    try:
        with _interruptible():
            code = child.wait()
    except ToldToStop:
        child.terminate()
        child.wait()
        raise
    if code == 0:
        GOOD_RUN.touch()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
