"""What processes take: CPU seconds and memory of a server and of all that it started, from /proc."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.support.servers import children_of

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> Iterator[int]:
    """The process and all below it."""
    yield pid
    for child in children_of(pid):
        yield from family(child)


def cpu_seconds(pid: int) -> float:
    """User and system time of the family, of those of it that live."""
    return sum(_cpu_seconds(each) for each in family(pid))


def _cpu_seconds(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def pss_megabytes(pid: int) -> float:
    """The family's proportional set size: what is shared counts once for all who share it."""
    return sum(_pss_kilobytes(each) for each in family(pid)) / 1000


def _pss_kilobytes(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1.024
    return 0.0
