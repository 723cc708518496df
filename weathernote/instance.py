"""A running instance's folder in `.run/`: how its other processes find its servers, and what it keeps there.

The ignored folder `.run/` holds the database, the secret key, and for each running instance a folder of its own, so
that two on different ports do not disturb each other.
"""

import fcntl
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

INSTANCE_VARIABLE = "WEATHERNOTE_INSTANCE"
#: While this file lies in the instance's folder, /health tells the balancer to look elsewhere.
STOPPING_FILE = "stopping"
#: The folder in the instance's in which its workers count together, and where prometheus_client looks for its name.
METRICS = "metrics"
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True)
class Instance:
    """A running instance's folder in `.run/`, through which its other processes find its servers."""

    folder: Path
    redis_url: str
    simulator_url: str = ""

    @classmethod
    def current(cls, run_dir: Path, folder: str, redis_url: str = "") -> "Instance":
        """The instance in `folder`, else the one that was started last and lives, else one whose Redis is down.

        A process that names a Redis itself joins only an instance that uses the same: it must not
        fill that Redis with what a neighbour's simulator says.
        """
        for candidate in [Path(folder)] if folder else _newest_first(run_dir):
            with suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads((candidate / "instance.json").read_text())
                found = cls(candidate, told["redis_url"], told["simulator_url"])
                if folder or (is_held(candidate) and redis_url in ("", found.redis_url)):
                    return found
        return cls(run_dir, f"unix://{quote(str(run_dir / 'redis.sock'))}")

    def announce(self) -> None:
        """Lets the instance's other processes find it, and `manage.py prewarm` in another terminal."""
        told = {"redis_url": self.redis_url, "simulator_url": self.simulator_url}
        (self.folder / "instance.json").write_text(json.dumps(told))
        os.environ[INSTANCE_VARIABLE] = str(self.folder)

    def withdraw(self) -> None:
        (self.folder / "instance.json").unlink(missing_ok=True)


def count_with_the_instance(instance: Instance, *, is_prewarm: bool) -> None:
    """Lets a prewarm count in the files of the instance that it joins; one runs at a time, so all share a name there.

    A file for each of their numbers would soon be many, and each scrape reads them all.
    """
    if is_prewarm and (instance.folder / METRICS).is_dir():
        os.environ[METRICS_VARIABLE] = str(instance.folder / METRICS)
        from prometheus_client import values  # decides by that variable when it is imported

        values.ValueClass = values.MultiProcessValue(lambda: "prewarm")


def _newest_first(run_dir: Path) -> list[Path]:
    started = []
    for file in run_dir.glob("*/instance.json"):
        with suppress(OSError):  # it ended just now
            started.append((file.stat().st_mtime_ns, file.parent))
    return [folder for _, folder in sorted(started, reverse=True)]


# ── the folder ────────────────────────────────────────────────────────────────────────────────────


def make_folder(folder: Path) -> Path:
    """The folder, made for its owner alone where it can be; a read-only file system has other places for all of it."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def open_lock(folder: Path) -> int:
    """A descriptor of the folder's lock file, which is made where there is none; OSError where it cannot be written."""
    return os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)


def take(lock: int, kind: int) -> bool:
    """Whether the lock could be had at once, as `fcntl.LOCK_EX` or `fcntl.LOCK_SH`."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(folder: Path) -> bool:
    """Whether the instance in `folder` lives: a lock ends with its process, where a number may be another's by now."""
    lock = os.open(folder / "lock", os.O_RDONLY)
    try:
        return not take(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def stored_secret(run_dir: Path) -> str:
    """A random secret, made at the first start and kept for its owner's eyes alone."""
    file = run_dir / "secret_key"
    fresh = secrets.token_urlsafe(50)
    with suppress(OSError):
        if kept := file.read_text().strip():
            return kept
    with suppress(OSError), os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+") as shared:
        # Of two first starts at once, the second waits and reads what the first has written.
        fcntl.flock(shared, fcntl.LOCK_EX)
        if kept := shared.read().strip():
            return kept
        shared.write(fresh)
    return fresh  # on a read-only file system it is good for the life of this process
