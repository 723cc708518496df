"""What Redis knows of cells, looked up in one round trip before it is decided what to do for a request."""

from collections.abc import Collection
from dataclasses import dataclass

from weather.budget.popularity import Popularity
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.fetch_queue import FetchQueue
from weather.fetching.store import Store
from weathernote import redis
from weathernote.redis import Lookup, Role, Several


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell's held record, None if there is none, and what bears on fetching it."""

    held: Series | None
    #: Requests per second.
    rate: float
    #: For how many seconds nothing is asked about the cell because it had no weather; in a cluster 0 for a held one.
    rejected_seconds: int
    #: Whether a process of the fleet has queued it; in a cluster False for a held one.
    is_queued: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """What of Redis a request can use for a cell."""

    #: Whether Redis says what is held.
    is_redis_up: bool
    #: Whether a refresh can be queued.
    can_queue: bool

    @classmethod
    def of(cls, cell: Cell, store: Store, queue: FetchQueue, *, has_replied: bool) -> "Reach":
        """The reach for a cell, given whether Redis has replied to this request.

        That says it all where one server does everything. Else what is known of the two others counts.
        """
        if redis.is_one_server():
            return cls(has_replied, has_replied)
        return cls(store.is_readable(cell), queue.is_reachable(cell))


def states_of(
    cells: Collection[Cell], store: Store, popularity: Popularity, queue: FetchQueue
) -> dict[Cell, CellState]:
    """The state of each cell; without Redis as far as this process knows.

    Whether a cell is rejected or queued matters only where nothing is held of it. One server is asked for all in one
    round trip. In a cluster two more shards have these names, and one that hangs must not delay answers from held
    records: there they are asked for in a second one, and only for cells without a record.
    """
    holding, rates = Several(map(store.held, cells)), Several(map(popularity.request_rate, cells))
    if not redis.is_cluster(Role.REPLICA):
        states = redis.fetch(holding, rates, *_admission_lookups(cells, store, queue))
        return dict(zip(cells, map(CellState, *states), strict=True))
    held, requests = redis.fetch(holding, rates)
    held_of, rate_of = dict(zip(cells, held, strict=True)), dict(zip(cells, requests, strict=True))
    cold = [cell for cell in cells if held_of[cell] is None]
    bearing = dict(zip(cold, zip(*redis.fetch(*_admission_lookups(cold, store, queue)), strict=True), strict=True))
    return {cell: CellState(held_of[cell], rate_of[cell], *bearing.get(cell, (0, False))) for cell in cells}


def _admission_lookups(
    cells: Collection[Cell], store: Store, queue: FetchQueue
) -> tuple[Lookup[list[int]], Lookup[list[bool]]]:
    """For how many seconds each cell is rejected, and whether it is queued."""
    return Several(map(store.rejections.seconds, cells)), Several(map(queue.is_queued, cells))
