"""Runs a command while its parent lives: `python supervisor.py GRACE_SECONDS [--again] COMMAND…`, a pipe as its input.

The pipe closes when the parent ends, however it ends (a kill -9 too), and then the command gets SIGTERM
and, after the grace, SIGKILL. At the end what is left of the command's process group is killed too. With `--again` a
command that ends by itself is started again.
It imports the standard library alone, so that it starts in a few milliseconds and takes little memory.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

_PAUSE_SECONDS = 0.5


class Supervisor:
    """Runs one command, or the same again and again, until it is to stop."""

    def __init__(self, grace_seconds: float, command: list[str], *, again: bool) -> None:
        self.grace_seconds = grace_seconds
        self.command = command
        self.again = again
        self.stopping = threading.Event()
        self.child = self._start()

    def run(self) -> int:
        """Runs to the end; returns the exit code as a shell does: 128 plus the signal if a signal has ended it."""
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        # A terminal's Ctrl-C is for the parent, which closes the pipe when it is ready.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=self._stop_with_the_parent, daemon=True).start()
        code = self._wait()
        while self.again and not self.stopping.wait(_PAUSE_SECONDS):
            self.child = self._start()
            if self.stopping.is_set():  # it was not yet there to be stopped
                self.child.terminate()
            code = self._wait()
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        """Asks the command to end."""
        self.stopping.set()
        self.child.terminate()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self.command, stdin=subprocess.DEVNULL, process_group=0)

    def _wait(self) -> int:
        code = self.child.wait()
        _kill_group(self.child)
        return code

    def _stop_with_the_parent(self) -> None:
        while os.read(0, 4096):
            pass
        self.stop()
        try:
            self.child.wait(self.grace_seconds)
        except subprocess.TimeoutExpired:
            _kill_group(self.child)


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS raises PermissionError for a group that has ended
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    is_again = sys.argv[2] == "--again"
    sys.exit(Supervisor(float(sys.argv[1]), sys.argv[2 + is_again :], again=is_again).run())
