"""Cells that nobody has asked for yet, from an upstream that takes 300 ms and a share for each place.

    python -m tests.benchmarks.fresh [--rounds 3] [--seconds 6] [--rate 250]

As on a paid plan: budgets and allowances are lifted. Prints the latency of cached answers alone and beside fresh cells
at a fixed rate; how many distinct cells a second one instance answers at most, and what CPU each takes; and a mix of
99 % cached and 1 % fresh against cached alone.
"""

import itertools
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from unittest.mock import patch

from tests.benchmarks import latency
from tests.benchmarks.measuring import processes, standalone, things, traffic, wrk
from tests.benchmarks.measuring.figures import Figure, Section, told
from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.benchmarks.measuring.things import Setting, Thing
from tests.support.limits import LIFTED
from tests.support.load import Ask, Load
from weather.simulator.answers import forecast as simulated
from weather.simulator.clock import Clock
from weather.simulator.place import Place
from weather.simulator.synthetic import weather as synthetic

UPSTREAM_MS, PER_PLACE_MS = 300.0, 1.0
CONCURRENCY = 8
#: Phones that wait for a fresh cell at any moment, of two workers that let 112 wait each: few enough that by chance
#: neither gets more than that.
WAITING = 180
HITS_A_SECOND = 200
#: Places of one zone that have a weather of their own.
DIFFERENT_PLACES = 32
#: Fresh cells a second beside which the latency of hits is measured.
BESIDE = 250
#: Of so many requests of the mix one is for a fresh cell.
EVERY = 100
#: Enough that those who wait for a fresh cell are not missed by the cached ones.
MIX_CONNECTIONS = 192

_MOST_CELLS_A_SECOND = 2_000
_mixes = itertools.count()
_asked = 0


class Measured(NamedTuple):
    alone_ms: float
    beside_ms: float
    fresh_ms: float  # the median of the fresh cells beside
    cells_a_second: float  # at most
    cpu_ms: float  # of the instance for each of these
    wrong: int


@contextmanager
def instance(at: Setting) -> Iterator[Thing]:
    """An instance with nothing to hold it back, before a slow upstream."""
    at.simulator.settings(base_ms=UPSTREAM_MS, per_place_ms=PER_PLACE_MS)
    with (
        _weather_made_once(),
        things.instance(at, "instance-of-a-paid-plan", UPSTREAM_CONCURRENCY=CONCURRENCY, **LIFTED) as started,
    ):
        yield started


@contextmanager
def _weather_made_once() -> Iterator[None]:
    """Has the simulator make up the weather of some places in each zone, and give it to others there.

    It shares the processor with what is measured, which an upstream does not. So many are different that an answer
    is compressed no better.
    """
    of_place, as_text = synthetic.hourly, simulated._hourly_section
    columns: dict[tuple[object, ...], synthetic.Series] = {}
    texts: dict[tuple[object, ...], str] = {}

    def hourly(place: Place, start: int, hours: int, run: synthetic.WeatherRun) -> synthetic.Series:
        key = (_kind(place), start, hours, run)
        return columns.get(key) or columns.setdefault(key, of_place(place, start, hours, run))

    def hourly_section(names: Sequence[str], place: Place, series: synthetic.Series, clock: Clock) -> str:
        key = (_kind(place), tuple(names), clock.start, clock.offset, clock.days, clock.unixtime, clock.run)
        return texts.get(key) or texts.setdefault(key, as_text(names, place, series, clock))

    with patch.object(simulated, "hourly", hourly), patch.object(simulated, "_hourly_section", hourly_section):
        yield


def _kind(place: Place) -> int:
    return hash(place) % DIFFERENT_PLACES


def measure(at: Setting, thing: Thing, seconds: int, rate: int = BESIDE) -> Measured:
    """Hits alone, the same hits beside `rate` fresh cells a second, and then fresh cells as fast as they come."""
    hits = latency.asks(traffic.cached(traffic.WEATHER, seed=6), 0, HITS_A_SECOND * seconds)
    alone = latency.at_rate(thing.base, hits, HITS_A_SECOND, seconds)
    asked = [Ask(*line.split("\t")) for line in _fresh_lines(rate * seconds)]
    with Load(thing.base, asked, rate=rate, seconds=seconds, processes=1) as load:
        beside = latency.at_rate(thing.base, hits, HITS_A_SECOND, seconds)
        fresh = load.answers()
    file = traffic.write(at.folder / "fresh.txt", _fresh_lines(_MOST_CELLS_A_SECOND * seconds))
    began = processes.cpu_seconds(thing.pid)
    most = wrk.run(thing.base, file, seconds, connections=WAITING)
    cpu_seconds = processes.cpu_seconds(thing.pid) - began
    return Measured(
        latency.percentile_ms(alone, 99),
        latency.percentile_ms(beside, 99),
        latency.percentile_ms(fresh, 50),
        (most.requests - most.unwanted) / most.seconds,
        cpu_seconds / max(1, most.requests) * 1e3,
        most.unwanted + most.failed + sum(len(each) - each.statuses()[200] for each in (alone, beside, fresh)),
    )


def _fresh_lines(count: int) -> list[str]:
    global _asked
    begin, _asked = _asked, _asked + count
    return [
        traffic.line(traffic.WEATHER, cell, client) for client, cell in enumerate(traffic.fresh_cells(count, begin))
    ]


def section(at: Setting, thing: Thing, *, rounds: int, seconds: int, rate: int = BESIDE) -> Section:
    measured = [measure(at, thing, seconds, rate) for _ in range(rounds)]
    alone, beside, fresh, cells, cpu = ([getattr(each, name) for each in measured] for name in Measured._fields[:5])
    wrong = sum(each.wrong for each in measured)
    rise = ratio(beside, alone)
    return Section(
        f"fresh cells: upstream {UPSTREAM_MS:.0f} ms + {PER_PLACE_MS:.0f} ms a place, {CONCURRENCY} calls at once",
        [
            f"p99 of {HITS_A_SECOND} hits a second, ms  {statistics.median(alone):8.1f} alone, "
            f"{statistics.median(beside):.1f} beside {rate} fresh cells a second: "
            f"× {rise.middle:.2f} ({rise.least:.2f}–{rise.most:.2f})",
            f"median of these fresh cells   {statistics.median(fresh):7.0f}   ms",
            f"distinct cells a second      {statistics.median(cells):8.0f}   ({min(cells):.0f}–{max(cells):.0f}), "
            f"{WAITING} phones waiting; {wrong} wrong answers",
            f"CPU ms of a fresh cell       {statistics.median(cpu):8.2f}   ({min(cpu):.2f}–{max(cpu):.2f}), "
            "of the instance",
        ],
        [
            Figure("fresh cells a second", statistics.median(cells), "higher", 400),
            Figure(f"hits' p99 beside {rate} fresh cells a second ÷ alone", rise.middle, "lower", 2),
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
    return traffic.mixed(traffic.WEATHER, traffic.fresh_cells(count, begin=1_500_000 + next(_mixes) * 1_000), EVERY)


def main() -> None:
    parser = standalone.parser(__doc__, seconds=6)
    parser.add_argument("--rate", type=int, default=BESIDE, help="fresh cells a second beside which hits are measured")
    options = parser.parse_args()
    wrk.require()
    with standalone.filled_setting() as at, instance(at) as thing:
        print(told(section(at, thing, rounds=options.rounds, seconds=options.seconds, rate=options.rate)))
        print(told(mix_section(at, thing, rounds=options.rounds, seconds=options.seconds)))


if __name__ == "__main__":
    main()
