"""Runs a command while its parent lives: `python supervisor.py GRACE_SECONDS [--again] COMMAND…`, a pipe as its input.

The pipe closes when the parent ends, however it ends (a kill -9 too), and then the command gets SIGTERM
and, after the grace, SIGKILL. At the end what is left of the command's process group is killed too. With `--again` a
command that ends by itself is started again. On Linux the command gets SIGTERM if this process itself is killed.
It imports the standard library alone, so that it starts in a few milliseconds and takes little memory.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partial

_PAUSE_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


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
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop())
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
        # Always from the main thread: the kernel takes the end of the thread that started a child for its parent's.
        return subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=partial(_end_with, os.getpid()) if sys.platform == "linux" else None,
        )

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


def _end_with(parent: int) -> None:
    """Has the kernel end this process, which is to become the command, by SIGTERM when its parent has ended."""
    with suppress(ImportError):  # a Python without libffi
        import ctypes  # in the child alone, whose memory the command replaces

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it had ended before
        os._exit(1)


if __name__ == "__main__":
    is_again = sys.argv[2] == "--again"
    sys.exit(Supervisor(float(sys.argv[1]), sys.argv[2 + is_again :], again=is_again).run())
