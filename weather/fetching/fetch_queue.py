"""The queue of cells that the whole fleet has yet to fetch, and the leases under which calls are made.

Open-Meteo's free service runs one request per address and refuses more, so all processes share their calls. There are
as many slots as calls may run at once, each with a queue. The process that holds the lease of a slot fetches the
cells that all processes have queued there; the other processes then read the stored records.
"""

import math
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from zlib import crc32

from weather.budget.quota import Spender
from weather.core.cells import Cell
from weathernote import redis
from weathernote.redis import Command, Lookup, Role, at, owned_key

#: A refresh not started within this time leaves the queue; the next request for its cell queues it again.
REFRESH_QUEUED_SECONDS = 60

# The same hash tag as the queues', because one script uses both keys.
_LEASE_KEY = "slot:{{open-meteo}}:{}"
_TURN_KEY = "slot:{{open-meteo}}:{}:turn"
#: Ten times as long as a process waits between two attempts to get a lease.
_TURN_MILLISECONDS = 250

# A queue is a sorted set of cells. A cell's score is its expiry time in unix seconds by Redis' clock; refreshes add
# 1e12, so that they sort after all cold cells. Queuing a cell as cold overwrites its score; queuing it as a refresh
# never does.
_ENQUEUE = redis.script(
    """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local now = tonumber(redis.call('TIME')[1])
local cold_until, refresh_until = now + ARGV[1], now + ARGV[2] + 1e12
for i = 4, #ARGV do
    if i < 4 + ARGV[3] then
        redis.call('ZADD', KEYS[1], cold_until, ARGV[i])
    else
        redis.call('ZADD', KEYS[1], 'NX', refresh_until, ARGV[i])
    end
end
return redis.call('EXPIRE', KEYS[1], 600)
""",
    role=Role.PRIMARY,
)
# The datasets' queues take turns at a slot: one whose requests wait while another dataset has the lease is next. Its
# processes ask for the lease every few milliseconds, so that a turn which nobody takes up soon ends. Refreshes have no
# turn if they are late ones.
LEASE_LUA = """
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[2]) end
local turn, holder = redis.call('GET', KEYS[3]), redis.call('GET', KEYS[1])
local now = tonumber(redis.call('TIME')[1])
if turn and turn ~= KEYS[2] then return false end
if holder then
    local is_anothers = string.sub(holder, 1, #KEYS[2]) ~= KEYS[2]
    local waiting = is_anothers and redis.call('ZCOUNT', KEYS[2], now, '(1e12') or 0
    if is_anothers and ARGV[5] == '0' then waiting = waiting + redis.call('ZCOUNT', KEYS[2], 1e12 + now, '+inf') end
    if waiting > 0 then
        redis.call('SET', KEYS[3], KEYS[2], 'PX', ARGV[4])
    end
    return false
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], 1e12, 1e12 + now)
return {redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(1e12', 'LIMIT', 0, ARGV[3]),
        redis.call('ZRANGEBYSCORE', KEYS[2], 1e12, '+inf', 'LIMIT', 0, ARGV[3])}
"""
_LEASE = redis.script(LEASE_LUA, role=Role.PRIMARY)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to make a slot's next call, and its cells: those that requests wait for, and those to refresh.

    The token is empty without Redis, where no other process knows of the lease.
    """

    slot: int
    token: str
    cold: list[Cell]
    refresh: list[Cell]

    @property
    def cells(self) -> list[Cell]:
        """All cells of the call, cold ones first."""
        return [*self.cold, *self.refresh]

    def first_cell_only(self) -> "Lease":
        """This lease with one cell alone: the first cold one, or the first refresh if it has no cold one."""
        return replace(self, cold=self.cold[:1], refresh=[] if self.cold else self.refresh[:1])

    def for_cells(self, cells: Iterable[Cell], spender: Spender, most: int) -> "Lease":
        """This lease with its cold cells and then `cells`, paid by the spender, up to `most` in total.

        They replace the refreshes of the lease, which stay in the queue.
        """
        further = [cell for cell in cells if cell not in self.cold][: max(0, most - len(self.cold))]
        if spender == "cold":
            return replace(self, cold=self.cold + further, refresh=[])
        return replace(self, refresh=further)


class FetchQueue:
    """`slots` calls at once in the whole fleet, of at most `batch` cells, each lasting at most `call_seconds`.

    `key` begins the keys of this dataset's queues; slots and leases are shared by all datasets. With `refreshes_late`
    its refreshes take no turn before another dataset's calls.
    """

    def __init__(self, key: str, slots: int, batch: int, call_seconds: float, *, refreshes_late: bool = False) -> None:
        self.key = key
        self.refreshes_late = refreshes_late
        self.slots = slots
        self.batch = batch
        # The lease of a process that dies expires a little after its call would have ended.
        self.lease_milliseconds = int((call_seconds + 1) * 1000)

    def slot_of(self, cell: Cell) -> int:
        """The number of the slot, from 0, whose queue the cell belongs to; the same in every process."""
        return crc32(cell.key.encode()) % self.slots

    def enqueue(self, slot: int, cold: Collection[Cell], wait_seconds: float, refresh: Collection[Cell] = ()) -> None:
        """Queues cells of a slot: cold ones for as long as someone may wait, refreshes for a minute.

        A cell is in the queue once, however many processes queue it. Without Redis nothing is queued.
        """
        redis.fetch_one(self._enqueueing(slot, cold, wait_seconds, refresh))

    def lease(
        self, slot: int, cold: Collection[Cell] = (), wait_seconds: float = 0.0, refresh: Collection[Cell] = ()
    ) -> Lease | None:
        """Queues cells of a slot and takes its lease with a batch of its queue, cold cells first, in one round trip.

        None if another process holds the lease. Without Redis it is an empty lease: no token, no cells.
        """
        _, lease = redis.fetch(*self.leasing(slot, cold, wait_seconds, refresh))
        return lease

    def leasing(
        self, slot: int, cold: Collection[Cell], wait_seconds: float, refresh: Collection[Cell]
    ) -> tuple[Lookup[None], Lookup[Lease | None]]:
        """What `lease` asks, in this order; the second is one command, of LEASE_LUA."""
        queue = self._key_of(slot)
        token = f"{queue}:{secrets.token_hex(8)}"  # by which others see whose lease it is
        keys = (_LEASE_KEY.format(slot), queue, _TURN_KEY.format(slot))
        taking: Lookup[Lease | None] = Lookup(
            _LEASE(keys, token, self.lease_milliseconds, self.batch, _TURN_MILLISECONDS, int(self.refreshes_late)),
            read=partial(self._read_lease, slot, token),
            without=lambda: Lease(slot, "", [], []),
        )
        return self._enqueueing(slot, cold, wait_seconds, refresh), taking

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
        removing: list[Command] = [at(Role.PRIMARY, "ZREM", self._key_of(lease.slot), *keys)] if keys else []
        giving_back = owned_key.releasing(_LEASE_KEY.format(lease.slot), lease.token)
        return Lookup(*removing, giving_back, read=lambda *_: True, without=lambda: False)

    def is_queued(self, cell: Cell) -> Lookup[bool]:
        """Whether any process has queued the cell, as far as this region knows; False without Redis."""
        return self._finding(cell, Role.REPLICA)

    def is_reachable(self, cell: Cell) -> bool:
        """Whether the cell can be queued, as far as this process knows without asking."""
        return not redis.refuses(self._position_of(cell, Role.PRIMARY))

    def queued_of(self, cells: Iterable[Cell]) -> set[Cell]:
        """The subset of `cells` that any process has queued; none without Redis."""
        cells = list(cells)
        queued = redis.fetch_all(self._finding(cell, Role.PRIMARY) for cell in cells)
        return {cell for cell, is_queued in zip(cells, queued, strict=True) if is_queued}

    def _finding(self, cell: Cell, role: Role) -> Lookup[bool]:
        position = self._position_of(cell, role)
        return Lookup(position, read=lambda score: score is not None, without=lambda: False)

    def _position_of(self, cell: Cell, role: Role) -> Command:
        return at(role, "ZSCORE", self._key_of(self.slot_of(cell)), cell.key)

    def _key_of(self, slot: int) -> str:
        return f"{self.key}:{slot}"

    def _enqueueing(
        self, slot: int, cold: Collection[Cell], wait_seconds: float, refresh: Collection[Cell]
    ) -> Lookup[None]:
        if not (cold or refresh):
            return Lookup(read=_nothing)
        keys = [cell.key for cell in (*cold, *refresh)]
        enqueue = _ENQUEUE(self._key_of(slot), math.ceil(wait_seconds), REFRESH_QUEUED_SECONDS, len(cold), *keys)
        return Lookup(enqueue, read=_nothing, without=_nothing)

    def _read_lease(self, slot: int, token: str, batches: list[list[bytes]] | None) -> Lease | None:
        if batches is None:
            return None
        cold, refresh = ([cell for cell in map(Cell.from_member, members) if cell] for members in batches)
        return Lease(slot, token, cold, refresh[: self.batch - len(cold)])


def _nothing(*replies: object) -> None:
    return None
