"""What Redis knows of cells, looked up in one round trip before it is decided what to do for a request."""

from collections.abc import Collection
from dataclasses import dataclass

from weather.budget.popularity import Popularity
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.fetch_queue import FetchQueue
from weather.fetching.store import Store
from weathernote import redis
from weathernote.redis import Several


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell's held record, None if there is none, and what bears on fetching it."""

    held: Series | None
    #: Requests per second.
    rate: float
    #: For how many seconds nothing is asked about the cell because it had no weather.
    rejected_seconds: int
    #: Whether a process of the fleet has queued it.
    is_queued: bool


def states_of(
    cells: Collection[Cell], store: Store, popularity: Popularity, queue: FetchQueue
) -> dict[Cell, CellState]:
    """The state of each cell; without Redis as far as this process knows."""
    held, rates, rejected, queued = redis.fetch(
        Several(map(store.held, cells)),
        Several(map(popularity.request_rate, cells)),
        Several(map(store.rejected_seconds, cells)),
        Several(map(queue.is_queued, cells)),
    )
    states = map(CellState, held, rates, rejected, queued)
    return dict(zip(cells, states, strict=True))
