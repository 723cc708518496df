"""How many new cells one client and one address may have fetched, so that nobody can use up the budget."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from weather.budget.budget import Budget
from weathernote import redis
from weathernote.redis import Command, Lookup, RedisClock, Role, without_redis
from weathernote.redis.clock import NOW_LUA

CLIENT_WINDOW_SECONDS = 3600

# A window is identified by its end in milliseconds of Redis' clock: a charge of one window is not given back to the
# next.
_ENDS = """
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + redis.call('PTTL', KEYS[1])
"""
_CLIENT = redis.script(
    """
local count = tonumber(redis.call('GET', KEYS[1]) or 0)
if count >= tonumber(ARGV[1]) then return {0, redis.call('TTL', KEYS[1])} end
redis.call('INCR', KEYS[1])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
"""
    + _ENDS
    + "return {1, ends}",
    role=Role.PRIMARY,
)
_CLIENT_BACK = redis.script(
    _ENDS
    + """
if math.abs(ends - ARGV[2]) > 1000 then return 0 end
local back = math.min(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1]))
if back > 0 then return redis.call('DECRBY', KEYS[1], back) end
return 0
""",
    role=Role.PRIMARY,
)
# ARGV, after the time: what is left of the hour and of the day for cold cells, and the share of it that one address may
# have. What it had counts as left, so that alone it gets just that share, and less where others spend too; one it may
# always have.
_ADDRESS = redis.script(
    NOW_LUA
    + """
now = math.floor(now)
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
local changes, starts = {}, {}
for at, length in ipairs({3600, 86400}) do
    local start, name = now - now % length, 'from:' .. length
    local spent = 0
    if redis.call('HGET', KEYS[1], name) == tostring(start) then
        spent = tonumber(redis.call('HGET', KEYS[1], 'spent:' .. length))
    end
    local most = math.max(1, math.floor(ARGV[4] * (ARGV[at + 1] + spent)))
    if spent + 1 > most then return {0, start + length - now, most, length} end
    changes[#changes + 1] = {name, tostring(start), 'spent:' .. length, spent + 1}
    starts[at] = start
end
for _, change in ipairs(changes) do redis.call('HSET', KEYS[1], unpack(change)) end
redis.call('EXPIRE', KEYS[1], 86400)
return {1, starts[1], starts[2]}
""",
    role=Role.PRIMARY,
)
_ADDRESS_BACK = redis.script(
    """
for at, length in ipairs({3600, 86400}) do
    local spent = tonumber(redis.call('HGET', KEYS[1], 'spent:' .. length) or 0)
    local back = math.min(spent, tonumber(ARGV[1]))
    if back > 0 and redis.call('HGET', KEYS[1], 'from:' .. length) == ARGV[at + 1] then
        redis.call('HINCRBY', KEYS[1], 'spent:' .. length, -back)
    end
end
return 1
""",
    role=Role.PRIMARY,
)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """An allowance of `quota` cells in a window is used up; when there is more."""

    limit: Literal["cold-client", "cold-address"]
    quota: int
    window_seconds: int
    retry_after_seconds: int


@dataclass(frozen=True, slots=True)
class Charge:
    """A new cell charged to a client and an address, by their hashes; None as the window of one that was not charged.

    Windows are known by when they end (the client's hour, milliseconds) and begin (the address' hour and day, seconds).
    """

    client: str
    address: str
    client_window: int | None
    address_windows: tuple[int, int] | None


class Allowance:
    """`cells_per_client` an hour for a client, and for an address a share of what is left of the cold reserve.

    A cell takes `weight_of_a_cell` of that. Windows are those of `clock`.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        cells_per_client: int,
        share_per_address: float,
        weight_of_a_cell: float = 1.0,
        clock: RedisClock | None = None,
    ) -> None:
        self.budget = budget
        self.clock = clock or RedisClock()
        self.cells_per_client = cells_per_client
        self.share_per_address = share_per_address
        self.weight_of_a_cell = weight_of_a_cell

    def charge(self, client: str, address: str, cells: int = 1) -> list[Charge | Exceeded]:
        """Charges `cells` new cells, one by one, to a client and its address, given as hashes.

        For each cell its charge, or the allowance that is used up; in one round trip if none is. Without Redis nobody
        is charged: each process then has only its small share of the budget.
        """
        reserve = self.budget.cold_reserve()
        of_hour, of_day = (reserve[window] / self.weight_of_a_cell for window in ("hour", "day"))
        share = self.share_per_address if self.share_per_address < 1 else math.inf
        of_client = _CLIENT(f"cold:client:{client}", self.cells_per_client, CLIENT_WINDOW_SECONDS)
        of_address = _ADDRESS(f"cold:address:{address}", self.clock.script_argument, of_hour, of_day, share)
        replies = redis.fetch_all([_charging(of_client)] * cells + [_charging(of_address)] * cells)
        taken = list(zip(replies[:cells], replies[cells:], strict=True))
        charges = [Charge(client, address, *_windows(*of_one)) for of_one in taken]
        exceeded = [self._exceeded(*of_one) for of_one in taken]
        # What one of the two allowances refused is not charged to the other.
        self.give_back(charge for charge, why in zip(charges, exceeded, strict=True) if why)
        return [why or charge for charge, why in zip(charges, exceeded, strict=True)]

    def _exceeded(self, of_client: Sequence[int] | None, of_address: Sequence[int] | None) -> Exceeded | None:
        if of_client and not of_client[0]:
            return Exceeded("cold-client", self.cells_per_client, CLIENT_WINDOW_SECONDS, max(1, of_client[1]))
        if of_address and not of_address[0]:
            _, seconds, most, window = of_address
            return Exceeded("cold-address", most, window, max(1, seconds))
        return None

    @without_redis(returns=None)
    def give_back(self, charges: Iterable[Charge]) -> None:
        """Undoes charges for cells that were queued already, or that no budget was spent on."""
        commands: list[Command] = []
        for charge, cells in Counter(charges).items():
            if charge.client_window is not None:
                commands.append(_CLIENT_BACK(f"cold:client:{charge.client}", cells, charge.client_window))
            if charge.address_windows is not None:
                commands.append(_ADDRESS_BACK(f"cold:address:{charge.address}", cells, *charge.address_windows))
        redis.execute(*commands)


def _charging(command: Command) -> Lookup[list[int] | None]:
    """What a script that charges replied: 1 and the windows, or 0 and why not; None without Redis."""
    return Lookup(command, read=list, without=lambda: None)


def _windows(
    of_client: Sequence[int] | None, of_address: Sequence[int] | None
) -> tuple[int | None, tuple[int, int] | None]:
    """The windows that the two scripts charged, the client's and the address'; None for one that refused."""
    client_window = of_client[1] if of_client and of_client[0] else None
    return client_window, (of_address[1], of_address[2]) if of_address and of_address[0] else None
