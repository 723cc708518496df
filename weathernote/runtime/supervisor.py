"""Runs a command while its parent lives: `python supervisor.py GRACE_SECONDS COMMAND…`, with a pipe as standard input.

The pipe closes when the parent ends, however it ends (a kill -9 too), and then the command gets SIGTERM
and, after the grace, SIGKILL. At the end what is left of the command's process group is killed too.
It imports the standard library alone, so that it starts in a few milliseconds and takes little memory.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


def main(grace_seconds: float, command: list[str]) -> int:
    """Runs the command; returns its exit code as a shell does: 128 plus the signal if a signal has ended it."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    # A terminal's Ctrl-C is for the parent, which closes the pipe when it is ready.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_stop_with_the_parent, args=(child, grace_seconds), daemon=True).start()
    code = child.wait()
    _kill_group(child)
    return code if code >= 0 else 128 - code


def _stop_with_the_parent(child: subprocess.Popen[bytes], grace_seconds: float) -> None:
    while os.read(0, 4096):
        pass
    child.terminate()
    try:
        child.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        _kill_group(child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS raises PermissionError for a group that has ended
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
