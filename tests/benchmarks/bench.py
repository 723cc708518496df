"""`make bench`: the service and its peers on the same machine, one after the other in rounds.

    python -m tests.benchmarks.bench [--rounds 3] [--quick] [--keep] [--only cached latency …]

Prints medians and ratios, and which targets are reached. `--quick` takes a few of the benchmarks, compares their
steady figures, ratios to peers of the same run, with baseline.json and ends with 1 where one got worse by more than
10 %; `--keep` writes that file.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import cached, connections, edge, footprint, fresh, latency, layers, openmeteo_api, redis_share
from tests.benchmarks.measuring import baseline, records, things, traffic, wrk
from tests.benchmarks.measuring.figures import Figure, Section, targets, told
from tests.benchmarks.measuring.things import Setting


class Plan(NamedTuple):
    """How long each part goes on; seconds are those of one load."""

    rounds: int
    cached_seconds: int
    routes: tuple[str, ...]
    latency_rounds: int
    latency_seconds: int
    footprint_rounds: int
    other_seconds: int
    peers: tuple[str, ...]
    latency_peers: tuple[str, ...]


WHOLE = Plan(
    rounds=3,
    cached_seconds=4,
    routes=("weather", "forecast"),
    latency_rounds=3,
    latency_seconds=5,
    footprint_rounds=3,
    other_seconds=4,
    peers=tuple(things.PEERS),
    latency_peers=("FastAPI, tuned", "bare WSGI"),
)
QUICK = WHOLE._replace(
    cached_seconds=2,
    routes=("weather",),
    latency_rounds=1,
    latency_seconds=4,
    footprint_rounds=1,
    other_seconds=3,
    peers=("FastAPI, usual", "FastAPI, tuned", "bare Django view"),
    latency_peers=("bare Django view",),
)

#: Above it the machine was at work before the benchmarks began.
_CALM_LOAD = 0.5

Part = Callable[[Setting, Plan], Iterator[Section]]


def cached_part(at: Setting, plan: Plan) -> Iterator[Section]:
    """/weather against all peers, /forecast against FastAPI's two, then 1,000 requests a second."""
    with ExitStack() as stack:
        started = {cached.OURS: stack.enter_context(things.instance(at))}
        started |= {name: stack.enter_context(things.peer(at, name)) for name in plan.peers}
        weather = cached.compare(at, list(started.values()), "weather", rounds=plan.rounds, seconds=plan.cached_seconds)
        yield cached.section("weather", weather)
        fast = {name: weather[name] for name in plan.peers if name.startswith("FastAPI")}
        yield redis_share.cpu_section(weather[cached.OURS], fast)
        if "forecast" in plan.routes:
            running = [started[name] for name in (cached.OURS, *fast)]
            forecast = cached.compare(at, running, "forecast", rounds=plan.rounds, seconds=plan.cached_seconds)
            yield cached.section("forecast", forecast)
        running = [started[name] for name in (cached.OURS, *plan.latency_peers)]
        yield latency.section(running, rate=latency.RATE, rounds=plan.latency_rounds, seconds=plan.latency_seconds)


def edge_part(at: Setting, plan: Plan) -> Iterator[Section]:
    records.keep(traffic.cells())
    yield edge.section(at, rounds=plan.rounds, seconds=plan.cached_seconds)


def openmeteo_part(at: Setting, plan: Plan) -> Iterator[Section]:
    """Open-Meteo's own question beside /api/v1/forecast, at an instance and at the edge."""
    yield openmeteo_api.instance_section(at, rounds=plan.rounds, seconds=plan.cached_seconds)
    yield openmeteo_api.edge_section(at, rounds=plan.rounds, seconds=plan.cached_seconds)


def fresh_part(at: Setting, plan: Plan) -> Iterator[Section]:
    records.keep(traffic.cells())
    with fresh.instance(at) as thing:
        yield fresh.section(at, thing, rounds=plan.rounds, seconds=plan.other_seconds)
        yield fresh.mix_section(at, thing, rounds=plan.rounds, seconds=plan.other_seconds)


def connections_part(at: Setting, plan: Plan) -> Iterator[Section]:
    records.keep(traffic.cells())
    with connections.many_files(connections.CONNECTIONS), things.instance(at, "instance-of-many") as thing:
        yield connections.section(thing)


def footprint_part(at: Setting, plan: Plan) -> Iterator[Section]:
    records.keep(traffic.cells())
    yield footprint.section(at, rounds=plan.footprint_rounds, seconds=plan.other_seconds)


def layers_part(at: Setting, plan: Plan) -> Iterator[Section]:
    records.keep(traffic.cells())
    yield layers.section(at, rounds=plan.rounds, seconds=3)


def bytes_part(at: Setting, plan: Plan) -> Iterator[Section]:
    yield redis_share.bytes_section(at.folder)
    records.set_up(at.valkey)


PARTS: dict[str, Part] = {
    "cached": cached_part,
    "edge": edge_part,
    "openmeteo": openmeteo_part,
    "fresh": fresh_part,
    "connections": connections_part,
    "footprint": footprint_part,
    "bytes": bytes_part,
    "layers": layers_part,
}
QUICK_PARTS = ("cached", "footprint", "bytes")


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    load = " ".join(f"{part:.1f}" for part in os.getloadavg())
    what = f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GB, Python {platform.python_version()}"
    busy = "\nOthers run on these cores: trust what is said of CPU time more than of seconds."
    return f"{what}; load before: {load}{busy if os.getloadavg()[0] > _CALM_LOAD else ''}"


def run(plan: Plan, parts: list[str]) -> list[Figure]:
    """Runs the parts, prints each as it ends, and gives their figures."""
    figures: list[Figure] = []
    for name in parts:
        # A folder, a Redis and a simulator of its own: nothing of one part is left in another.
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weathernote-bench-")))
            at = stack.enter_context(things.setting(folder))
            records.set_up(at.valkey)
            records.keep(traffic.cells(1))
            for section in PARTS[name](at, plan):
                print(told(section), flush=True)
                figures += section.figures
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="under two minutes, compared with baseline.json")
    parser.add_argument("--keep", action="store_true", help="write this run's steady figures to baseline.json")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts alone")
    options = parser.parse_args()
    wrk.require()
    plan = QUICK if options.quick else WHOLE
    if options.rounds:
        plan = plan._replace(rounds=options.rounds, latency_rounds=options.rounds, footprint_rounds=options.rounds)
    began = time.monotonic()
    print(machine(), flush=True)
    figures = run(plan, options.only or list(QUICK_PARTS if options.quick else PARTS))
    print("\n".join(["── targets ──", *targets(figures), ""]))
    before = baseline.read()
    if options.only:  # what other parts measure is not missed
        before = {figure.name: before[figure.name] for figure in figures if figure.name in before}
    worse = _compare(figures, before, keep=options.keep) if options.quick or options.keep else False
    print(f"Took {time.monotonic() - began:.0f} s; load after: {os.getloadavg()[0]:.1f}")
    sys.exit(1 if worse else 0)


def _compare(figures: list[Figure], before: dict[str, float], *, keep: bool) -> bool:
    lines, worse = baseline.compared(figures, before)
    print("\n".join(["── since baseline.json ──", *lines, ""]))
    if keep:
        baseline.keep(figures)
        return False
    return worse


if __name__ == "__main__":
    main()
