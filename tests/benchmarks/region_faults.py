"""Three regions that lose their primary, a replica, a whole Redis or their only writer, with figures.

    python -m tests.benchmarks.region_faults [--seconds 4]

Each fault lasts some seconds, not the ten minutes or the hour that it may last: the service's own times, such as the
ten minutes of an answer, are no settings. What comes only with time is in `tests/regions`, which moves the clocks.
Two minutes; after three it ends itself.
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import requests

from tests.benchmarks.measuring import traffic
from tests.support.limits import LIFTED
from tests.support.processes.regions import ROUND_TRIPS_MS, Region, Regions, three_regions
from tests.support.servers import Instance, eventually
from weather.core.cells import Cell
from weather.simulator.server import OpenMeteoSimulator

UPSTREAM_MS = 50
#: Of the day: the stories leave a part of it, and the last is asked for more than that.
BUDGET = 640
HELD_CELLS = 40
#: Requests a second for held places in each region, and new places that each asks for in a story.
RATE, NEW = 20, 5
KEY = "budget:open-meteo"
_TIMEOUT_SECONDS = 15
_NOTICED_SECONDS = 2
_LONGEST_SECONDS = 178

_new = count()


@dataclass
class Fleet:
    """Three regions with an instance each, and the upstream that counts what they ask."""

    regions: Regions
    simulator: OpenMeteoSimulator
    instances: dict[str, Instance] = field(default_factory=dict)

    def counted(self) -> list[int]:
        """Cells asked of Open-Meteo; weight of the day by the primary, and by the own server of each region alone."""
        servers = [self.regions.primary, *(region.own for region in self.regions)]
        return [self.simulator.state()["cells"], *(int(one.client.hget(KEY, "day:spent") or 0) for one in servers)]


@contextmanager
def fleet(regions: Regions, simulator: OpenMeteoSimulator, folder: Path) -> Iterator[Fleet]:
    """Instances that have heard of each other and hold places for all."""
    servers = {"OPEN_METEO_URL": simulator.url, "OPEN_METEO_RUNS_URL": f"{simulator.url}/data", "FLEET_PROCESSES": 3}
    variables = LIFTED | servers | {"UPSTREAM_DAY_BUDGET": BUDGET}
    at = Fleet(regions, simulator)
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        begun = {region.name: pool.submit(region.instance, folder / region.name, **variables) for region in regions}
        at.instances = {name: stack.enter_context(one.result()) for name, one in begun.items()}
        for region in regions:
            ask_new(at, region, 1)
            for cell in traffic.cells(HELD_CELLS):
                _status(at, region, cell)
        yield at


def ask_new(at: Fleet, region: Region, number: int) -> Counter[int]:
    """Statuses of questions about places that nobody has asked for; 0 for one that was not answered."""
    cells = [traffic.fresh_cells(1, begin=next(_new))[0] for _ in range(number)]
    with ThreadPoolExecutor(16) as pool:
        return Counter(pool.map(lambda cell: _status(at, region, cell), cells))


def _status(at: Fleet, region: Region, cell: Cell) -> int:
    try:
        path = f"{traffic.WEATHER}?lat={cell.latitude}&lon={cell.longitude}"
        return at.instances[region.name].get(path, timeout=_TIMEOUT_SECONDS).status_code
    except requests.RequestException:
        return 0


class Watch:
    """Asks for held places in every region, `RATE` times a second, until it ends."""

    def __init__(self, at: Fleet) -> None:
        self.statuses: Counter[int] = Counter()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(at, region), daemon=True) for region in at.regions]
        for thread in self._threads:
            thread.start()

    def _ask(self, at: Fleet, region: Region) -> None:
        cells = traffic.cells(HELD_CELLS)
        for number in count():
            if self._ended.wait(1 / RATE):
                return
            self.statuses[_status(at, region, cells[number % len(cells)])] += 1

    def end(self) -> Counter[int]:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return self.statuses


@dataclass(frozen=True)
class Told:
    """What came of a story: requests for held places and for new ones, what was asked upstream and who counted it."""

    held: Counter[int]
    new: Counter[int]
    cells: int
    by_primary: int
    alone: list[int]
    recovered_seconds: float | None = None

    def line(self, name: str) -> str:
        held, new = self.held.total(), self.new.total()
        failed = held - self.held[200] + new - self.new[200] - self.new[503]
        recovered = "" if self.recovered_seconds is None else f"{self.recovered_seconds:.1f}"
        counted = f"{self.by_primary:9}{'/'.join(map(str, self.alone)):>10}{recovered:>8}"
        return f"{name:38}{held + new:6}{failed:8}{new:6}{self.new[503]:9}{self.cells:7}{counted}"


HEAD = f"""\
sent: for held places and for new ones. refused: new ones, for which there was no budget. cells: asked of Open-Meteo.
primary: counted there. alone: by a region's own, {", ".join(ROUND_TRIPS_MS)}. well: seconds after it was mended.
{"":38}{"sent":>6}{"failed":>8}{"new":>6}{"refused":>9}{"cells":>7}{"primary":>9}{"alone":>10}{"well":>8}"""

Step = Callable[[Fleet], object]


def story(at: Fleet, breaks: Step, mends: Step, *, seconds: float) -> Told:
    """Breaks something under load for some seconds, mends it, and waits until every region is well again."""
    before = at.counted()
    watch = Watch(at)
    began = time.monotonic()
    breaks(at)
    time.sleep(_NOTICED_SECONDS)
    with ThreadPoolExecutor() as pool:
        asked = sum(pool.map(lambda region: ask_new(at, region, NEW), at.regions), Counter())
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    mends(at)
    mended = time.monotonic()
    for region in at.regions:
        eventually(lambda: is_well(at, region), within_seconds=60, every_seconds=0.1)  # noqa: B023
    recovered = time.monotonic() - mended
    at.regions.wait_until_in_step()
    return told(at, before, watch.end(), asked, recovered)


def told(
    at: Fleet, before: list[int], held: Counter[int], new: Counter[int], recovered_seconds: float | None = None
) -> Told:
    """What came of what was asked, and what was counted since `before`."""
    cells, by_primary, *alone = (max(0, now - then) for now, then in zip(at.counted(), before, strict=True))
    return Told(held, new, cells, by_primary, alone, recovered_seconds)


def is_well(at: Fleet, region: Region) -> bool:
    """Whether a region says that nothing is away, and what it fetches comes to the primary."""
    if at.instances[region.name].get("/health").json()["status"] != "ok":
        return False
    cell = traffic.fresh_cells(1, begin=next(_new))[0]
    return _status(at, region, cell) == 200 and bool(at.regions.primary.client.exists(f"upstream:{cell.key}"))


def start(at: Fleet, name: str = "far") -> None:
    """Starts what has ended of a region's servers; that of the records follows the writer."""
    at.regions[name].own.revive()
    at.regions[name].records.revive()
    at.regions.return_as_replica(name)


def heal(at: Fleet) -> None:
    at.regions.heal()


def one_writer_again(at: Fleet) -> None:
    """The region that kept the old primary is led to the new one, which its server follows."""
    at.regions.lead_to_writer(at.regions["home"])
    at.regions.return_as_replica("home")


def promote_and_return(at: Fleet) -> None:
    """Another region writes, and the old primary comes back as its replica."""
    old = at.regions.writer.name
    at.regions.promote("farthest", old_returns=False)
    start(at, old)


def in_far(work: Callable[[Region], object]) -> Step:
    """A step in one of the regions that have a replica."""
    return lambda at: work(at.regions["far"])


STORIES: dict[str, tuple[Step, Step]] = {
    "a region without the primary": (in_far(Region.cut_off), heal),
    "all regions without the primary": (lambda at: at.regions.cut_off(), heal),
    "a replica that lags": (in_far(lambda far: far.replication.hold_replies()), heal),
    "a replica gone": (in_far(lambda far: far.records.kill()), start),
    "a region's whole Redis gone": (in_far(Region.lose_servers), start),
    "two writers": (lambda at: at.regions.promote_beside("far"), one_writer_again),
    "the writer moved": (lambda at: at.regions.promote("home"), lambda at: None),
    "the primary gone, a replica promoted": (lambda at: at.regions.primary.kill(), promote_and_return),
}


def wall(at: Fleet) -> Told:
    """All regions are cut off when the budget is spent but for their parts, and all ask for more."""
    before = at.counted()
    asked = ask_new(at, at.regions.writer, BUDGET - before[1])
    at.regions.cut_off()
    for region in at.regions:
        asked += ask_new(at, region, 2 * NEW)
    return told(at, before, Counter(), asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4, help="that each fault lasts")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("three minutes are over"))
    signal.alarm(_LONGEST_SECONDS)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        regions = stack.enter_context(three_regions(folder / "regions"))
        simulator = stack.enter_context(OpenMeteoSimulator(base_ms=UPSTREAM_MS, per_place_ms=0, unlimited=True))
        print(f"Each fault lasts {options.seconds:g} s, not minutes or hours.\n{HEAD}", flush=True)
        at = stack.enter_context(fleet(regions, simulator, folder))
        for title, (breaks, mends) in STORIES.items():
            print(story(at, breaks, mends, seconds=options.seconds).line(title), flush=True)
        print(wall(at).line("all cut off, and asked for more"), flush=True)
        print(f"In all {simulator.state()['cells']} cells, of a budget of {BUDGET} and what two writers spent twice.")


if __name__ == "__main__":
    main()
