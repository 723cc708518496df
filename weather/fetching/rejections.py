"""The places that Open-Meteo has no weather for: nothing is asked about them for ten minutes."""

import math
from collections.abc import Callable, Collection
from functools import partial

from weather.core.cells import Cell
from weather.core.datasets import Dataset
from weathernote import redis
from weathernote.redis import Lookup, Role, at

REJECTED_SECONDS = 600

_REJECT = redis.script(
    """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[at]) end
return redis.call('EXPIRE', KEYS[1], ARGV[1])
""",
    role=Role.PRIMARY,
)


class Rejections:
    """The rejected cells of a dataset, by the clock `now`: in Redis, and those that this process alone cannot read."""

    def __init__(self, dataset: Dataset, now: Callable[[], float]) -> None:
        self.dataset = dataset
        self.now = now
        self._unreadable: dict[Cell, float] = {}

    def seconds(self, cell: Cell) -> Lookup[int]:
        """For how many seconds nothing is asked about the cell because it had no weather; 0 if it may be asked."""
        return self._seconds(cell, Role.REPLICA)

    def seconds_now(self, cell: Cell) -> Lookup[int]:
        """The same from where rejections are written: a region's replica may be behind."""
        return self._seconds(cell, Role.PRIMARY)

    def _seconds(self, cell: Cell, role: Role) -> Lookup[int]:
        asking = at(role, "ZSCORE", self.dataset.rejected_key, cell.key)
        return Lookup(asking, read=partial(self._seconds_left, cell), without=partial(self._seconds_left, cell))

    def adding(self, cells: Collection[Cell]) -> Lookup[None]:
        """Keeps for ten minutes that Open-Meteo has no weather for the cells, so that they cost nothing meanwhile."""
        keys = [cell.key for cell in cells]
        commands = [_REJECT(self.dataset.rejected_key, REJECTED_SECONDS, *keys)] if keys else []
        return Lookup(*commands, read=lambda *_: None, without=lambda: None)

    def add_here(self, cells: Collection[Cell]) -> None:
        """Remembers for ten minutes, in this process alone, the cells whose answers it cannot read and others may."""
        now = self.now()
        self._unreadable = {cell: until for cell, until in self._unreadable.items() if until > now}
        self._unreadable |= dict.fromkeys(cells, now + REJECTED_SECONDS)

    def _seconds_left(self, cell: Cell, until: bytes | None = None) -> int:
        """`until` is what Redis said; what this process cannot read it knows itself."""
        ends = max(float(until or 0), self._unreadable.get(cell, 0.0))
        return math.ceil(min(max(0.0, ends - self.now()), REJECTED_SECONDS))
