"""The price of freshness: one number for the whole fleet, from which every cell's refresh interval follows."""

from collections.abc import Callable, Mapping
from math import ceil, isfinite
from time import time

from weather.budget.popularity import Popularity
from weather.budget.run_census import RunCensus
from weather.core.datasets import Dataset
from weather.core.freshness import refresh_interval
from weather.core.freshness.refresh_interval import Aging, Demand
from weather.core.runs.demand import RunDemand
from weathernote import redis
from weathernote.redis import Lookup, Role, at, without_redis

KEY = "popularity:price"
TURN_KEY = "popularity:turn"
TURN_SECONDS = 60
#: Going through all cells one by one takes longer.
TURN_SECONDS_WITH_RUNS = 300
#: A price older than this is not used.
LIFE_SECONDS = 3600

_GET = at(Role.REPLICA, "GET", KEY)


class Price:
    """The shared price: one process computes it from the popularity of all cells each minute, all others read it.

    `weight_per_second` is what the refreshes of all datasets may weigh. Where cells follow the runs of their models,
    given by `runs`, calls come in bursts: then the price is the one at which those until the UTC day ends come to what
    is `left_of_the_day` (weight, and seconds).
    """

    def __init__(
        self,
        popularity: Mapping[Dataset, Popularity],
        weight_per_second: Callable[[], float],
        runs: Mapping[Dataset, RunCensus] | None = None,
        left_of_the_day: Callable[[], tuple[float, float]] | None = None,
        now: Callable[[], float] = time,
    ) -> None:
        self.popularity = popularity
        self.weight_per_second = weight_per_second
        self.runs = runs or {}
        self.left_of_the_day = left_of_the_day
        self.now = now
        # 0 until known: intervals are the shortest, and the budget's pace is the brake.
        self.value = 0.0
        self.is_known = False
        self.active_cells = 0

    def interval_seconds(self, rate: float, aging: Aging) -> float:
        """The age in seconds at which the record of a cell that is asked for `rate` times a second is due."""
        return refresh_interval.interval_seconds(rate, self.value, aging)

    def demands(self) -> list[Demand]:
        """What is asked for of each dataset, by popularity's census. Raises RedisDown without Redis."""
        return [
            Demand(popularity.census(), dataset.aging, dataset.weight_of_a_cell, dataset.refreshes_late)
            for dataset, popularity in self.popularity.items()
        ]

    @without_redis(returns=None)
    def agree(self) -> None:
        """Reads the shared price, or computes and shares it once in a while, whichever process comes first."""
        taking = at(Role.PRIMARY, "SET", TURN_KEY, "1", "NX", "EX", self._turn_seconds())
        # Where the primary is away nobody works out a new price, and the last one holds for as long as it lives.
        turn = Lookup(taking, read=lambda reply: reply is not None, without=lambda: False)
        has_turn, shared = redis.fetch(turn, Lookup(_GET, read=_price_in))
        if has_turn:
            self.work_out()
        elif shared is not None:
            self.value, self.is_known = shared, True

    def read(self) -> None:
        """Reads the shared price; where there is none, computes it for this process alone. Nothing is written.

        Raises RedisDown without Redis.
        """
        shared = redis.fetch_one(Lookup(_GET, read=_price_in))
        self.value, self.is_known = self._computed() if shared is None else shared, True

    def _turn_seconds(self) -> int:
        if not self.follows_runs():
            return TURN_SECONDS
        # Past midnight a price would be that of the day before, with next to nothing left.
        _, of_the_day = self._left_of_the_day()
        return min(TURN_SECONDS_WITH_RUNS, ceil(of_the_day))

    def follows_runs(self) -> bool:
        """Whether cells of any dataset are refreshed when their model has a new run."""
        return any(census.follows_any(self.now()) for census in self.runs.values())

    def shared(self) -> Lookup[float]:
        """The shared price; this process's own if Redis has none, or no valid one."""
        return Lookup(_GET, read=self._read, without=lambda: self.value)

    def _read(self, text: bytes | None) -> float:
        price = _price_in(text)
        return self.value if price is None else price

    @without_redis(returns=None)
    def work_out(self) -> None:
        """Computes the price at which the refreshes of all cells come to the budget, and stores it in Redis."""
        self.value, self.is_known = self._computed(), True
        redis.execute(at(Role.PRIMARY, "SET", KEY, repr(self.value), "EX", LIFE_SECONDS))

    def _computed(self) -> float:
        return self._by_runs() if self.follows_runs() else self._by_intervals()

    def _by_intervals(self) -> float:
        demands = self.demands()
        self.active_cells = sum(number for demand in demands for _, number in demand.rates)
        return refresh_interval.price_of(demands, self.weight_per_second())

    def _by_runs(self) -> float:
        now, (weight, seconds) = self.now(), self._left_of_the_day()
        demands: list[Demand] = []
        following: list[tuple[RunDemand, float]] = []
        for dataset, popularity in self.popularity.items():
            if census := self.runs.get(dataset):
                of_runs, rates = census.demand(now, now + seconds)
                following.append((of_runs, dataset.weight_of_a_cell))
            else:
                rates = popularity.census()
            demands.append(Demand(rates, dataset.aging, dataset.weight_of_a_cell, dataset.refreshes_late))
        self.active_cells = sum(number for demand in demands for _, number in demand.rates)
        self.active_cells += sum(of_runs.number_of_cells for of_runs, _ in following)

        def by_runs(price: float) -> float:
            return sum(of_runs.calls(price) * weight_of_a_cell for of_runs, weight_of_a_cell in following) / seconds

        return refresh_interval.price_of(demands, weight / seconds, by_runs)

    def _left_of_the_day(self) -> tuple[float, float]:
        return self.left_of_the_day() if self.left_of_the_day else (0.0, 60.0)


def _price_in(text: bytes | None) -> float | None:
    try:
        price = float(text or "")
    except (TypeError, ValueError):
        return None
    return price if isfinite(price) and price >= 0 else None
