"""A day of 500,000 users with prewarm every ten minutes, and without, on a virtual clock and the same requests.

    python -m tests.benchmarks.simulate_prewarm [--budget 5000] [--world plan] [--part 0.1]

What prewarm does is what its own planner says, paid for by the project's own budget; otherwise as simulate_day.
"""

import argparse
import os
import tempfile
import time as wall
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.simulation.counts import Clock, Counted
from tests.benchmarks.simulation.days import FLUSH_SECONDS, STEP_SECONDS
from tests.benchmarks.simulation.jobs import FREE, WINDOWS, windows
from tests.benchmarks.simulation.rules import square_root_rule
from tests.benchmarks.simulation.seen import HOLD_SECONDS, Seen
from tests.benchmarks.simulation.service import SimulatedService
from tests.benchmarks.simulation.users import (
    DAY,
    FORECAST,
    KINDS,
    UNUSUAL,
    WEATHER,
    Array,
    Traffic,
    Whole,
    World,
    make_day,
    make_world,
)
from tests.support.clocks import ClockOf
from tests.support.servers import Valkey
from weather.budget.budget import Budget
from weather.budget.popularity import Popularity
from weather.budget.price import Price
from weather.core import datasets
from weather.core.freshness.refresh_interval import Demand

CITIES = 100
BATCH = 20
USERS, REQUESTS = 500_000, 4_000_000


class Kept(SimulatedService):
    """A service whose cells prewarm keeps warm; counts what its cities' people and the usual questions get."""

    def __init__(self, world: World, counted: Counted, price: Price, budget: Budget) -> None:
        super().__init__(world, square_root_rule(counted.rates, lambda: price.value), budget)
        self.counted = counted
        self.cities = world.cities[:CITIES]
        self.is_city = np.zeros(len(world.cells), dtype=bool)
        self.is_city[self.cities] = True
        self.index = {cell: at for at, cell in enumerate(world.cells)}
        self.usual_requests = self.usual_found = self.city_requests = self.city_calls = self.rederived = 0
        self.runs: list[int] = []

    def forget_the_day(self) -> None:
        self.seen = Seen()
        self.usual_requests = self.usual_found = self.city_requests = self.city_calls = self.rederived = 0
        self.runs = []

    def step(self, time: Array, cell: Whole, kind: Whole, until: float) -> Whole:
        self.usual_requests += int((kind != UNUSUAL).sum())
        self.city_requests += int(self.is_city[cell].sum())
        return super().step(time, cell, kind, until)

    def _found(self, time: Array, key: Whole) -> None:
        super()._found(time, key)
        self.usual_found += int(((key % KINDS != UNUSUAL) & ~np.isnan(self.answer[key])).sum())

    def _ended(self, time: Array, cell: Whole, kind: Whole, until: float) -> None:
        of_city = self.is_city[cell]
        for part in (of_city, ~of_city):
            before = self.seen.called + self.seen.refused
            if part.any():
                super()._ended(time[part], cell[part], kind[part], until)
            if part is of_city:
                self.city_calls += self.seen.called + self.seen.refused - before

    # ── a run of prewarm ──────────────────────────────────────────────────────────────────────────

    def prewarm(self, now: float) -> None:
        from prewarm.runs import plan
        from prewarm.runs.survey import MOST_CELLS, RECENT_SECONDS

        budget, popularity = self.budget, self.counted.popularity
        assert budget and popularity.recent
        budget.synchronize()
        asked = popularity.recent.asked_for_within(RECENT_SECONDS, MOST_CELLS)
        cells = dict.fromkeys([*self.cities.tolist(), *(self.index[cell] for cell in asked)])
        left = budget.remaining()
        planned = plan.plan(
            [self._candidate(at, now) for at in cells],
            price=plan.common_price([Demand(popularity.census())], CITIES, 1.0, budget.refresh_weight_per_second()),
            seconds_to_next_run=plan.PERIOD_SECONDS,
            budget_left=min(left["day"], left["hour"]),
        )
        for one in planned.rederivations:
            for question in one.questions:
                self._keep(self.index[one.cell], WEATHER if question.days is None else FORECAST, now, stale=one.stale)
                self.rederived += 1
        refreshed = 0
        for batch in plan.batches(planned.refresh, BATCH, force=False):
            granted = self._charge(len(batch.candidates), "refresh", now)
            for candidate in batch.candidates[:granted]:
                at = self.index[candidate.cell]
                self.held[at] = now
                for kind in (WEATHER, FORECAST):
                    self._keep(at, kind, now, stale=False)
            refreshed += granted
            if granted < len(batch.candidates):
                break
        self.runs.append(refreshed)

    def _candidate(self, at: int, now: float) -> Any:
        from prewarm.runs.plan import Candidate
        from prewarm.runs.survey import questions

        cell = self.world.cells[at]
        lives = dict(
            zip(questions(cell), (self.ends[at * KINDS + kind] - now for kind in (WEATHER, FORECAST)), strict=True)
        )
        age = now - self.held[at]
        names = (cell.key,) if self.is_city[at] else ()
        return Candidate(cell, lives, None if age >= HOLD_SECONDS else float(age), float(self.counted.rates[at]), names)

    def _keep(self, at: int, kind: int, now: float, *, stale: bool) -> None:
        life = min(self.life[kind], 60.0) if stale else self.life[kind]
        midnight = now + DAY - (now + self.world.cell_offset[at]) % DAY
        self.ends[at * KINDS + kind] = now + life if kind == WEATHER else min(now + life, midnight)
        self.answer[at * KINDS + kind] = self.held[at]
        self.is_stale[at * KINDS + kind] = stale


def live(day: Traffic, service: Kept, price: Price, clock: Clock, *, prewarmed: bool) -> None:
    from prewarm.runs.plan import PERIOD_SECONDS

    bounds = np.searchsorted(day.time, day.start + np.arange(0, DAY + 1, STEP_SECONDS))
    for step, (first, last) in enumerate(pairwise(bounds)):
        begins = day.start + step * STEP_SECONDS
        clock.now = begins
        if begins % FLUSH_SECONDS == 0:
            service.counted.flush()
        if begins % PERIOD_SECONDS == 0:
            service.counted.read()
            price.work_out()
            if prewarmed:
                service.prewarm(begins)
        clock.now = begins + STEP_SECONDS - 0.001
        part = slice(first, last)
        service.counted.saw(day.cell[part])
        service.step(day.time[part], day.cell[part], day.kind[part], begins + STEP_SECONDS)


def report(name: str, service: Kept, size: int) -> str:
    seen = service.seen
    passed = [window for window, seconds in WINDOWS.items() if service.most_spent(seconds) > windows(size)[window]]
    runs = f", {np.mean(service.runs):.0f} refreshed in a run, {max(service.runs)} at most" if service.runs else ""
    return (
        f"{name:16} calls {seen.weight:6,}  found {seen.found / seen.requests:7.2%}  "
        f"of /weather and 7 days {service.usual_found / service.usual_requests:7.2%}  "
        f"no call {1 - (seen.called + seen.refused) / seen.requests:8.4%}  "
        f"cities: no call {1 - service.city_calls / service.city_requests:8.4%}  "
        f"mean age {seen.mean / 3600:.2f} h  503: {seen.refused}  stale {seen.stale / seen.requests:.2%}  "
        f"re-derived {service.rederived:,}{runs}  overspent: {', '.join(passed) or 'never'}"
    )


def main(world_name: str, size: int, seed: int, part: float) -> None:
    import django
    from django.conf import settings

    django.setup()
    cache: Any = settings.CACHES["default"]
    world = make_world(world_name, int(USERS * part), np.random.default_rng((seed, 0)), part=part)
    days = [make_day(world, at, int(REQUESTS * part), np.random.default_rng((seed, 1 + at))) for at in range(2)]
    print(f"{world_name}: {len(world.cells):,} cells, {size:,} calls a day of {FREE['day']:,} free ones")
    with tempfile.TemporaryDirectory() as folder:
        valkey = Valkey(Path(folder))
        cache["LOCATION"], cache["OPTIONS"]["SOCKET_TIMEOUT"] = [valkey.url], 60
        try:
            for name, prewarmed in (("without prewarm", False), ("with prewarm", True)):
                valkey.client.flushall()
                print(lived(name, world, days, size, prewarmed=prewarmed), flush=True)
        finally:
            valkey.stop()


def lived(name: str, world: World, days: list[Traffic], size: int, *, prewarmed: bool) -> str:
    began, clock = wall.perf_counter(), Clock()
    clock.now = days[0].start
    counted = Counted("cells", world, clock)
    recent = Popularity("popularity:now", half_life_seconds=1800, clock=ClockOf(clock))
    counted.popularity.recent = recent
    budget = Budget(**windows(size), fleet_processes=1, clock=ClockOf(clock), key="budget:open-meteo", region="")
    price = Price({datasets.WEATHER: counted.popularity}, budget.refresh_weight_per_second)
    service = Kept(world, counted, price, budget)
    for day in days:
        service.forget_the_day()
        live(day, service, price, clock, prewarmed=prewarmed)
    return f"{report(name, service, size)}  ({wall.perf_counter() - began:.0f} s)"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=("plan", "world"), default="plan")
    parser.add_argument("--budget", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", type=float, default=1.0, help="of the people and the requests")
    arguments = parser.parse_args()
    main(arguments.world, arguments.budget, arguments.seed, arguments.part)
