"""The price of freshness: one number for the whole fleet, from which every cell's refresh interval follows."""

from collections.abc import Callable, Mapping
from math import isfinite

from weather.budget.popularity import Popularity
from weather.core import freshness
from weather.core.datasets import Dataset
from weather.core.freshness import Aging, Demand
from weathernote import redis
from weathernote.redis import Lookup, without_redis

KEY = "popularity:price"
TURN_KEY = "popularity:turn"
TURN_SECONDS = 60
#: A price older than this is not used.
LIFE_SECONDS = 3600

#: Whether it is this process that computes the price of this minute.
_TURN = Lookup(("SET", TURN_KEY, "1", "NX", "EX", TURN_SECONDS), read=lambda reply: reply is not None)


class Price:
    """The shared price: one process computes it from the popularity of all cells each minute, all others read it.

    `weight_per_second` is what the refreshes of all datasets may weigh.
    """

    def __init__(self, popularity: Mapping[Dataset, Popularity], weight_per_second: Callable[[], float]) -> None:
        self.popularity = popularity
        self.weight_per_second = weight_per_second
        # 0 until known: intervals are the shortest, and the budget's pace is the brake.
        self.value = 0.0
        self.active_cells = 0

    def interval_seconds(self, rate: float, aging: Aging) -> float:
        """The age in seconds at which the record of a cell that is asked for `rate` times a second is due."""
        return freshness.interval_seconds(rate, self.value, aging)

    def demands(self) -> list[Demand]:
        """What is asked for of each dataset, by popularity's census. Raises RedisDown without Redis."""
        return [
            Demand(popularity.census(), dataset.aging, dataset.weight_of_a_cell, dataset.refreshes_late)
            for dataset, popularity in self.popularity.items()
        ]

    @without_redis(returns=None)
    def agree(self) -> None:
        """Reads the shared price, or computes and shares it once a minute, whichever process comes first."""
        has_turn, shared = redis.fetch(_TURN, self.shared())
        if has_turn:
            self.work_out()
        else:
            self.value = shared

    def shared(self) -> Lookup[float]:
        """The shared price; this process's own if Redis has none, or no valid one."""
        return Lookup(("GET", KEY), read=self._read, without=lambda: self.value)

    def _read(self, text: bytes | None) -> float:
        try:
            price = float(text or "")
        except (TypeError, ValueError):
            return self.value
        return price if isfinite(price) and price >= 0 else self.value

    @without_redis(returns=None)
    def work_out(self) -> None:
        """Computes the price at which the refreshes of all cells come to the budget, and stores it in Redis."""
        demands = self.demands()
        self.active_cells = sum(number for demand in demands for _, number in demand.rates)
        self.value = freshness.price_of(demands, self.weight_per_second())
        redis.execute(("SET", KEY, repr(self.value), "EX", LIFE_SECONDS))
