"""Whether the forecasts of cells are held in Redis and due, read in one round trip for a whole page of staff's list."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import time
from typing import Literal, NamedTuple

from django.conf import settings

from weather.api.service import service
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.records.packing import Unreadable, fetched_at
from weather.fetching.store import Store
from weathernote import redis
from weathernote.redis import Lookup, Several

#: fresh: held and not due · stale: held and due · cold: nothing held, the next request waits for Open-Meteo
State = Literal["fresh", "stale", "cold", "unknown"]


@dataclass(frozen=True, slots=True)
class CellStatus:
    """The state of a cell's held forecast and of its cached answer of /weather, and how often it is requested.

    None stands for what is not there, or what Redis does not say.
    """

    state: State
    age_seconds: float | None = None
    answer_ends_in_seconds: int | None = None
    requests_per_hour: float | None = None


UNKNOWN = CellStatus("unknown")


def read(cells: Sequence[Cell]) -> dict[Cell, CellStatus]:
    """The status of each cell; `UNKNOWN` where Redis does not answer."""
    own = service()
    distinct = list(dict.fromkeys(cells))
    own.price.value, rates, ages = redis.fetch(
        own.price.shared(), own.popularity.request_rates(distinct), Several(_ages(own.store, cell) for cell in distinct)
    )
    return {
        cell: UNKNOWN
        if known is None
        else status_of(cell, known.record_age_seconds, rates.get(cell, 0.0), known.answer_life_seconds)
        for cell, known in zip(distinct, ages, strict=True)
    }


class _Ages(NamedTuple):
    """The age of a cell's record and the rest of its cached answer's life; None for one that is not there."""

    record_age_seconds: float | None
    answer_life_seconds: int | None


def _ages(store: Store, cell: Cell) -> Lookup[_Ages | None]:
    return Lookup(store.record(cell), ("TTL", Question(WEATHER, cell).key), read=_read_ages, without=lambda: None)


def _read_ages(packed: bytes | None, life_seconds: int) -> _Ages:
    answer_life_seconds = max(0, life_seconds) or None  # below 0 is Redis' word for "there is none"
    try:
        return _Ages(None if packed is None else time() - fetched_at(packed), answer_life_seconds)
    except Unreadable:
        return _Ages(None, answer_life_seconds)


def status_of(
    cell: Cell, age_seconds: float | None, rate: float, answer_ends_in_seconds: int | None = None
) -> CellStatus:
    """The status of a cell whose held forecast has this age (None if there is none), by the price last read.

    `rate` is its requests per second.
    """
    if age_seconds is None or age_seconds >= settings.HOLD_SECONDS:
        return CellStatus("cold", None, answer_ends_in_seconds, rate * 3600)
    now = time()
    is_due = service().rule.standing(cell, now - age_seconds, rate, now).is_due
    return CellStatus("stale" if is_due else "fresh", max(0.0, age_seconds), answer_ends_in_seconds, rate * 3600)
