"""Whether the forecasts of cells are held in Redis and due, read in one round trip for a whole page of staff's list."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import time
from typing import Literal

from django.conf import settings

from weather.api.service import service
from weather.budget.popularity import Popularity
from weather.core import freshness
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.packing import Unreadable, fetched_at
from weathernote import redis
from weathernote.redis import Command, Reply, without_redis

#: fresh: held and not due · stale: held and due · cold: nothing held, the next request waits for Open-Meteo
State = Literal["fresh", "stale", "cold", "unknown"]


@dataclass(frozen=True, slots=True)
class CellStatus:
    """The state of a cell's held forecast and of its finished answer of /weather, and how often it is asked for.

    None stands for what is not there, or what Redis does not say.
    """

    state: State
    age_seconds: float | None = None
    answer_ends_in_seconds: int | None = None
    requests_per_hour: float | None = None


UNKNOWN = CellStatus("unknown")


def read(cells: Sequence[Cell]) -> dict[Cell, CellStatus]:
    """The status of each cell; `UNKNOWN` where Redis does not answer."""
    popularity, price = service().popularity, service().price
    wanted = list(dict.fromkeys(cells))
    price_reply, *replies = redis.ask(
        price.finding(), *(part for cell in wanted for part in _commands(cell, popularity))
    )
    fleets_price, now = price.read(price_reply), time()
    of_cells = zip(wanted, replies[::3], replies[1::3], replies[2::3], strict=True)
    return {
        cell: _read_one(record, life, popularity.rate(rating), fleets_price, now)
        for cell, record, life, rating in of_cells
    }


def _commands(cell: Cell, popularity: Popularity) -> tuple[Command, Command, Command]:
    return service().store.record(cell), ("TTL", Question(cell).key), popularity.rating(cell)


@without_redis(returns=UNKNOWN)
def _read_one(record: Reply, answer_life: Reply, rate: float, fleets_price: float, now: float) -> CellStatus:
    answer_ends_in_seconds = max(0, redis.value(answer_life)) or None  # TTL is negative if there is no key
    try:
        packed = redis.value(record)
        age_seconds = None if packed is None else now - fetched_at(packed)
    except Unreadable:
        age_seconds = None
    return status_of(age_seconds, rate, fleets_price, answer_ends_in_seconds)


def status_of(
    age_seconds: float | None, rate: float, price: float, answer_ends_in_seconds: int | None = None
) -> CellStatus:
    """The status of a cell whose held forecast has this age (None if there is none).

    `rate` is its requests per second, `price` the price of freshness that sets its refresh interval.
    """
    if age_seconds is None or age_seconds >= settings.HOLD_SECONDS:
        return CellStatus("cold", None, answer_ends_in_seconds, rate * 3600)
    is_due = freshness.is_due(age_seconds, freshness.interval_seconds(rate, price))
    return CellStatus("stale" if is_due else "fresh", max(0.0, age_seconds), answer_ends_in_seconds, rate * 3600)
