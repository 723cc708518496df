"""How the service grows: with instances on one Redis, with cells, and with clients; as lines, not points.

    python -m tests.benchmarks.growth {instances,cells,clients} [--rounds 3] [--seconds 2] [--to 10000] [--write]

`instances` starts 1 to 8 of them before one Redis. `cells` asks one instance for 100 to 100,000, `clients` counts 1 to
1,000,000 of them, which take some minutes to be written; --to ends earlier or later. With --write the points become
those of the manual's picture (docs/pictures/growth.json), which `python -m docs.pictures` draws.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.benchmarks import redis_memory
from tests.benchmarks.measuring import processes, records, standalone, things, traffic, wrk
from tests.benchmarks.measuring.things import Setting, Thing
from tests.support.limits import LIFTED
from weather.core.cells import Cell

POINTS = Path(__file__).parents[2] / "docs" / "pictures" / "growth.json"
INSTANCES = (1, 2, 4, 8)
LEAST_CELLS, LEAST_CLIENTS, USUAL_CELLS = 100, 1, 2_000
#: What is gone up to without --to.
TO = {"instances": INSTANCES[-1], "cells": 100_000, "clients": 1_000_000}
#: Requests in the file that is replayed: few, so that all generators begin at the same time.
_REQUESTS = 20_000
_WARM_SECONDS = 2


class Point(NamedTuple):
    """What one size costs: for each request CPU of the instances and of Redis in µs, and what Redis holds."""

    size: int
    a_second: float
    cpu_us: float
    redis_us: float
    redis_megabytes: float
    wrong: int

    @property
    def feeds(self) -> float:
        """How many cores of instances one core of Redis feeds."""
        return self.cpu_us / self.redis_us


def of_instances(at: Setting, to: int, rounds: int, seconds: int) -> Iterator[Point]:
    """1, 2, 4 and 8 instances with all the load that the machine has for them, and one Redis."""
    records.keep(traffic.cells())
    lines = traffic.cached(traffic.WEATHER, requests=_REQUESTS)
    with ExitStack() as stack:
        running: list[Thing] = []
        for number in (each for each in INSTANCES if each <= to):
            while len(running) < number:
                name = f"instance-{len(running) + 1}"
                running.append(stack.enter_context(things.instance(at, name, **LIFTED)))
            yield _point(at, number, running, lines, rounds, seconds)


def of_cells(at: Setting, to: int, rounds: int, seconds: int) -> Iterator[Point]:
    """One instance, whose phones ask for ever more cells, the more popular the fewer."""
    with things.instance(at, "instance", **LIFTED) as instance:
        kept = 0
        for number in sizes(LEAST_CELLS, to):
            cells = world(number)
            records.keep(cells[kept:])
            kept = number
            yield _point(at, number, [instance], _lines(cells), rounds, seconds)


def of_clients(at: Setting, to: int, rounds: int, seconds: int) -> Iterator[Point]:
    """One instance, whose Redis counts ever more clients at the same time."""
    cells = traffic.cells(USUAL_CELLS)
    records.keep(cells)
    with things.instance(at, "instance", **LIFTED) as instance:
        for number in sizes(LEAST_CLIENTS, to):
            redis_memory.bytes_of_clients(at.valkey, number)
            yield _point(at, number, [instance], _lines(cells, number), rounds, seconds)


def sizes(least: int, to: int) -> list[int]:
    """`least` and its multiples by ten, up to `to`."""
    return [least * 10**power for power in range(12) if least * 10**power <= to]


def world(count: int) -> list[Cell]:
    """Cells all over the world, the first ones of all for each count."""
    order = np.random.default_rng(4).permutation(300 * 400)[:count]
    return [Cell(int(at) // 400 * 5 - 750, int(at) % 400 * 9 - 1800) for at in order]


def _lines(cells: Sequence[Cell], clients: int = traffic.CLIENTS) -> list[str]:
    """Requests of clients drawn alike, for cells drawn by their popularity; clients as redis_memory counts them."""
    chance = np.random.default_rng(5)
    weights = 1 / np.arange(1, len(cells) + 1) ** traffic.ZIPF
    drawn = chance.choice(len(cells), _REQUESTS, p=weights / weights.sum())
    asking = chance.integers(0, clients, _REQUESTS)
    return [
        f"{traffic.WEATHER}?lat={cells[cell].latitude:g}&lon={cells[cell].longitude:g}\tclient {client}"
        for cell, client in zip(drawn, asking, strict=True)
    ]


def _point(at: Setting, size: int, running: Sequence[Thing], lines: Sequence[str], rounds: int, seconds: int) -> Point:
    """The medians of the rounds, each at all the instances at once."""
    file = traffic.write(at.folder / "growth.txt", lines)
    _load(running, file, _WARM_SECONDS, 0.9)
    measured: list[tuple[float, float, float]] = []
    wrong = 0
    for number in range(rounds):
        before = _cpu_seconds(running), processes.cpu_seconds(at.valkey.pid)
        runs = _load(running, file, seconds, number / rounds)
        after = _cpu_seconds(running), processes.cpu_seconds(at.valkey.pid)
        requests = sum(run.requests for run in runs)
        cpu_us, redis_us = ((late - early) / requests * 1e6 for early, late in zip(before, after, strict=True))
        measured.append((sum(run.a_second for run in runs), cpu_us, redis_us))
        wrong += sum(run.unwanted + run.failed for run in runs)
    megabytes = int(at.valkey.client.info("memory")["used_memory"]) / 1e6
    a_second, cpu_us, redis_us = (statistics.median(column) for column in zip(*measured, strict=True))
    return Point(size, a_second, cpu_us, redis_us, megabytes, wrong)


def _load(running: Sequence[Thing], file: Path, seconds: float, begin: float) -> list[wrk.Run]:
    connections = max(2 * wrk.THREADS, wrk.CONNECTIONS // len(running))
    with ThreadPoolExecutor(len(running)) as beside:
        loads = [
            beside.submit(wrk.run, thing.base, file, seconds, begin=begin + at / len(running), connections=connections)
            for at, thing in enumerate(running)
        ]
        return [load.result() for load in loads]


def _cpu_seconds(running: Sequence[Thing]) -> float:
    return sum(processes.cpu_seconds(thing.pid) for thing in running)


def written(file: Path, kind: str, points: Sequence[Point]) -> None:
    """Puts the points in place of those of the same kind."""
    known = json.loads(file.read_text()) if file.exists() else {}
    known[kind] = [
        {
            "size": point.size,
            "a_second": round(point.a_second),
            "cpu_us": round(point.cpu_us),
            "redis_us": round(point.redis_us, 1),
            "redis_megabytes": round(point.redis_megabytes, 1),
        }
        for point in points
    ]
    file.write_text(json.dumps(known, indent=1) + "\n")


WAYS = {"instances": of_instances, "cells": of_cells, "clients": of_clients}


def main() -> None:
    parser = standalone.parser(__doc__, seconds=2)
    parser.add_argument("kind", choices=WAYS)
    parser.add_argument("--to", type=int, help="the most instances, cells or clients")
    parser.add_argument("--write", action="store_true", help="make these the points of the manual's picture")
    options = parser.parse_args()
    wrk.require()
    with standalone.filled_setting(0) as at:
        head = ("requests/s", "CPU µs", "Redis µs", "feeds", "Redis MB", "wrong")
        print(f"{options.kind:>12}" + "".join(f"{name:>12}" for name in head), flush=True)
        points = []
        for point in WAYS[options.kind](at, options.to or TO[options.kind], options.rounds, options.seconds):
            points.append(point)
            print(
                f"{point.size:12,}{point.a_second:12,.0f}{point.cpu_us:12.0f}{point.redis_us:12.1f}{point.feeds:12.1f}"
                f"{point.redis_megabytes:12.1f}{point.wrong:12}",
                flush=True,
            )
    if options.write:
        written(POINTS, options.kind, points)


if __name__ == "__main__":
    main()
