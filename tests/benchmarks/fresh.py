"""Cells that nobody has asked for yet, from an upstream that takes 300 ms and a share for each place.

    python -m tests.benchmarks.fresh [--rounds 3] [--seconds 6]

As on a paid plan: budgets and allowances are lifted. Prints distinct cells a second from one instance, and the
latency of cached answers alone and meanwhile; and a mix of 99 % cached and 1 % fresh against cached alone.
"""

import itertools
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from tests.benchmarks import latency, processes, standalone, things, traffic, wrk
from tests.benchmarks.figures import Figure, Section, told
from tests.benchmarks.rounds import in_rounds, ratio
from tests.benchmarks.things import Setting, Thing
from tests.support.limits import LIFTED

UPSTREAM_MS, PER_PLACE_MS = 300.0, 1.0
CONCURRENCY = 8
#: Phones that wait for a fresh cell at any moment, of two workers that let 112 wait each.
WAITING = 160
HITS_A_SECOND = 200
#: Of so many requests of the mix one is for a fresh cell.
EVERY = 100
#: Enough that those who wait for a fresh cell are not missed by the cached ones.
MIX_CONNECTIONS = 192

_MOST_CELLS_A_SECOND = 2_000
_used = itertools.count()


class Measured(NamedTuple):
    cells_a_second: float
    alone_ms: float
    meanwhile_ms: float
    cpu_ms: float  # of the instance for each fresh cell, what the hits beside it took left out
    wrong: int


@contextmanager
def instance(at: Setting) -> Iterator[Thing]:
    """An instance with nothing to hold it back, before a slow upstream."""
    at.simulator.settings(base_ms=UPSTREAM_MS, per_place_ms=PER_PLACE_MS)
    with things.instance(at, "instance-of-a-paid-plan", UPSTREAM_CONCURRENCY=CONCURRENCY, **LIFTED) as started:
        yield started


def measure(at: Setting, thing: Thing, seconds: int) -> Measured:
    """Hits alone, then the same hits while fresh cells are asked for as fast as they come."""
    hits = latency.asks(traffic.cached(traffic.WEATHER, seed=6), 0, HITS_A_SECOND * seconds)
    began = processes.cpu_seconds(thing.pid)
    alone = latency.at_rate(thing.base, hits, HITS_A_SECOND, seconds)
    hits_seconds = processes.cpu_seconds(thing.pid) - began
    file = traffic.write(at.folder / "fresh.txt", _fresh_lines(seconds + 3))
    with ThreadPoolExecutor(1) as beside:
        # Both begin within two seconds, and the fresh ones go on for as long as the hits do.
        running = beside.submit(wrk.run, thing.base, file, seconds + 3, connections=WAITING)
        meanwhile = latency.at_rate(thing.base, hits, HITS_A_SECOND, seconds)
        fresh = running.result()
    wrong = fresh.unwanted + fresh.failed + sum(len(each) - each.statuses()[200] for each in (alone, meanwhile))
    return Measured(
        (fresh.requests - fresh.unwanted) / fresh.seconds,
        latency.percentile_ms(alone, 99),
        latency.percentile_ms(meanwhile, 99),
        (processes.cpu_seconds(thing.pid) - began - 2 * hits_seconds) / max(1, fresh.requests) * 1e3,
        wrong,
    )


def _fresh_lines(seconds: int) -> list[str]:
    count = _MOST_CELLS_A_SECOND * seconds
    cells = traffic.fresh_cells(count, begin=next(_used) * count)
    return [traffic.line(traffic.WEATHER, cell, client) for client, cell in enumerate(cells)]


def section(at: Setting, thing: Thing, *, rounds: int, seconds: int) -> Section:
    measured = [measure(at, thing, seconds) for _ in range(rounds)]
    cells, alone, meanwhile = ([getattr(each, name) for each in measured] for name in Measured._fields[:3])
    wrong = sum(each.wrong for each in measured)
    beside, cpu_ms = ratio(meanwhile, alone), statistics.median(each.cpu_ms for each in measured)
    return Section(
        f"fresh cells: upstream {UPSTREAM_MS:.0f} ms + {PER_PLACE_MS:.0f} ms a place, {CONCURRENCY} calls at once, "
        f"{WAITING} phones waiting",
        [
            f"distinct cells a second      {statistics.median(cells):8.0f}   ({min(cells):.0f}–{max(cells):.0f}), "
            f"{wrong} wrong answers",
            f"CPU ms of a fresh cell       {cpu_ms:8.2f}   of the instance",
            f"p99 of {HITS_A_SECOND} hits a second, ms  {statistics.median(alone):8.1f} alone, "
            f"{statistics.median(meanwhile):.1f} meanwhile: "
            f"× {beside.middle:.2f} ({beside.least:.2f}–{beside.most:.2f})",
        ],
        [
            Figure("fresh cells a second", statistics.median(cells), "higher", 200),
            Figure("hits' p99 beside fresh cells ÷ alone", beside.middle, "lower", 2),
            Figure("wrong answers beside fresh cells", wrong, "lower", 0),
        ],
    )


def mix_section(at: Setting, thing: Thing, *, rounds: int, seconds: int) -> Section:
    """99 % cached and 1 % fresh, in turn with cached alone at the same instance."""

    def one(name: str, number: int) -> wrk.Run:
        lines = traffic.cached(traffic.WEATHER) if name == "cached" else _mixed_lines(seconds)
        file = traffic.write(at.folder / f"{name}.txt", lines)
        return wrk.run(thing.base, file, seconds, begin=0, connections=MIX_CONNECTIONS)

    cached, mixed = in_rounds(["cached", "mixed"], one, rounds)
    part = ratio([each.a_second for each in mixed], [each.a_second for each in cached])
    wrong = sum(each.unwanted + each.failed for each in cached + mixed)
    return Section(
        f"{100 - 100 // EVERY} % cached and {100 // EVERY} % fresh, {MIX_CONNECTIONS} connections",
        [
            f"requests a second            {statistics.median(each.a_second for each in mixed):8.0f}   "
            f"× {part.middle:.2f} of cached alone ({part.least:.2f}–{part.most:.2f}), {wrong} wrong answers"
        ],
        [
            Figure("99 % cached, 1 % fresh ÷ cached alone", part.middle, "higher"),
            Figure("wrong answers in the mix", wrong, "lower", 0),
        ],
    )


def _mixed_lines(seconds: int) -> list[str]:
    count = 100 * seconds
    return traffic.mixed(traffic.WEATHER, traffic.fresh_cells(count, begin=1_500_000 + next(_used) * 1_000), EVERY)


def main() -> None:
    options = standalone.parser(__doc__, seconds=6).parse_args()
    wrk.require()
    with standalone.filled_setting() as at, instance(at) as thing:
        print(told(section(at, thing, rounds=options.rounds, seconds=options.seconds)))
        print(told(mix_section(at, thing, rounds=options.rounds, seconds=options.seconds)))


if __name__ == "__main__":
    main()
