"""How soon an instance serves and how much memory it takes, idle and under load, against a bare Django view.

    python -m tests.benchmarks.footprint [--rounds 3]

Proportional set size of all its processes: what they share counts once. The database exists already, and what Python
compiles too, as at every start but the first.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.measuring import processes, standalone, things, traffic, wrk
from tests.benchmarks.measuring.figures import Figure, Section, told
from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.benchmarks.measuring.things import Setting, Thing

PEER = "bare Django view"
PSS_TARGET_MB, START_TARGET_SECONDS = 160, 1.0
_LOOK_SECONDS = 0.5


class Measured(NamedTuple):
    start_seconds: float
    idle_mb: float
    loaded_mb: float


def measure(start: Callable[[], AbstractContextManager[Thing]], requests: Path, seconds: int) -> Measured:
    began = time.perf_counter()
    with start() as thing:
        start_seconds = time.perf_counter() - began
        time.sleep(1)
        idle = processes.pss_megabytes(thing.pid)
        return Measured(start_seconds, idle, _most_under_load(thing, requests, seconds))


def _most_under_load(thing: Thing, requests: Path, seconds: int) -> float:
    most = 0.0
    with ThreadPoolExecutor(1) as beside:
        load = beside.submit(wrk.run, thing.base, requests, seconds)
        while not load.done():
            most = max(most, processes.pss_megabytes(thing.pid))
            time.sleep(_LOOK_SECONDS)
        load.result()
    return max(most, processes.pss_megabytes(thing.pid))


def section(at: Setting, *, rounds: int, seconds: int) -> Section:
    requests = traffic.write(at.folder / "footprint.txt", traffic.cached(traffic.WEATHER, seed=8))
    # What is compiled is kept, as operators have it: else each start would compile it anew.
    starts = [
        partial(things.instance, at, "footprint", PYTHONDONTWRITEBYTECODE=""),
        partial(things.peer, at, PEER, PYTHONDONTWRITEBYTECODE=""),
    ]
    for start in starts:
        with start():
            pass  # the first start makes the database, and compiles
    ours, bare = in_rounds(starts, lambda start, _: measure(start, requests, seconds), rounds)
    lines, figures = [f"{'':24}{'instance':>10}{'bare Django':>13}   ratio"], []
    names = {"start_seconds": "start, s", "idle_mb": "idle, MB PSS", "loaded_mb": "under load, MB PSS"}
    for field, name in names.items():
        one, other = ([getattr(each, field) for each in measured] for measured in (ours, bare))
        times = ratio(one, other).middle
        lines.append(f"{name:24}{statistics.median(one):10.1f}{statistics.median(other):13.1f}   {times:.2f}")
        # Under load bare Django's is a third more in one run than in the next.
        figures.append(Figure(f"{name} ÷ bare Django's", times, "lower", kept=field == "idle_mb"))
    start_seconds = statistics.median(each.start_seconds for each in ours)
    figures.append(Figure("s from the start to the first answer", start_seconds, "lower", START_TARGET_SECONDS))
    loaded = statistics.median(each.loaded_mb for each in ours)
    figures.append(Figure("MB PSS of an instance of two workers under load", loaded, "lower", PSS_TARGET_MB))
    return Section(f"start and memory of {things.WORKERS} workers, {rounds} rounds", lines, figures)


def main() -> None:
    options = standalone.parser(__doc__, seconds=4).parse_args()
    wrk.require()
    with standalone.filled_setting() as at:
        print(told(section(at, rounds=options.rounds, seconds=options.seconds)))


if __name__ == "__main__":
    main()
