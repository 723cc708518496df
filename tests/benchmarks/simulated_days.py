"""Days of a world, lived through by services side by side: one for each budget and rule, on the same requests."""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.plain_caches import Plain, no_cache, plain_cache
from tests.benchmarks.simulated_service import Rule, Seen, SimulatedService, even_rule, square_root_rule
from tests.benchmarks.simulated_users import DAY, Array, Traffic, Whole, World, make_day, make_world
from tests.support.clocks import ClockOf
from tests.support.servers import Valkey
from weather.budget.budget import Budget
from weather.budget.popularity import Popularity
from weather.budget.price import Price
from weather.core import datasets, freshness
from weather.core.freshness import Demand

#: The free service's windows; a larger plan's are larger in proportion.
FREE = {"minute": 600, "hour": 5_000, "day": 10_000}
WINDOWS = {"minute": 60, "hour": 3600, "day": DAY}

STEP_SECONDS = 60
#: Every few seconds in the service; at 14,000 requests in between, that makes no difference to rates.
FLUSH_SECONDS = 300
#: Every minute in the service; it hardly moves in ten.
PRICE_SECONDS = 600

RULES = ("square root", "even", "edge, counts", "edge, no counts", "reference")


@dataclass(frozen=True)
class Scale:
    """How large the simulation is; `part` shrinks people, requests, places and budgets alike."""

    people: int = 500_000
    requests: int = 4_000_000
    scatter: float = 1.0
    warm_up_days: int = 1
    part: float = 1.0


@dataclass(frozen=True)
class Job:
    """A world, and the services (budget, rule) that live in it."""

    world: str
    seed: int
    services: Sequence[tuple[int, str]]
    scale: Scale
    baselines: bool = False


@dataclass
class Row:
    """What one service came to on the last day; `passed` names the windows that were overspent on any."""

    budget: int
    rule: str
    seen: Seen
    passed: list[str]


@dataclass
class Result:
    job: Job
    cells: int
    rows: list[Row]
    plain: dict[str, Plain]
    took_seconds: float


class Clock:
    """The virtual time that the services' budgets and popularity go by."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """Popularity, kept in a real server, and the rates that a fleet reads there."""

    def __init__(self, name: str, world: World, clock: Clock) -> None:
        self.popularity = Popularity(f"popularity:{name}", clock=ClockOf(clock))
        self.world = world
        self.rates = np.zeros(len(world.cells))
        self._index = {cell: at for at, cell in enumerate(world.cells)}
        self._seen = np.zeros(len(world.cells), dtype=np.int64)

    def saw(self, cells: Whole) -> None:
        self._seen += np.bincount(cells, minlength=len(self._seen))

    def flush(self) -> None:
        for at in np.flatnonzero(self._seen):
            self.popularity.record(self.world.cells[at], int(self._seen[at]))
        self._seen[:] = 0
        self.popularity.flush()

    def read(self) -> None:
        for start in range(0, len(self.rates), 5_000):
            for cell, rate in self.popularity.rates(self.world.cells[start : start + 5_000]).items():
                self.rates[self._index[cell]] = rate


@dataclass
class Living:
    """A service in its world, with what it knows of its cells; a reference knows everything and needs none."""

    budget_size: int
    rule: str
    service: SimulatedService
    counted: Counted | None
    price: Price | None


def run(job: Job) -> Result:
    """Starts a server of its own, so that jobs can run beside each other."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    from django.conf import settings

    cache: Any = settings.CACHES["default"]
    with tempfile.TemporaryDirectory() as folder:
        valkey = Valkey(Path(folder))
        cache["LOCATION"] = [valkey.url]
        cache["OPTIONS"]["SOCKET_TIMEOUT"] = 60  # nobody waits here
        try:
            return lived(job)
        finally:
            valkey.stop()


def lived(job: Job) -> Result:
    """The job's days, before the server that the settings name."""
    began, scale = time.perf_counter(), job.scale
    world = make_world(
        job.world,
        int(scale.people * scale.part),
        np.random.default_rng((job.seed, 0)),
        scatter=scale.scatter,
        part=scale.part,
    )
    days = [
        make_day(world, at, int(scale.requests * scale.part), np.random.default_rng((job.seed, 1 + at)))
        for at in range(scale.warm_up_days + 1)
    ]
    clock = Clock()
    clock.now = days[0].start
    everywhere, behind = Counted("cells", world, clock), Counted("behind-the-edge", world, clock)
    true_rates = np.bincount(days[-1].cell, minlength=len(world.cells)) / DAY
    fleet: list[Living] = []
    for size, rule in job.services:
        counted = behind if rule == "edge, no counts" else everywhere
        fleet.append(_living(world, size, rule, counted, clock, true_rates))
    counts = [everywhere, behind] if any(living.counted is behind for living in fleet) else [everywhere]
    for day in days:
        for living in fleet:
            living.service.seen = Seen()
        _live(day, fleet, counts, clock)
    rows = [Row(living.budget_size, living.rule, living.service.seen, _passed(living)) for living in fleet]
    plain = _plain(days[-1], world, int(FREE["day"] * scale.part)) if job.baselines else {}
    return Result(job, len(world.cells), rows, plain, time.perf_counter() - began)


def _living(world: World, size: int, rule: str, counted: Counted, clock: Clock, true_rates: Array) -> Living:
    if rule == "reference":
        best = freshness.price_of([Demand([(rate, 1) for rate in true_rates.tolist() if rate])], size / DAY)
        return Living(size, rule, SimulatedService(world, square_root_rule(true_rates, lambda: best), None), None, None)
    budget = Budget(**windows(size), fleet_processes=1, clock=ClockOf(clock), key=f"budget:{size}:{rule}")
    price = Price({datasets.WEATHER: counted.popularity}, budget.refresh_weight_per_second)
    asked: Rule
    if rule == "even":
        asked = even_rule(lambda: price.active_cells, budget.refresh_weight_per_second)
    else:
        asked = square_root_rule(counted.rates, lambda: price.value)
    return Living(size, rule, SimulatedService(world, asked, budget, edge=rule.startswith("edge")), counted, price)


def windows(day: int) -> dict[str, int]:
    times = max(1.0, day / FREE["day"])
    return {"minute": int(FREE["minute"] * times), "hour": int(FREE["hour"] * times), "day": day}


def _live(day: Traffic, fleet: list[Living], counts: list[Counted], clock: Clock) -> None:
    bounds = np.searchsorted(day.time, day.start + np.arange(0, DAY + 1, STEP_SECONDS))
    for step, (first, last) in enumerate(pairwise(bounds)):
        begins = day.start + step * STEP_SECONDS
        clock.now = begins
        if begins % FLUSH_SECONDS == 0:
            _each(counts, Counted.flush)
        if begins % PRICE_SECONDS == 0:
            _each(counts, Counted.read)
            for living in fleet:
                if living.price:
                    living.price.work_out()
        clock.now = begins + STEP_SECONDS - 0.001
        part = slice(first, last)
        counts[0].saw(day.cell[part])
        for living in fleet:
            asked = living.service.step(day.time[part], day.cell[part], day.kind[part], begins + STEP_SECONDS)
            if living.counted in counts[1:]:
                counts[1].saw(asked)


def _each(counts: list[Counted], do: Callable[[Counted], None]) -> None:
    for counted in counts:
        do(counted)


def _passed(living: Living) -> list[str]:
    if living.service.budget is None:
        return []
    sizes = windows(living.budget_size)
    return [name for name, seconds in WINDOWS.items() if living.service.most_spent(seconds) > sizes[name]]


def _plain(day: Traffic, world: World, limit: int) -> dict[str, Plain]:
    return {
        "no cache": no_cache(day, limit),
        "600 s": plain_cache(day, limit),
        "600 s, 100 warm": plain_cache(day, limit, warm=world.cities[:100]),
    }
