"""Starts an instance that fits its machine or container: `.venv/bin/python deploy/start.py [PORT]`.

It works out WORKERS and THREADS where the environment does not name them, and becomes `manage.py serve`. Where several
instances share a machine, INSTANCES is their number. Limits of a container are read on Linux alone.
"""

import math
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
MEGABYTE = 1_000_000
#: A worker of 128 threads after 12,000 requests for 5,600 cells takes 145 MB, some of it shared with the others; its
#: in-process store grows by some 30 MB.
WORKER_BYTES = 200 * MEGABYTE
#: The processes above the workers: serve, its supervisor, and what granian does not share with the workers.
BESIDE_BYTES = 40 * MEGABYTE
#: Each thread has its connection to Redis, which takes 10,000 for twenty instances with prewarm and people.
MOST_THREADS, LEAST_THREADS, THREADS_OF_AN_INSTANCE = 128, 32, 1024


def main(arguments: list[str]) -> None:
    """Becomes `manage.py serve` on the port that the first argument names, if any."""
    fit(os.environ, cores=cores(), memory_bytes=memory_bytes())
    if arguments:
        # Overrides a file for all instances.
        os.environ["PORT"] = arguments[0]
    os.chdir(TOP)
    os.execv(sys.executable, [sys.executable, "manage.py", "serve"])  # noqa: S606 - no shell: this very Python


def fit(environment: MutableMapping[str, str], *, cores: float, memory_bytes: int) -> None:
    """Sets WORKERS, one a core as far as memory allows, and THREADS, fewer for many workers, unless they are set."""
    instances = _positive(environment, "INSTANCES") or 1
    by_cores = math.ceil(cores / instances)
    by_memory = int((memory_bytes / instances - BESIDE_BYTES) // WORKER_BYTES)
    workers = _positive(environment, "WORKERS") or max(1, min(by_cores, by_memory))
    threads = max(LEAST_THREADS, min(MOST_THREADS, THREADS_OF_AN_INSTANCE // max(1, workers)))
    environment["WORKERS"] = str(workers)
    environment["THREADS"] = environment.get("THREADS") or str(threads)


def _positive(environment: MutableMapping[str, str], name: str) -> int | None:
    value = environment.get(name)
    if not value:
        return None
    if not value.isdecimal() or int(value) < 1:
        sys.exit(f"{name} must be a whole number from 1, not {value!r}.")
    return int(value)


def cores(root: Path = Path("/")) -> float:
    """The cores that this process may use, by its affinity and the quotas of its control groups."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([float(allowed), *(share for group in _groups(root) if (share := _share(group)))])


def memory_bytes(root: Path = Path("/")) -> int:
    """The memory of the machine in bytes, or the smallest limit of this process' control groups."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for group in _groups(root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):  # no such file; "max"
                limits.append(int((group / name).read_text()))
    return min(limits)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the control groups of this process, of either version, the innermost first."""
    listed = ""
    with suppress(OSError):
        listed = (root / "proc/self/cgroup").read_text()
    for line in listed.splitlines():
        _, controllers, inside = line.split(":", 2)
        top = root / "sys/fs/cgroup" / controllers.removeprefix("name=")
        group = top / inside.strip("/")
        yield group
        yield from (folder for folder in group.parents if folder == top or top in folder.parents)


def _share(group: Path) -> float | None:
    """The cores that a group may use; None where it names no limit."""
    with suppress(OSError, ValueError):
        quota, period = (group / "cpu.max").read_text().split()
        return int(quota) / int(period)
    with suppress(OSError, ValueError):
        quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else None
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
