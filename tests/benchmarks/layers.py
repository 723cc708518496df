"""What each layer of a cached request costs: CPU time, measured by running the service with one layer after another.

    python -m tests.benchmarks.layers [--rounds 3] [--seconds 3]

One worker of the instance's own server, with all below the layer and nothing above it; the difference to the row
above is the layer's own.
"""

import statistics
from collections import Counter
from contextlib import ExitStack

from tests.benchmarks.measuring import processes, standalone, things, traffic, wrk
from tests.benchmarks.measuring.figures import Figure, Section, told
from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.benchmarks.measuring.things import Setting, Thing
from tests.benchmarks.peers.layered import BARE, LAYERS

SAYS = {
    "server": "granian and a callable",
    "Django": "its handler, the service's middleware, a view",
    "DRF": "a viewset of the service's base",
    "throttle": "client, hash, limit, its headers",
    "answer": "query, cell, answer, its headers",
    "Redis": "the round trip",
    "metrics": "counted behind the request",
    "log": "a line for each request",
}
#: Enough that the most popular cells' replies are remembered.
_WARM_SECONDS = 2
#: Few for one worker: what waits in line longer than Redis may take would look like a Redis that is down.
_CONNECTIONS = 8


def section(at: Setting, *, rounds: int, seconds: int) -> Section:
    requests = traffic.write(at.folder / "layers.txt", traffic.cached(traffic.WEATHER, seed=9))
    with ExitStack() as stack:
        running = [stack.enter_context(_started(at, layer)) for layer in [*LAYERS, BARE]]
        for thing in running:
            wrk.run(thing.base, requests, _WARM_SECONDS, connections=_CONNECTIONS)
        order = {thing.name: number for number, thing in enumerate(running)}

        wrong: Counter[str] = Counter()

        def one(thing: Thing, number: int) -> float:
            before = processes.cpu_seconds(thing.pid)
            begin = (number + order[thing.name] / len(running)) / rounds
            run = wrk.run(thing.base, requests, seconds, begin=begin, connections=_CONNECTIONS)
            wrong[thing.name] += run.unwanted + run.failed
            return (processes.cpu_seconds(thing.pid) - before) / run.requests * 1e6

        measured = in_rounds(running, one, rounds)
    return _table(dict(zip(order, measured, strict=True)), wrong, rounds)


def _started(at: Setting, layer: str):
    command = things.like_an_instance("tests.benchmarks.peers.layered:application", workers=1)
    folder = at.folder / f"layer-{layer}"
    (folder / "metrics").mkdir(parents=True)
    variables = {"LAYER": layer, "PROMETHEUS_MULTIPROC_DIR": folder / "metrics", "OPEN_METEO_URL": at.simulator.url}
    return things.peer(at, layer, command, workers=1, **variables)


def _table(measured: dict[str, list[float]], wrong: Counter[str], rounds: int) -> Section:
    lines, before = [f"{'CPU µs a request':24}{'with it':>9}{'its own':>9}{'share':>8}{'wrong':>7}"], 0.0
    middle = {layer: statistics.median(costs) for layer, costs in measured.items()}
    whole = middle[LAYERS[-1]]
    for layer in LAYERS:
        cost = middle[layer]
        own = cost - before
        lines.append(f"{layer:24}{cost:9.1f}{own:9.1f}{own / whole:8.0%}{wrong[layer]:7}   {SAYS[layer]}")
        before = cost
    times = ratio(measured[LAYERS[-1]], measured[BARE]).middle
    lines.append(f"{'(a bare Django view':24}{middle[BARE]:9.1f}          whole ÷ this {times:.2f})")
    figures = [Figure("CPU of a cached request ÷ bare Django view, one worker", times, "lower")]
    return Section(f"layers of a cached /weather, one worker, {rounds} rounds", lines, figures)


def main() -> None:
    options = standalone.parser(__doc__, seconds=3).parse_args()
    wrk.require()
    with standalone.filled_setting() as at:
        print(told(section(at, rounds=options.rounds, seconds=options.seconds)))


if __name__ == "__main__":
    main()
