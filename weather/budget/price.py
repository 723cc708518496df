"""The price of freshness: one number for the whole fleet, from which every cell's refresh interval follows."""

from collections.abc import Callable
from math import isfinite

from weather.budget.popularity import Popularity
from weather.core import freshness
from weathernote import redis
from weathernote.redis import Command, Reply, without_redis

KEY = "popularity:price"
TURN_KEY = "popularity:turn"
TURN_SECONDS = 60
#: If nobody works it out for so long, the last one is too old to go by.
LIFE_SECONDS = 3600


class Price:
    """What one process at a time works out from the popularity of all cells, once a minute, and all others read."""

    def __init__(self, popularity: Popularity, budget_per_second: Callable[[], float]) -> None:
        self.popularity = popularity
        self.budget_per_second = budget_per_second
        # Until it is known, as if the cells were few: the budget's pace holds the refreshes back if they are not.
        self.value = 0.0
        self.active_cells = 0

    def interval_seconds(self, rate: float) -> float:
        """How old the forecast of a cell may grow that is asked for so many times a second."""
        return freshness.interval_seconds(rate, self.value)

    @without_redis(returns=None)
    def agree(self) -> None:
        """Goes by the common price; works it out anew if a minute is over and nobody else is at it."""
        turn, price = redis.ask(("SET", TURN_KEY, "1", "NX", "EX", TURN_SECONDS), self.finding())
        if redis.value(turn) is not None:
            self.work_out()
        else:
            self.value = self.read(price)

    def finding(self) -> Command:
        """The command whose reply `read` reads, for whoever shares a round trip with it."""
        return ("GET", KEY)

    @without_redis(instead=lambda self, reply: self.value)
    def read(self, reply: Reply) -> float:
        """The common price; this process's own where there is none, or what lies there is no price."""
        try:
            price = float(redis.value(reply))
        except (TypeError, ValueError):
            return self.value
        return price if isfinite(price) and price >= 0 else self.value

    @without_redis(returns=None)
    def work_out(self) -> None:
        """Finds what makes the refreshes of all cells come to the budget, and tells the others."""
        rates = self.popularity.census()
        self.active_cells = sum(number for _, number in rates)
        self.value = freshness.price_of(rates, self.budget_per_second())
        redis.value(redis.ask(("SET", KEY, repr(self.value), "EX", LIFE_SECONDS))[0])
