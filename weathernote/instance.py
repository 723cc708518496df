"""The folders in `.run/`: one for each running instance, by which its processes find its servers.

`.run/`, which git ignores, also holds the database and the secret key. With a folder each, two instances on different
ports do not disturb each other.
"""

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

INSTANCE_VARIABLE = "WEATHERNOTE_INSTANCE"
#: While this file exists in the instance's folder, /health answers 503.
STOPPING_FILE = "stopping"
#: The subfolder for the metrics of all workers of the instance, and the variable that names it to prometheus_client.
METRICS = "metrics"
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


class Instance(NamedTuple):
    """A running instance's folder in `.run/`, through which its other processes find its servers."""

    folder: Path
    redis_url: str
    simulator_url: str = ""

    @classmethod
    def current(cls, run_dir: Path, folder: str, redis_url: str = "") -> "Instance":
        """The instance in `folder`, else the running one that was started last, else one whose Redis is down.

        If `redis_url` is given, only an instance with that Redis counts: otherwise answers of another instance's
        simulator could end up in it.
        """
        for candidate in [Path(folder)] if folder else _newest_first(run_dir):
            with suppress(OSError, ValueError, KeyError, TypeError):
                servers = json.loads((candidate / "instance.json").read_text())
                found = cls(candidate, servers["redis_url"], servers["simulator_url"])
                if folder or (is_running(candidate) and redis_url in ("", found.redis_url)):
                    return found
        return cls(run_dir, f"unix://{quote(str(run_dir / 'redis.sock'))}")

    def announce(self) -> None:
        """Writes the instance's file, by which its other processes and `manage.py prewarm` find its servers."""
        servers = {"redis_url": self.redis_url, "simulator_url": self.simulator_url}
        (self.folder / "instance.json").write_text(json.dumps(servers))
        os.environ[INSTANCE_VARIABLE] = str(self.folder)

    def withdraw(self) -> None:
        """Removes the instance's file, so that no process joins it any more."""
        (self.folder / "instance.json").unlink(missing_ok=True)


def count_with_the_instance(instance: Instance, *, is_prewarm: bool) -> None:
    """Has a prewarm add to the metrics of the instance that it joins; must run before prometheus_client is imported.

    All prewarms share one file, as one runs at a time: a file for each process ID would soon slow down the scrapes.
    """
    if is_prewarm and (instance.folder / METRICS).is_dir():
        os.environ[METRICS_VARIABLE] = str(instance.folder / METRICS)
        from prometheus_client import values  # decides by that variable when it is imported

        values.ValueClass = values.MultiProcessValue(lambda: "prewarm")


def _newest_first(run_dir: Path) -> list[Path]:
    started = []
    for file in run_dir.glob("*/instance.json"):
        with suppress(OSError):  # it has just ended
            started.append((file.stat().st_mtime_ns, file.parent))
    return [folder for _, folder in sorted(started, reverse=True)]


# ── the folder ────────────────────────────────────────────────────────────────────────────────────


def make_folder(folder: Path) -> Path:
    """Makes the folder, accessible to its owner alone, if it can be made; returns it."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def open_lock(folder: Path) -> int:
    """A descriptor of the folder's lock file, which is made if missing; raises OSError if it cannot be written."""
    return os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)


def try_lock(lock: int, kind: int) -> bool:
    """Takes the lock if it is free, as `fcntl.LOCK_EX` or `fcntl.LOCK_SH`; False if it is not."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_running(folder: Path) -> bool:
    """Whether a process holds the lock of `folder`; a process ID could belong to another process by now."""
    lock = os.open(folder / "lock", os.O_RDONLY)
    try:
        return not try_lock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def stored_secret(run_dir: Path) -> str:
    """The secret in `run_dir`, random and made at the first call, which only its owner may read."""
    file = run_dir / "secret_key"
    with suppress(OSError):
        if stored := file.read_text().strip():
            return stored
    from secrets import token_urlsafe  # loads a library for TLS, and all but the first start need none

    fresh = token_urlsafe(50)
    with suppress(OSError), os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+") as shared:
        # Of two first starts at the same time, the second waits and reads what the first has written.
        fcntl.flock(shared, fcntl.LOCK_EX)
        if stored := shared.read().strip():
            return stored
        shared.write(fresh)
    return fresh  # on a read-only file system, for this process alone
