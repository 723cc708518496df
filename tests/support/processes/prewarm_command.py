"""`manage.py prewarm` as cron runs it: a process with an environment of its own, and a database in a file."""

import json
import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.processes.tree import environment, run
from tests.support.servers import TOP, Process


@dataclass
class Host:
    """What cron has on one machine: the code, a database in `folder`, and the variables that name the servers."""

    folder: Path
    variables: dict[str, object]

    @classmethod
    def made(cls, folder: Path, database: Path, **variables: object) -> "Host":
        """A host with a copy of the database."""
        folder.mkdir(exist_ok=True)
        shutil.copy(database, folder / "db.sqlite3")
        own = {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "SECRET_KEY": "x" * 50, **variables}
        return cls(folder, own)

    @cached_property
    def environment(self) -> dict[str, str]:
        return environment(**self.variables)

    def prewarm(self, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
        """Runs the command to its end, with further environment variables."""
        return run(TOP, "manage.py", "prewarm", *arguments, **{**self.variables, **variables})

    def begin(self, *arguments: str) -> Process:
        """Starts a run that the test may signal or kill."""
        log = self.folder / f"prewarm-{len(list(self.folder.glob('prewarm-*')))}.log"
        return Process([sys.executable, "manage.py", "prewarm", *arguments], log, self.environment)

    def on_a_terminal(self, *arguments: str) -> str:
        """What a run shows on a terminal that reports 0 columns, as those of `script` and of CI do."""
        ours, its = pty.openpty()
        bare = {name: value for name, value in self.environment.items() if name not in ("COLUMNS", "LINES")}
        command = [sys.executable, "manage.py", "prewarm", *arguments]
        process = subprocess.Popen(command, cwd=TOP, env=bare, stdin=its, stdout=its, stderr=its)
        os.close(its)
        said = b""
        with suppress(OSError):  # Linux' word for its end
            while some := os.read(ours, 4096):
                said += some
        os.close(ours)
        assert process.wait(60) == 0, said
        return said.decode()

    def rows(self) -> list[dict[str, Any]]:
        """What the runs left in the database, the newest first."""
        names = "refreshed", "skipped", "failed", "finished", "exit_code", "message"
        query = f"SELECT {', '.join(names)} FROM prewarm_prewarmrun ORDER BY started DESC"  # noqa: S608 - our own words
        with sqlite3.connect(self.folder / "db.sqlite3") as database:
            return [dict(zip(names, row, strict=True)) for row in database.execute(query)]


def summary(said: str) -> dict[str, Any]:
    """The JSON line of a run."""
    # Lines of the log are JSON too, and name their logger.
    (line,) = [line for line in said.splitlines() if line.startswith("{") and '"logger"' not in line]
    told: dict[str, Any] = json.loads(line)
    return told


def ended(process: Process, within_seconds: float) -> int:
    """The exit code; raises TimeoutExpired where the run takes longer."""
    return process.popen.wait(within_seconds)
