"""Air quality beside weather at an instance: cached answers, and a new cell that is asked for both.

    python -m tests.benchmarks.air_quality [--rounds 3] [--seconds 4]

The same 2,000 cells and 100,000 clients ask the same instance by turns. Then 100 new cells are asked for one after the
other, each for weather and air quality at once, as a phone does.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter

import requests

from tests.benchmarks import cached
from tests.benchmarks.measuring import records, standalone, things, traffic, wrk
from tests.benchmarks.measuring.rounds import in_rounds
from tests.benchmarks.measuring.things import Setting, Thing
from tests.support.limits import LIFTED

ROUTES = (traffic.WEATHER, "/api/v1/air-quality")
PLACES_IN_A_CALL = 20
NEW_CELLS = 100
#: What Open-Meteo takes to answer, more or less.
UPSTREAM_MS = 300


def fill(thing: Thing) -> None:
    """Has the air quality of all cells fetched, and their answers kept."""
    cells = traffic.cells()
    for begin in range(0, len(cells), PLACES_IN_A_CALL):
        some = cells[begin : begin + PLACES_IN_A_CALL]
        lats, lons = (",".join(f"{getattr(cell, name)}" for cell in some) for name in ("latitude", "longitude"))
        requests.get(f"{thing.base}{ROUTES[1]}?lat={lats}&lon={lons}", timeout=30).raise_for_status()


def compare(at: Setting, thing: Thing, *, rounds: int, seconds: float) -> dict[str, list[cached.Measured]]:
    """Each route at the same server in rounds; clients go on where the round before ended."""
    files = {
        route: traffic.write(at.folder / f"{number}.txt", traffic.cached(route)) for number, route in enumerate(ROUTES)
    }
    records.keep(traffic.cells())
    fill(thing)
    for file in files.values():
        wrk.run(thing.base, file, 4, begin=0.9)

    def one(route: str, number: int) -> cached.Measured:
        begin = (number * len(ROUTES) + ROUTES.index(route)) / (rounds * len(ROUTES))
        return cached.measure(at, thing, files[route], seconds, begin)

    return dict(zip(ROUTES, in_rounds(ROUTES, one, rounds), strict=True))


def new_cells(at: Setting, thing: Thing, routes: Sequence[str]) -> Iterator[str]:
    """How long both answers of a new cell take, and what they cost upstream."""
    at.simulator.settings(base_ms=UPSTREAM_MS)
    before = at.simulator.state()["calls"]
    took = []
    begin = NEW_CELLS * len(routes)  # cells that the other routes have not asked for
    with ThreadPoolExecutor(len(routes)) as pool:
        for cell in traffic.fresh_cells(NEW_CELLS, begin):
            urls = [f"{thing.base}{route}?lat={cell.latitude}&lon={cell.longitude}" for route in routes]
            began = perf_counter()
            for answer in pool.map(requests.get, urls):
                answer.raise_for_status()
            took.append((perf_counter() - began) * 1000)
    calls = (at.simulator.state()["calls"] - before) / NEW_CELLS
    yield f"a new cell, {' and '.join(routes)}: {median(took):.0f} ms, {calls:.1f} calls of {UPSTREAM_MS} ms"


def main() -> None:
    options = standalone.parser(__doc__, seconds=4).parse_args()
    wrk.require()
    with standalone.filled_setting(1) as at, things.instance(at, "instance", **LIFTED) as thing:
        measured = compare(at, thing, rounds=options.rounds, seconds=options.seconds)
        print("\n".join(cached.lines(measured, ours=ROUTES[1])))
        for routes in (ROUTES[:1], ROUTES):
            print("\n".join(new_cells(at, thing, routes)))


if __name__ == "__main__":
    main()
