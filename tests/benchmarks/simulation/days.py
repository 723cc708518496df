"""Days of a world, lived through by services side by side: one for each budget and rule, on the same requests."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.benchmarks.simulation.counts import ArrayCounted, Clock
from tests.benchmarks.simulation.jobs import BY_RUNS, FREE, REFERENCES, WINDOWS, WITH_AIR, Job, Result, Row, windows
from tests.benchmarks.simulation.oracle import Oracle, OracleSeen
from tests.benchmarks.simulation.plain_caches import Plain, no_cache, plain_cache
from tests.benchmarks.simulation.rules import even_rule, square_root_rule
from tests.benchmarks.simulation.run_service import RunAwareService
from tests.benchmarks.simulation.runs import Schedules, areas_of
from tests.benchmarks.simulation.seen import Seen
from tests.benchmarks.simulation.service import SimulatedService
from tests.benchmarks.simulation.users import (
    DAY,
    Array,
    Traffic,
    World,
    expected_by_local_hour,
    make_day,
    make_world,
)
from tests.support.clocks import ClockOf
from tests.support.servers import Valkey
from weather.budget.budget import Budget
from weather.budget.price import Price
from weather.core import datasets
from weather.core.datasets import Dataset
from weather.core.freshness import refresh_interval
from weather.core.freshness.refresh_interval import Demand

STEP_SECONDS = 60
#: Every few seconds in the service; at 14,000 requests in between, that makes no difference to rates.
FLUSH_SECONDS = 300
#: Every minute in the service; it hardly moves in ten.
PRICE_SECONDS = 600

BOTH = (datasets.WEATHER, datasets.AIR_QUALITY)


class Counts(NamedTuple):
    """What is counted of the days: weather's requests, those that an edge lets through, those about air quality."""

    cells: ArrayCounted
    behind_the_edge: ArrayCounted
    air: ArrayCounted


@dataclass
class Living:
    """A service in its world, with what it knows of its cells; a reference knows everything and needs none."""

    budget_size: int
    rule: str
    service: SimulatedService
    air: SimulatedService | None = None
    counted: ArrayCounted | None = None
    price: Price | None = None

    def forget_what_was_seen(self) -> None:
        for service in filter(None, (self.service, self.air)):
            service.seen = Seen()

    @property
    def row(self) -> Row:
        air = self.air.seen if self.air else None
        return Row(self.budget_size, self.rule, self.service.seen, self._passed() if self.service.budget else [], air)

    def _passed(self) -> list[str]:
        sizes = windows(self.budget_size)
        return [name for name, seconds in WINDOWS.items() if self.service.most_spent(seconds) > sizes[name]]


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
        for at in range(scale.warm_up_days + scale.measured_days)
    ]
    about_air = [day.about_air(int(world.people * scale.air_share)) for day in days]
    clock = Clock()
    clock.now = days[0].start
    schedules = Schedules(
        areas_of(scale.runs), world.cells, days[0].start, len(days), np.random.default_rng((job.seed, 1_000))
    )
    counts = Counts(*(ArrayCounted(name, world, clock) for name in ("cells", "behind-the-edge", "air-quality")))
    true_rates = [_rates(some[scale.warm_up_days :], len(world.cells)) for some in (days, about_air)]
    fleet = [
        _reference(world, size, rule, true_rates, schedules)
        if rule in REFERENCES
        else _living(world, size, rule, counts, clock, schedules)
        for size, rule in job.services
    ]
    for at, (day, air) in enumerate(zip(days, about_air, strict=True)):
        for living in fleet if at <= scale.warm_up_days else ():
            living.forget_what_was_seen()
        _live(day, air, fleet, counts, clock)
    plain = _plain(days[-1], world, int(FREE["day"] * scale.part)) if job.baselines else {}
    expected = expected_by_local_hour(world, int(scale.requests * scale.part))
    best, foreseen = (_best(job, schedules, world, days, by_hour) for by_hour in (expected, None))
    took_seconds = time.perf_counter() - began
    return Result(job, len(world.cells), [living.row for living in fleet], plain, best, foreseen, took_seconds)


def _best(
    job: Job, schedules: Schedules, world: World, days: Sequence[Traffic], by_local_hour: Array | None
) -> dict[int, OracleSeen]:
    if not job.oracles:
        return {}
    oracle = Oracle(schedules, world.cell_offset, days, job.scale.measured_days, by_local_hour)
    return {budget: oracle.best(budget) for budget in job.oracles}


def _rates(days: Sequence[Traffic], cells: int) -> Array:
    """The requests per second for each cell."""
    return np.bincount(np.concatenate([day.cell for day in days]), minlength=cells) / (DAY * len(days))


def _reference(world: World, size: int, rule: str, true_rates: Sequence[Array], schedules: Schedules) -> Living:
    demands = [
        Demand([(rate, 1) for rate in rates.tolist() if rate], dataset.aging, is_late=dataset.refreshes_late)
        for dataset, rates in zip(BOTH if rule in WITH_AIR else BOTH[:1], true_rates, strict=False)
    ]
    best = refresh_interval.price_of(demands, size / DAY)
    service, air = (
        SimulatedService(
            world,
            square_root_rule(rates, lambda: best, dataset.aging),
            None,
            dataset=dataset,
            schedules=schedules if dataset is datasets.WEATHER else None,
        )
        for dataset, rates in zip(BOTH, true_rates, strict=True)
    )
    return Living(size, rule, service, air if rule in WITH_AIR else None)


def _living(world: World, size: int, rule: str, counts: Counts, clock: Clock, schedules: Schedules) -> Living:
    budget = Budget(**windows(size), fleet_processes=1, clock=ClockOf(clock), key=f"budget:{size}:{rule}", region="")
    if rule in BY_RUNS:
        learns, is_known = rule != "runs, counts", rule != "runs unknown"
        name = f"{size}:{rule}"
        by_runs = RunAwareService(world, name, budget, counts.cells, schedules, clock, learns=learns, is_known=is_known)
        return Living(size, rule, by_runs, counted=counts.cells, price=by_runs.price)
    counted = counts.behind_the_edge if rule == "edge, no counts" else counts.cells
    asked_for: dict[Dataset, Any] = {datasets.WEATHER: counted.popularity}
    if rule in WITH_AIR:
        asked_for[datasets.AIR_QUALITY] = counts.air.popularity
    price = Price(asked_for, budget.refresh_weight_per_second)
    by_rule = square_root_rule(counted.rates, lambda: price.value)
    if rule == "even":
        by_rule = even_rule(lambda: price.active_cells, budget.refresh_weight_per_second)
    service = SimulatedService(world, by_rule, budget, edge=rule.startswith("edge"), schedules=schedules)
    living = Living(size, rule, service, counted=counted, price=price)
    if rule in WITH_AIR:
        of_air = square_root_rule(counts.air.rates, lambda: price.value, datasets.AIR_QUALITY.aging)
        living.air = SimulatedService(world, of_air, budget, dataset=datasets.AIR_QUALITY, spent=service.spent)
    return living


def _live(day: Traffic, air: Traffic, fleet: list[Living], counts: Counts, clock: Clock) -> None:
    for step, (part, air_part) in enumerate(zip(_steps(day), _steps(air), strict=True)):
        begins = day.start + step * STEP_SECONDS
        clock.now = begins
        if begins % FLUSH_SECONDS == 0:
            _each(counts, ArrayCounted.flush)
        if begins % PRICE_SECONDS == 0:
            _each(counts, ArrayCounted.read)
            for living in fleet:
                if living.price:
                    living.price.work_out()
        clock.now = begins + STEP_SECONDS - 0.001
        counts.cells.saw(day.cell[part])
        counts.air.saw(air.cell[air_part])
        for living in fleet:
            if isinstance(living.service, RunAwareService):
                living.service.refresh_ahead(begins)
            if living.air:  # first, so that weather finds the budget as air quality left it
                living.air.step(air.time[air_part], air.cell[air_part], air.kind[air_part], begins + STEP_SECONDS)
            asked = living.service.step(day.time[part], day.cell[part], day.kind[part], begins + STEP_SECONDS)
            if living.counted is counts.behind_the_edge:
                counts.behind_the_edge.saw(asked)


def _steps(day: Traffic) -> Iterator[slice]:
    """The requests of each step of the day."""
    bounds = np.searchsorted(day.time, day.start + np.arange(0, DAY + 1, STEP_SECONDS))
    return (slice(first, last) for first, last in pairwise(bounds))


def _each(counts: Counts, do: Callable[[ArrayCounted], None]) -> None:
    for counted in counts:
        do(counted)


def _plain(day: Traffic, world: World, limit: int) -> dict[str, Plain]:
    return {
        "no cache": no_cache(day, limit),
        "600 s": plain_cache(day, limit),
        "600 s, 100 warm": plain_cache(day, limit, warm=world.cities[:100]),
    }
