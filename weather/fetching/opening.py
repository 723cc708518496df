"""The opening of a round in one exchange with the primary, which may be far away.

Cells are queued, a lease is taken, and where that succeeds the records of its cells are looked at, and
cold cells that have none are paid for. Each would take a round trip by itself, while a phone waits.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial

from weather.budget.failures import FIELDS
from weather.budget.payment import Payments
from weather.budget.quota import Denied, Granted
from weather.budget.scripts import SPEND_LUA
from weather.core.cells import Cell
from weather.fetching.fetch_queue import FetchQueue, Lease
from weather.fetching.queue_scripts import LEASE_LUA
from weather.fetching.store import Store
from weathernote import redis
from weathernote.redis import Lookup, Reply, Role, Word

# KEYS are the lease's and the budget's. ARGV: how many arguments the lease has and then these, the prefix and the field
# of records, the key of rejected cells, what a cell weighs, what is paid already and for which minute, how many cells
# may be paid for, the budget's field that counts failures, with any of which one cell alone is asked for, and the
# budget's arguments, whose second and third are the weight and the least of it (FetchQueue.leasing, Budget.ahead).
#
# A cell that has a record, or was rejected, is decided on by the process, which can read them. The keys of records
# follow from the queue's members, so that this is for one server and not for a cluster.
_OPEN = redis.script(
    f"""
local function lease(KEYS, ARGV) {LEASE_LUA} end
local function spend(KEYS, ARGV) {SPEND_LUA} end

local own = 2 + ARGV[1]
local leased = lease({{unpack(KEYS, 1, #KEYS - 1)}}, {{unpack(ARGV, 2, own - 1)}})
if not leased then return false end
local prefix, version, rejected_key = ARGV[own], ARGV[own + 1], ARGV[own + 2]
local weight_of_a_cell, credit, most_paid = tonumber(ARGV[own + 3]), tonumber(ARGV[own + 4]), tonumber(ARGV[own + 6])
local now, unheld = tonumber(redis.call('TIME')[1]), 0
if now - now % 60 ~= tonumber(ARGV[own + 5]) then credit = 0 end
local failures = redis.pcall('HGET', KEYS[#KEYS], ARGV[own + 7])
if type(failures) == 'string' and tonumber(failures) ~= 0 then most_paid = math.min(most_paid, 1) end
local function price(cells)
  return math.max(1, math.ceil(math.floor((cells * weight_of_a_cell - credit) * 1e6 + 0.5) / 1e6))
end

local members, records, rejected = {{}}, {{}}, {{}}
for part = 2, 3 do  -- the cold cells, and the refreshes
  for _, member in ipairs(leased[part]) do
    local record = redis.pcall('HGET', prefix .. ':' .. member, version)
    local score = redis.pcall('ZSCORE', rejected_key, member)
    if type(record) ~= 'string' then record = false end
    if type(score) ~= 'string' then score = false end
    if part == 2 and not record and not (score and tonumber(score) > now) then unheld = unheld + 1 end
    members[#members + 1], records[#records + 1], rejected[#rejected + 1] = member, record, score
  end
end
local charged, cells = false, math.min(unheld, most_paid)
if cells > 0 then
  local arguments = {{unpack(ARGV, own + 8)}}
  arguments[2], arguments[3] = price(cells), price(1)
  charged = spend({{KEYS[#KEYS]}}, arguments)
end
return {{leased, members, records, rejected, charged}}
""",
    role=Role.PRIMARY,
)


@dataclass(frozen=True, slots=True)
class OpenedLease(Lease):
    """A lease with what Redis replied about its cells: packed record and score among the rejected, None without one."""

    records: Mapping[Cell, bytes | None] = field(default_factory=dict)
    rejected: Mapping[Cell, bytes | None] = field(default_factory=dict)
    #: For the cold cells without a record; None if nothing was charged.
    charged: Granted | Denied | None = None

    @property
    def unheld(self) -> frozenset[Cell]:
        """The cold cells without a record."""
        return frozenset(cell for cell in self.cold if self.records.get(cell) is None)


class Opening:
    """Takes leases of `queue` for a round of `store`'s dataset, for whose cells `payments` are made."""

    def __init__(self, queue: FetchQueue, store: Store, payments: Payments) -> None:
        self.queue = queue
        self.store = store
        self.payments = payments
        self.budget = payments.budget

    def lease(self, cold: Collection[Cell], wait_seconds: float, refresh: Collection[Cell]) -> Lease | None:
        """The lease as FetchQueue.lease gives it; opened, where the primary is one server and not this region's own."""
        if redis.is_one_server() or redis.is_cluster(Role.PRIMARY):
            return self.queue.lease(cold, wait_seconds, refresh)
        queueing, taking = self.queue.leasing(cold, wait_seconds, refresh)
        (leasing,) = taking.commands
        number_of_keys = int(leasing[2])
        keys, arguments = leasing[3 : 3 + number_of_keys], leasing[3 + number_of_keys :]
        opening = _OPEN((*map(str, keys), self.budget.key), len(arguments), *arguments, *self._arguments())
        is_queued, lease = redis.fetch(
            queueing, Lookup(opening, read=partial(self._read, taking), without=taking.without)
        )
        return lease if is_queued or lease else Lease.without_queue()

    def _arguments(self) -> tuple[Word, ...]:
        dataset, charging = self.store.dataset, self.budget.ahead(self.store.name)
        of_store = (dataset.record_key, self.store.version, dataset.rejected_key)
        price = (self.payments.weight_of_a_cell, *self.payments.credit())
        most = 0 if charging is None else self.queue.batch
        return (*of_store, *price, most, FIELDS[self.store.name].failures, *(charging or ()))

    def _read(self, taking: Lookup[Lease | None], reply: list[Reply] | None) -> Lease | None:
        if reply is None:
            return taking.read(None)
        leased, members, records, rejected, charged = reply
        lease = taking.read(leased)
        if lease is None:
            return None
        cells = [Cell.from_member(member) for member in members]
        return OpenedLease(
            lease.slot,
            lease.token,
            lease.cold,
            lease.refresh,
            {cell: record for cell, record in zip(cells, records, strict=True) if cell},
            {cell: score for cell, score in zip(cells, rejected, strict=True) if cell},
            None if charged is None else self.budget.learn(charged),
        )
