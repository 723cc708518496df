"""Thousands of open streams on one core: what each takes, and how soon a refresh is there; beside the usual ways.

    python -m tests.benchmarks.live [--streams 15000] [--cells 2000] [--only ours starlette channels failover]

The server has one core, the streams and Redis the other. The streams lie over the cells evenly. Then, in turn: nothing
happens for a while; every cell is refreshed, so many a second, with ten streams on each (some are subscribed to two);
one cell is refreshed to which all streams have subscribed. `failover` has two live processes behind the edge
(`streams/failover.py`).
"""

import argparse
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from tests.benchmarks.connections import many_files
from tests.benchmarks.measuring import processes, records, standalone, traffic
from tests.benchmarks.measuring.figures import Figure, Section, targets, told
from tests.benchmarks.measuring.things import Setting
from tests.benchmarks.streams import failover, things
from tests.benchmarks.streams.sockets import Streams, place_of
from tests.benchmarks.streams.things import LiveServer, LiveThing
from weather.core.cells import Cell

STREAMS, CELLS = 15_000, 2_000
IDLE_SECONDS = 30
#: A call has twenty cells, and an instance fetches no more than some 250 a second.
CELLS_OF_A_CALL, CELLS_PER_SECOND = 20, 250
#: Of each cell in a run; and a cell that none of the others is.
WATCHERS, EVERYBODYS = 10, traffic.fresh_cells(1)[0]
SERVERS: dict[str, Callable[[Setting], LiveServer]] = {
    "ours": things.ours,
    "starlette": things.starlette,
    "channels": things.channels,
}


class Measured(NamedTuple):
    """What one server took and how soon it was; NaN where something did not come."""

    streams: int
    lost: int
    opened_per_second: float
    kilobytes: float  # of memory for each idle stream
    idle_cpu_percent: float  # of a core
    first_ms: float  # from the record of a cell that all watch to the first stream
    last_ms: float
    p50_ms: float  # from each record of a run to each of its streams
    p99_ms: float
    missed: int  # messages of the run that did not come


def measure(
    thing: LiveThing, cells: Sequence[Cell], count: int, *, idle_seconds: float, cells_per_second: float
) -> Measured:
    """Opens the streams and has the cells refreshed."""
    streams = Streams(thing.port)
    watched = [cells[number % len(cells)] for number in range(count)]
    try:
        streams.open(watched[:1])
        before = processes.pss_megabytes(thing.pid)
        opening_seconds = streams.open(watched[1:])
        kilobytes = (processes.pss_megabytes(thing.pid) - before) * 1000 / max(count - 1, 1)
        idle_cpu = _idle_cpu(thing, streams, idle_seconds)
        delays, missed = _run(thing, streams, cells, cells_per_second)
        first, last = _one_for_all(thing, streams)
        p50, p99 = (_percentile(delays, part) * 1000 for part in (50, 99))
        return Measured(
            len(streams.streams) - streams.lost,
            streams.lost,
            (count - 1) / opening_seconds,
            kilobytes,
            idle_cpu * 100,
            first * 1000,
            last * 1000,
            p50,
            p99,
            missed,
        )
    finally:
        streams.close()


def _idle_cpu(thing: LiveThing, streams: Streams, seconds: float) -> float:
    """The part of a core that the server takes while nothing happens but pings."""
    began, end = processes.cpu_seconds(thing.pid), time.monotonic() + seconds
    streams.run(lambda: time.monotonic() > end)
    return (processes.cpu_seconds(thing.pid) - began) / seconds


def _run(thing: LiveThing, streams: Streams, cells: Sequence[Cell], cells_per_second: float) -> tuple[list[float], int]:
    """Seconds from each record to each of its streams, ten of each cell, and how many never came."""
    calls = [cells[at : at + CELLS_OF_A_CALL] for at in range(0, len(cells), CELLS_OF_A_CALL)]
    tellings = [thing.refresher.prepared(call) for call in calls]
    _watch_by_ten(streams, cells)
    told_at: dict[tuple[bytes, ...], float] = {}
    streams.arrivals.clear()

    def refresh() -> None:
        begin = time.monotonic()
        for number, (call, tell) in enumerate(zip(calls, tellings, strict=True)):
            time.sleep(max(0, begin + number * CELLS_OF_A_CALL / cells_per_second - time.monotonic()))
            told_at.update(dict.fromkeys(map(place_of, call), time.monotonic()))
            tell()

    refreshing = threading.Thread(target=refresh)
    refreshing.start()
    due, patience = streams.subscriptions, 60 + len(cells) / cells_per_second
    streams.run(lambda: not refreshing.is_alive() and len(streams.arrivals) >= due, patience_seconds=patience)
    refreshing.join()
    delays = [at - told_at[place] for place, at in streams.arrivals]
    return delays, due - len(delays)


def _watch_by_ten(streams: Streams, cells: Sequence[Cell]) -> None:
    """Subscribes some of the streams to a second cell, until each cell has ten where so many streams are open."""
    half = len(cells) // 2
    wanted = min(len(cells) * WATCHERS - len(streams.streams), len(streams.streams))
    more = [(stream, cells[(stream.number + half) % len(cells)]) for stream in streams.streams[: max(wanted, 0)]]
    streams.subscribe(more)


def _one_for_all(thing: LiveThing, streams: Streams) -> tuple[float, float]:
    """Seconds from the record of a cell that all streams watch to the first and to the last of them."""
    records.keep([EVERYBODYS])
    streams.subscribe([(stream, EVERYBODYS) for stream in streams.streams])
    streams.arrivals.clear()
    tell, told_at = thing.refresher.prepared([EVERYBODYS]), time.monotonic()
    tell()
    count = len(streams.streams) - streams.lost
    if not streams.run(lambda: len(streams.arrivals) >= count, patience_seconds=30):
        return float("nan"), float("nan")
    return streams.arrivals[0].at - told_at, streams.arrivals[count - 1].at - told_at


def _percentile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part / 100))] if ordered else float("nan")


def section(measured: dict[str, Measured], count: int, cells: int) -> Section:
    """The table, with the targets of ours where it was measured with as many streams as they are about."""
    names = ["lost", "opened/s", "kB each", "CPU idle", "first ms", "last ms", "p50 ms", "p99 ms", "missed"]
    lines = [f"{'':22}" + "".join(f"{name:>10}" for name in names)]
    for name, row in measured.items():
        numbers = [
            *(
                f"{row.lost:,}",
                f"{row.opened_per_second:,.0f}",
                f"{row.kilobytes:.1f}",
                f"{row.idle_cpu_percent:.1f} %",
            ),
            *(
                f"{row.first_ms:,.0f}",
                f"{row.last_ms:,.0f}",
                f"{row.p50_ms:,.1f}",
                f"{row.p99_ms:,.0f}",
                f"{row.missed:,}",
            ),
        ]
        lines.append(f"{name:22}" + "".join(f"{number:>10}" for number in numbers))
    lines.append(
        "first, last: of a cell that all watch; p50, p99: of a run over all cells; from the record to the reader"
    )
    ours = measured.get("manage.py live")
    figures = (
        []
        if ours is None
        else [
            Figure("kB of an idle stream", ours.kilobytes, "lower", 25),
            Figure("ms to the last stream of a cell", ours.last_ms, "lower", 1000),
            Figure("p99 ms from record to socket in a run", ours.p99_ms, "lower", 2000),
            Figure("streams lost, messages missed", ours.lost + ours.missed, "lower", 0),
        ]
    )
    return Section(f"{count:,} streams over {cells:,} cells, one process on one core", lines, figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--cells", type=int, default=CELLS, help=f"at most {CELLS}")
    parser.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS)
    parser.add_argument("--cells-per-second", type=float, default=CELLS_PER_SECOND, help="of the run over all cells")
    parser.add_argument("--failover-streams", type=int, default=failover.STREAMS)
    parser.add_argument("--only", nargs="*", default=[*SERVERS, "failover"], choices=[*SERVERS, "failover"])
    options = parser.parse_args()
    sections = []
    with ExitStack() as stack:
        stack.enter_context(many_files(max(options.streams, options.failover_streams)))
        things.pin_clients()
        at = stack.enter_context(standalone.filled_setting())
        cells = traffic.cells(options.cells)
        measured = {}
        for name in [name for name in SERVERS if name in options.only]:
            with SERVERS[name](at).started() as thing:
                measured[thing.name] = measure(
                    thing,
                    cells,
                    options.streams,
                    idle_seconds=options.idle_seconds,
                    cells_per_second=options.cells_per_second,
                )
        if measured:
            sections.append(section(measured, options.streams, len(cells)))
        if "failover" in options.only:
            sections.append(failover.section(at, options.failover_streams))
    for each in sections:
        print(told(each))
    print("\n".join(targets([figure for each in sections for figure in each.figures])))


if __name__ == "__main__":
    main()
