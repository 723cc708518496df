"""Cached answers at an instance and at its peers, one after the other in rounds.

    python -m tests.benchmarks.cached [--route weather] [--rounds 3] [--seconds 4] [--only instance "FastAPI, tuned"]

Over 2,000 cells and 100,000 clients, each of which may ask 60 times a minute. Prints requests a second, CPU time for
each request of the server and of Redis, and ratios to the instance.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import requests as http

from tests.benchmarks.measuring import processes, records, standalone, things, traffic, wrk
from tests.benchmarks.measuring.figures import Figure, Section, targets, told
from tests.benchmarks.measuring.rounds import in_rounds, medians, ratio
from tests.benchmarks.measuring.things import Setting, Thing

ROUTES = {"weather": traffic.WEATHER, "forecast": traffic.FORECAST}
OURS = "instance"
_BYPASSED = "weathernote_rate_limit_bypassed_total"
#: The least that an instance is to reach of a peer's requests a second on /weather.
TARGETS = {"FastAPI, usual": 1.3, "FastAPI, tuned": 1.1, "bare Django view": 0.35}
#: A load before the first round: connections, compiled scripts, branches that the interpreter has specialised.
WARM_SECONDS = 1


class Measured(NamedTuple):
    """Of one thing in one round."""

    a_second: float
    cpu_us: float  # of the server, for each request
    redis_us: float
    p99_ms: float
    wrong: int  # answers of 400 and more, and those that never came
    uncounted: int  # of the instance: requests that passed without Redis


def uncounted(thing: Thing) -> int:
    """How many requests an instance has let pass so far without counting them in Redis; 0 of a peer."""
    if not thing.name.startswith(OURS):
        return 0
    told = http.get(f"{thing.base}/metrics", timeout=10).text
    return sum(int(float(line.split()[-1])) for line in told.splitlines() if line.startswith(_BYPASSED))


def measure(at: Setting, thing: Thing, requests: Path, seconds: float, begin: float) -> Measured:
    passed = uncounted(thing)
    before = processes.cpu_seconds(thing.pid), processes.cpu_seconds(at.valkey.pid)
    run = wrk.run(thing.base, requests, seconds, begin=begin)
    after = processes.cpu_seconds(thing.pid), processes.cpu_seconds(at.valkey.pid)
    cpu_us, redis_us = ((late - early) / run.requests * 1e6 for early, late in zip(before, after, strict=True))
    return Measured(run.a_second, cpu_us, redis_us, run.p99_ms, run.unwanted + run.failed, uncounted(thing) - passed)


def compare(
    at: Setting, running: Sequence[Thing], route: str, *, rounds: int, seconds: float, warm_seconds: int = WARM_SECONDS
) -> dict[str, list[Measured]]:
    """All of them in rounds, with one traffic; its clients go on where the round before ended."""
    requests = traffic.write(at.folder / f"{route}.txt", traffic.cached(ROUTES[route]))
    records.keep(traffic.cells())
    for thing in running:
        wrk.run(thing.base, requests, warm_seconds, begin=0.9)
    turns = len(running) * rounds
    order = {thing.name: at for at, thing in enumerate(running)}

    def one(thing: Thing, number: int) -> Measured:
        return measure(at, thing, requests, seconds, (number * len(running) + order[thing.name]) / turns)

    return dict(zip(order, in_rounds(running, one, rounds), strict=True))


def lines(measured: dict[str, list[Measured]], ours: str = OURS) -> list[str]:
    """The table: medians, and for requests a second and CPU time how many times the peer's ours is."""
    head = f"{'':24}{'req/s':>9}{'CPU µs':>9}{'Redis µs':>10}{'p99 ms':>8}{'wrong':>7}{'uncounted':>11}"
    out = [f"{head}   {ours} ÷ this: req/s (least–most), CPU"]
    for name, rounds in measured.items():
        columns = {field: [getattr(each, field) for each in rounds] for field in Measured._fields}
        middle = medians(columns)
        row = f"{name:24}{middle['a_second']:9,.0f}{middle['cpu_us']:9.0f}{middle['redis_us']:10.1f}"
        row += f"{middle['p99_ms']:8.1f}{sum(columns['wrong']):7.0f}{sum(columns['uncounted']):11.0f}"
        if ours in measured and name != ours:
            fast = ratio([each.a_second for each in measured[ours]], columns["a_second"])
            cpu = ratio([each.cpu_us for each in measured[ours]], columns["cpu_us"])
            row += f"   {fast.middle:.2f} ({fast.least:.2f}–{fast.most:.2f}), {cpu.middle:.2f}"
        out.append(row)
    return out


def section(route: str, measured: dict[str, list[Measured]]) -> Section:
    """With the figures that have a target, and those that are steady: ratios of CPU time."""
    ours = {field: [getattr(each, field) for each in measured[OURS]] for field in Measured._fields}
    figures = []
    for name, rounds in measured.items():
        if name == OURS:
            continue
        fast = ratio(ours["a_second"], [each.a_second for each in rounds]).middle
        thrifty = ratio([each.cpu_us for each in rounds], ours["cpu_us"]).middle
        target = TARGETS.get(name) if route == "weather" else None
        figures.append(Figure(f"cached /{route}, req/s ÷ {name}", fast, "higher", target))
        # Where others run on the same cores, a second is worth more to whoever has more threads; CPU time is not.
        figures.append(Figure(f"cached /{route}, req per CPU second ÷ {name}", thrifty, "higher", target, kept=True))
    figures.append(Figure(f"cached /{route}, wrong answers", sum(ours["wrong"]), "lower", 0))
    figures.append(Figure(f"cached /{route}, not counted in Redis", sum(ours["uncounted"]), "lower", 0))
    return Section(f"cached /{route}: {traffic.CELLS:,} cells, {traffic.CLIENTS:,} clients", lines(measured), figures)


def main() -> None:
    parser = standalone.parser(__doc__, seconds=4)
    parser.add_argument("--route", choices=ROUTES, default="weather")
    parser.add_argument("--only", nargs="+", default=[OURS, *things.PEERS], help="instance, and peers by their names")
    options = parser.parse_args()
    wrk.require()
    with ExitStack() as stack:
        at = stack.enter_context(standalone.filled_setting(1))
        running = [
            stack.enter_context(things.instance(at) if name == OURS else things.peer(at, name)) for name in options.only
        ]
        measured = compare(at, running, options.route, rounds=options.rounds, seconds=options.seconds)
        if OURS not in measured:
            print("\n".join(lines(measured)))
            return
        found = section(options.route, measured)
        print(told(found) + "\n".join(targets(found.figures)))


if __name__ == "__main__":
    main()
