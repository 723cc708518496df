"""Gauges of this process: its share of CPU and memory, and whether a Redis breaker is open."""

import os
import resource
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from time import monotonic, process_time

from weathernote import redis
from weathernote.telemetry import metrics

_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_last: tuple[float, float]


def _begin() -> None:
    global _last
    _last = monotonic(), process_time()


_begin()
# A forked child counts its own CPU time.
os.register_at_fork(after_in_child=_begin)


def measure() -> None:
    """Sets the gauges of CPU (the mean since the last call), memory and the breakers."""
    global _last
    now = monotonic(), process_time()
    if now[0] > _last[0]:
        metrics.CPU_USAGE.set(100 * (now[1] - _last[1]) / (now[0] - _last[0]) / (os.cpu_count() or 1))
    _last = now
    metrics.MEMORY_USAGE.set(100 * own_bytes() / memory_bytes())
    metrics.REDIS_BREAKER_OPEN.set(any(is_open for _, is_open in redis.breaker_states()))
    for role, is_open in redis.breakers_by_role().items():
        metrics.REDIS_ROLE_BREAKER_OPEN.labels(role.value).set(is_open)


def own_bytes() -> int:
    """Memory of this process in bytes, by PSS: shared memory counts in proportion, so that workers add up."""
    with suppress(OSError, IndexError):
        return int(Path("/proc/self/smaps_rollup").read_text().partition("\nPss:")[2].split()[0]) * 1024
    # Without /proc, the peak; macOS counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@cache
def memory_bytes() -> int:
    """Memory in bytes of the machine, or of its container if that is limited to less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [machine]
    for file in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # "max" where there is no limit
            limits.append(int(Path(file).read_text()))
    return min(limits)
