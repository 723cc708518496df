"""The queue of cells that the whole fleet has yet to fetch, and the leases under which calls are made.

Open-Meteo's free service runs one request per address and refuses more, so all processes share their calls. There are
as many slots as calls may run at once. The process that holds the lease of a slot fetches cells that all processes have
queued, and that no other lease has; the other processes then read the stored records.
"""

import math
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from weather.budget.quota import Spender
from weather.core.cells import Cell
from weather.fetching.queue_scripts import ENQUEUE, LEASE
from weathernote import redis
from weathernote.redis import Command, Lookup, Role, at, owned_key

#: A refresh not started within this time leaves the queue; the next request for its cell queues it again.
REFRESH_QUEUED_SECONDS = 60
#: A call that carries fewer cells, so that others may carry some, is hardly answered sooner.
FEWEST_CELLS_TO_DIVIDE = 20
#: Calls of fewer cells begin so far apart when nearly all slots are taken, sooner when few are. By this a new cell is
#: there after 0.38 s and not 0.52, at 250 a second before an upstream that takes 0.3 s and 8 calls at once.
SPREAD_MILLISECONDS = 50

# The same hash tag as the queues', because one script uses all of these keys.
_LEASE_KEY = "slot:{{open-meteo}}:{}"
_TURN_KEY = "slot:{open-meteo}:0:turn"
#: Several times as long as a process waits between two attempts to get a lease.
_TURN_MILLISECONDS = 250


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to make a slot's next call, and its cells: those that requests wait for, and those to refresh.

    The token is empty without Redis, where no other process knows of the lease.
    """

    slot: int
    token: str
    cold: list[Cell]
    refresh: list[Cell]

    @classmethod
    def without_queue(cls) -> Self:
        """The empty lease of a process that has no queue to go by."""
        return cls(0, "", [], [])

    @property
    def cells(self) -> list[Cell]:
        """All cells of the call, cold ones first."""
        return [*self.cold, *self.refresh]

    def first_cell_only(self) -> "Lease":
        """This lease with one cell alone: the first cold one, or the first refresh if it has no cold one."""
        return replace(self, cold=self.cold[:1], refresh=[] if self.cold else self.refresh[:1])


class FetchQueue:
    """`slots` calls at once in the whole fleet, of at most `batch` cells, each lasting at most `call_seconds`.

    `key` begins the keys of this dataset's queue; slots and leases are shared by all datasets. With `refreshes_late`
    its refreshes take no turn before another dataset's calls. Calls of few cells are spread over `spread_milliseconds`.
    """

    def __init__(
        self,
        key: str,
        slots: int,
        batch: int,
        call_seconds: float,
        *,
        refreshes_late: bool = False,
        spread_milliseconds: int = SPREAD_MILLISECONDS,
    ) -> None:
        # The number is that of the only queue of a release that had one for each slot, and shares it with this one.
        self._queue_key, self._asked_key = f"{key}:0", f"{key}:asked"
        self.refreshes_late = refreshes_late
        self.slots = slots
        self.spread_milliseconds = spread_milliseconds
        self.batch = batch
        # The lease of a process that dies expires a little after its call would have ended.
        self.lease_milliseconds = int((call_seconds + 1) * 1000)
        slot_keys = (_LEASE_KEY.format(slot) for slot in range(slots))
        self._keys = (self._queue_key, self._asked_key, _TURN_KEY, *slot_keys)

    def enqueue(self, cold: Collection[Cell], wait_seconds: float, refresh: Collection[Cell] = ()) -> None:
        """Queues cold cells for as long as someone may wait, and refreshes for a minute.

        A cell is in the queue once, however many processes queue it. Without Redis nothing is queued.
        """
        redis.fetch_one(self._enqueueing(cold, wait_seconds, refresh))

    def lease(
        self, cold: Collection[Cell] = (), wait_seconds: float = 0.0, refresh: Collection[Cell] = ()
    ) -> Lease | None:
        """Queues cells and takes a lease with a batch of the queue, cold cells first, in one round trip.

        None if there is no lease to be had now, or no cell that is not asked for already. Without Redis, or if it has
        no memory left for the queue, it is an empty lease: no token, no cells.
        """
        is_queued, lease = redis.fetch(*self.leasing(cold, wait_seconds, refresh))
        return lease if is_queued or lease else Lease.without_queue()

    def leasing(
        self, cold: Collection[Cell], wait_seconds: float, refresh: Collection[Cell]
    ) -> tuple[Lookup[bool], Lookup[Lease | None]]:
        """What `lease` asks, in this order; the second is one command, of LEASE_LUA."""
        return self._enqueueing(cold, wait_seconds, refresh), self._leasing(())

    def lease_for(self, cells: Collection[Cell], spender: Spender) -> Lease | None:
        """A lease with the queue's cold cells, and then the first of `cells`, paid by the spender.

        None if there is no lease to be had, or all of `cells` are asked for already; an empty lease without Redis.
        """
        lease = redis.fetch_one(self._leasing(cells)) if cells else None
        if lease is None or spender != "cold":
            return lease
        return replace(lease, cold=lease.cells, refresh=[])

    def renew(self, lease: Lease) -> bool:
        """Keeps the lease for another call; False if it has expired and may be another process' by now."""
        renewing = owned_key.renewing(_LEASE_KEY.format(lease.slot), lease.token, self.lease_milliseconds)
        return redis.fetch_one(Lookup(renewing, read=bool, without=lambda: True))

    def release(self, lease: Lease, done: Iterable[Cell] = ()) -> None:
        """Removes the cells that have an outcome from the queue and releases the lease."""
        redis.fetch_one(self.releasing(lease, done))

    def releasing(self, lease: Lease, done: Iterable[Cell]) -> Lookup[bool]:
        """Removes the cells from the queue and releases the lease; the value is False if Redis did not answer."""
        keys = [cell.key for cell in done]
        removing: list[Command] = [at(Role.PRIMARY, "ZREM", self._queue_key, *keys)] if keys else []
        giving_back = owned_key.releasing(_LEASE_KEY.format(lease.slot), lease.token)
        return Lookup(*removing, giving_back, read=lambda *_: True, without=lambda: False)

    def is_queued(self, cell: Cell) -> Lookup[bool]:
        """Whether any process has queued the cell, as far as this region knows; False without Redis."""
        return Lookup(self._position_of(cell, Role.REPLICA), read=_is_position, without=lambda: False)

    def is_reachable(self, cell: Cell) -> bool:
        """Whether the cell can be queued, as far as this process knows without asking."""
        return not redis.refuses(self._position_of(cell, Role.PRIMARY))

    def queued_of(self, cells: Iterable[Cell]) -> set[Cell]:
        """The subset of `cells` that any process has queued, asked for or not yet; none without Redis."""
        cells = list(cells)
        if not cells:
            return set()
        finding = at(Role.PRIMARY, "ZMSCORE", self._queue_key, *[cell.key for cell in cells])

        def read(scores: list[bytes | None]) -> set[Cell]:
            return {cell for cell, score in zip(cells, scores, strict=True) if _is_position(score)}

        return redis.fetch_one(Lookup(finding, read=read, without=set))

    def _position_of(self, cell: Cell, role: Role) -> Command:
        return at(role, "ZSCORE", self._queue_key, cell.key)

    def _enqueueing(self, cold: Collection[Cell], wait_seconds: float, refresh: Collection[Cell]) -> Lookup[bool]:
        if not (cold or refresh):
            return Lookup(read=lambda: True)
        keys = [cell.key for cell in (*cold, *refresh)]
        enqueue = ENQUEUE(self._queue_key, math.ceil(wait_seconds), REFRESH_QUEUED_SECONDS, len(cold), *keys)
        return Lookup(enqueue, read=lambda _: True, without=lambda: False)

    def _leasing(self, own: Collection[Cell]) -> Lookup[Lease | None]:
        token = f"{self._queue_key}:{secrets.token_hex(8)}"  # by which others see whose lease it is
        limits = (self.lease_milliseconds, self.batch, _TURN_MILLISECONDS, int(self.refreshes_late))
        division = (FEWEST_CELLS_TO_DIVIDE, self.spread_milliseconds)
        taking = LEASE(self._keys, token, *limits, *division, *[cell.key for cell in own])
        return Lookup(taking, read=partial(_lease, token), without=Lease.without_queue)


def _lease(token: str, taken: tuple[int, list[bytes], list[bytes]] | None) -> Lease | None:
    if taken is None:
        return None
    slot, *parts = taken
    cold, refresh = ([cell for cell in map(Cell.from_member, members) if cell] for members in parts)
    return Lease(slot, token, cold, refresh)


def _is_position(score: bytes | None) -> bool:
    return score is not None
