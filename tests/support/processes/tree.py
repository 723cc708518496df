"""A copy of the service's code, so that what `manage.py` keeps in `.run/` never mixes with the developer's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import requests

from tests.settings import OURS
from tests.support.servers import TOP, Process, eventually, free_port


def copy_of_the_code(folder: Path) -> Path:
    """Copies every package and manage.py into `folder`, and returns it."""
    for package in (path.parent.name for path in TOP.glob("*/__init__.py")):
        # What is compiled comes along: each start would compile it anew.
        shutil.copytree(TOP / package, folder / package, ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copy2(TOP / "manage.py", folder)
    return folder


def environment(**variables: object) -> dict[str, str]:
    """The shell's environment without a variable of the service's, and with `variables`."""
    # pytest-django names the tests' own settings in the environment, and those take no variable.
    not_theirs = {*OURS, "DJANGO_SETTINGS_MODULE", "WEATHERNOTE_INSTANCE"}
    bare = {name: value for name, value in os.environ.items() if name not in not_theirs}
    return bare | {name: str(value) for name, value in variables.items()}


def run(tree: Path, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
    """`python …` in the tree, to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


class Served(Process):
    """`manage.py serve` or `runserver` in the tree, answering at `base`."""

    #: Every one so far: a test that fails half-way leaves its own running.
    all: ClassVar[list["Served"]] = []

    def __init__(self, tree: Path, *arguments: str, port: int = 0, **variables: object) -> None:
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = tree / f"{'-'.join(arguments)}-{self.port}-{len(list(tree.glob('*.log')))}.log"
        address = [str(self.port)] if arguments[0] == "runserver" else []
        with self.log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "manage.py", *arguments, *address],
                cwd=tree,
                env=environment(**{"PORT": self.port, "LIVE_PORT": 0, "WORKERS": 1, **variables}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.all.append(self)
        try:
            eventually(self._answers, within_seconds=90)
        except BaseException:
            self.stop()
            raise AssertionError(f"it does not answer:\n{self.said()}") from None

    def _answers(self) -> bool:
        if self.popen.poll() is not None:
            raise AssertionError("ended")
        return requests.get(f"{self.base}/health", timeout=10).ok

    def get(self, path: str) -> requests.Response:
        return requests.get(self.base + path, timeout=15)

    def lines(self) -> list[str]:
        """What it says to people; the log is lines of JSON."""
        return [line for line in self.said().splitlines() if line and not line.startswith("{")]

    def family(self) -> dict[int, str]:
        """All descendants of this process → their command lines."""
        table = _processes()
        found: dict[int, str] = {}
        parents = {self.pid}
        while parents:
            children = {number: words for number, (parent, words) in table.items() if parent in parents}
            found |= children
            parents = set(children)
        return found

    def started(self, word: str) -> list[int]:
        return [number for number, words in self.family().items() if word in words]


def alive(numbers: dict[int, str]) -> dict[int, str]:
    """The subset of `numbers` that still runs: process → its command line now."""
    table = _processes()
    return {number: table[number][1] for number in numbers if number in table}


def _processes() -> dict[int, tuple[int, str]]:
    """Every running process → its parent and its command line."""
    if not Path("/proc/self/stat").exists():
        told = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 3) for line in told.stdout.splitlines()]
    else:
        rows = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if len(list((folder / "task").iterdir())) > 1:
                    state = "R"  # a zombie whose other threads still run still holds its files and ports
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # it ended just now
            rows.append([folder.name, parent, state, words])
    return {int(row[0]): (int(row[1]), row[-1]) for row in rows if not row[2].startswith("Z")}
