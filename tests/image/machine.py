"""A machine within this one: processes, mounts and a network of its own, all of which end with it."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from tests.support.servers import Process, children_of, eventually

#: /run and /var/lib can be written to, but what is written goes to the machine's own folder.
_INIT = """
set -eu
for name in run var/lib; do
    mkdir -p "$0/$name/upper" "$0/$name/work"
    mount -t overlay -o "lowerdir=/$name,upperdir=$0/$name/upper,workdir=$0/$name/work" none "/$name"
done
ip link set lo up
echo up
exec catatonit -P
"""


class Machine:
    """Needs root. `command` puts before a command what lets it run in here."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        # With the tests it ends too, however they end.
        holder = ["setpriv", "--pdeathsig=KILL", "unshare", "--kill-child", "--fork", "--pid", "--mount-proc", "--net"]
        self._holder = Process([*holder, "sh", "-c", _INIT, str(folder)], folder / "log")
        try:
            eventually(lambda: "up" in self._holder.said().split())
        except BaseException:
            self.stop()
            raise AssertionError(f"no machine within this one:\n{self._holder.said()}") from None

    def command(self, *words: str | Path, online: bool = False) -> list[str]:
        """`online`: in this machine's network instead of the one in here, which leads nowhere."""
        (init,) = children_of(self._holder.pid)
        namespaces = ["--mount", "--pid", *(() if online else ("--net",))]
        return ["nsenter", f"--target={init}", *namespaces, "--", *map(str, words)]

    def run(self, *words: str | Path, online: bool = False, timeout_seconds: float = 60, **options: Any) -> str:
        """What the command says on its output; fails the test with all that it said where it fails."""
        command = self.command(*words, online=online)
        options |= {"capture_output": True, "text": True, "errors": "replace", "timeout": timeout_seconds}
        ran: subprocess.CompletedProcess[str] = subprocess.run(command, check=False, **options)
        assert ran.returncode == 0, f"{words} ended with {ran.returncode}:\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def start(self, log: Path, *words: str | Path, **options: Any) -> None:
        """Starts what runs as long as the machine does."""
        output: IO[bytes]
        with log.open("ab") as output:
            subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)

    def stop(self) -> None:
        """The first process of a process namespace takes all others of it along."""
        for init in children_of(self._holder.pid):
            os.kill(init, signal.SIGKILL)
        self._holder.stop()
        _forget_control_groups()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _forget_control_groups() -> None:
    """Those that containers had, and that hold no process: they are the system's, and outlive the machine."""
    for top in (*Path("/sys/fs/cgroup").glob("libpod_parent"), *Path("/sys/fs/cgroup").glob("*/libpod_parent")):
        for group, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(group).rmdir()
