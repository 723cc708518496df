"""Three regions beside one: what a phone waits, what Open-Meteo is asked, and what replication carries.

    python -m tests.benchmarks.regions [--rounds 3] [--seconds 4] [--requests 4000]

All on this machine: the lines to the primary take 40 and 80 ms there and back, Open-Meteo 300 ms. Two minutes.
"""

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import requests

from tests.benchmarks.measuring import standalone, traffic
from tests.benchmarks.measuring.figures import Figure, targets
from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.support.limits import LIFTED
from tests.support.load import Ask, Load
from tests.support.processes.regions import ROUND_TRIPS_MS, Regions, three_regions
from tests.support.servers import Instance, Valkey, eventually
from weather.core.cells import Cell
from weather.simulator.server import OpenMeteoSimulator

UPSTREAM_MS = 300
ALONE = "one region"
#: Requests a second of the warm load: far from what an instance can do, so that it is the region that is measured.
RATE = 100
WARM_CELLS = 100
COLD_CELLS = 20
_IDLE_SECONDS = 15
#: Refreshes and cold cells a day: the plan's 2,000 cells with the free plan, the world's 35,000 with a small paid one.
WORLDS = {"the plan, 10,000 calls a day": 10_000, "the world, 33,000": 33_000, "the world, 165,000": 165_000}


@dataclass
class Setting:
    """The regions, a server of its own for the region alone, and an instance of each by name."""

    regions: Regions
    alone: Valkey
    simulator: OpenMeteoSimulator
    instances: dict[str, Instance] = field(default_factory=dict)

    @property
    def written_bytes(self) -> int:
        """What the primary has sent to each replica so far."""
        return int(self.regions.primary.client.info("replication")["master_repl_offset"])


def started(stack: ExitStack, folder: Path) -> Setting:
    """Everything, for as long as the stack is open."""
    regions = stack.enter_context(three_regions(folder / "regions"))
    alone = Valkey(folder / "alone")
    stack.callback(alone.stop)
    simulator = OpenMeteoSimulator(base_ms=UPSTREAM_MS, per_place_ms=0, unlimited=True)
    simulator.start()
    stack.callback(simulator.stop)
    at = Setting(regions, alone, simulator)
    common = LIFTED | {"OPEN_METEO_URL": simulator.url, "OPEN_METEO_RUNS_URL": f"{simulator.url}/data", "WORKERS": 1}
    environments = {ALONE: {"REDIS_URL": alone.url}, **{region.name: region.environment for region in regions}}
    for name, environment in environments.items():
        at.instances[name] = stack.enter_context(Instance(folder / name.replace(" ", "-"), **common | environment))
    return at


def path(cell: Cell) -> str:
    return f"{traffic.WEATHER}?lat={cell.latitude}&lon={cell.longitude}"


# ── warm ──────────────────────────────────────────────────────────────────────────────────────────


def warm(at: Setting, *, rounds: int, seconds: int) -> Iterator[str | Figure]:
    """p50 and p99 of cached answers in each region, by turns."""
    asks = [Ask(path(cell), f"phone-{number}") for number, cell in enumerate(traffic.cells(WARM_CELLS))]
    for instance in at.instances.values():
        for ask in asks:
            instance.get(ask.path).raise_for_status()

    def one(name: str, number: int) -> tuple[float, float, int]:
        with Load(at.instances[name].base, asks, rate=RATE, seconds=seconds, processes=1) as load:
            answers = load.answers()
        return answers.latency_ms(0.5), answers.latency_ms(), answers.failures()

    names = list(at.instances)
    measured = dict(zip(names, in_rounds(names, one, rounds), strict=True))
    yield f"{'warm, ms':12}{'p50':>8}{'p99':>8}{'failed':>8}"
    for name, found in measured.items():
        p50, p99, failed = (list(column) for column in zip(*found, strict=True))
        yield f"{name:12}{median(p50):8.1f}{median(p99):8.1f}{sum(failed):8}"
    for column, share in ((0, "p50"), (1, "p99")):
        ours, ours_alone = ([one[column] for one in measured[name]] for name in ("farthest", ALONE))
        yield Figure(f"warm {share} in the farthest ÷ {ALONE}'s", ratio(ours, ours_alone).middle, "lower", 1.1)


# ── cold ──────────────────────────────────────────────────────────────────────────────────────────


def cold(at: Setting) -> Iterator[str]:
    """A new cell in each region, and how long after its answer every other region has it."""
    for number, (name, instance) in enumerate(at.instances.items()):
        took, seen = [], []
        for cell in traffic.fresh_cells(COLD_CELLS, begin=number * COLD_CELLS):
            began = time.perf_counter()
            instance.get(path(cell)).raise_for_status()
            answered = time.perf_counter()
            took.append((answered - began) * 1000)
            if name != ALONE:
                everywhere = [region.records.client for region in at.regions]
                key = f"upstream:{cell.key}"
                eventually(lambda: all(one.exists(key) for one in everywhere), every_seconds=0.001)  # noqa: B023
                seen.append((time.perf_counter() - answered) * 1000)
        found = f", held in all regions {median(seen):.0f} ms later ({max(seen):.0f} at most)" if seen else ""
        yield f"a new cell in {name}: {median(took):.0f} ms, of which Open-Meteo {UPSTREAM_MS}{found}"


# ── calls, and bytes ──────────────────────────────────────────────────────────────────────────────


def asked(number: int, seed: int = 5) -> list[tuple[str, int]]:
    """Pairs (path, which third of the users): cells of the plan, the popular ones more often, from nothing held."""
    chance = random.Random(seed)
    cells = traffic.cells()
    weights = [1 / rank for rank in range(1, len(cells) + 1)]
    return [(path(cell), chance.randrange(3)) for cell in chance.choices(cells, weights, k=number)]


def spend(at: Setting, names: Sequence[str], questions: Sequence[tuple[str, int]]) -> tuple[int, int, int]:
    """Cells asked for and calls made upstream for the same questions, and those that failed, by these instances."""
    at.simulator.reset()
    at.simulator.settings(base_ms=UPSTREAM_MS)

    def one(question: tuple[str, int]) -> bool:
        url, third = question
        base = at.instances[names[third % len(names)]].base
        with requests.Session() as phone:
            return any(phone.get(base + url, timeout=20).ok for _ in range(4))

    with ThreadPoolExecutor(16) as pool:
        failed = list(pool.map(one, questions)).count(False)
    told = at.simulator.state()
    return told["cells"], told["calls"], failed


def calls(at: Setting, number: int) -> Iterator[str | Figure]:
    """An hour's new cells, asked for in a minute in three regions and in one."""
    questions = asked(number)
    distinct = len({url for url, _ in questions})
    before = at.written_bytes
    several = spend(at, list(ROUND_TRIPS_MS), questions)
    at.regions.wait_until_in_step()
    written = at.written_bytes - before
    single = spend(at, [ALONE], questions)
    for what, (cells, made, failed) in (("three regions", several), (ALONE, single)):
        yield f"{number:,} requests, {distinct:,} cells, in {what}: {cells:,} cells in {made:,} calls, {failed} failed"
    yield Figure("cells asked for by three regions ÷ by one", several[0] / single[0], "lower", 1.02)
    yield from replication(at, written / several[0])


def replication(at: Setting, bytes_a_refresh: float) -> Iterator[str]:
    """What replication to one region carries in a day."""
    before = at.written_bytes
    time.sleep(_IDLE_SECONDS)
    idle_a_second = (at.written_bytes - before) / _IDLE_SECONDS
    yield f"replication: {bytes_a_refresh:,.0f} bytes a refresh with its requests, {idle_a_second:,.0f} a second idle"
    for name, refreshes in WORLDS.items():
        yield f"replication to one region in a day, {name}: {a_day(bytes_a_refresh, idle_a_second, refreshes):,.0f} MB"


def a_day(bytes_a_refresh: float, idle_a_second: float, refreshes: int) -> float:
    """MB that one replica is sent in a day."""
    return (bytes_a_refresh * refreshes + idle_a_second * 86_400) / 1e6


def main() -> None:
    parser = standalone.parser(__doc__, seconds=4)
    parser.add_argument("--requests", type=int, default=4_000, help="of the hour that is compared")
    options = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        at = started(stack, Path(folder))
        # The calls first: nothing may be held.
        for part in (calls(at, options.requests), cold(at), warm(at, rounds=options.rounds, seconds=options.seconds)):
            for told in part:
                if isinstance(told, Figure):
                    figures.append(told)
                else:
                    print(told, flush=True)
    print("\n".join(targets(figures)))


if __name__ == "__main__":
    main()
