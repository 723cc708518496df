"""How many new places one client and one address may have Open-Meteo asked for, so that nobody can drain the budget."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from weather.budget import Budget
from weathernote import redis
from weathernote.redis import Reply, without_redis

CLIENT_WINDOW_SECONDS = 3600

_CLIENT = redis.script("""
local count = tonumber(redis.call('GET', KEYS[1]) or 0)
if count >= tonumber(ARGV[1]) then return {0, redis.call('TTL', KEYS[1])} end
redis.call('INCR', KEYS[1])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return {1, 0}
""")
_CLIENT_BACK = redis.script("""
local back = math.min(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1]))
if back > 0 then return redis.call('DECRBY', KEYS[1], back) end
return 0
""")
# ARGV: what is left of the hour and of the day for cold cells, and the share of it that one address may have. What it
# had counts as left, so that alone it gets just that share, and less where others spend too; one it may always have.
_ADDRESS = redis.script("""
local now = tonumber(ARGV[4]) or tonumber(redis.call('TIME')[1])
local changes = {}
for at, length in ipairs({3600, 86400}) do
    local start, name = now - now % length, 'from:' .. length
    local spent = 0
    if redis.call('HGET', KEYS[1], name) == tostring(start) then
        spent = tonumber(redis.call('HGET', KEYS[1], 'spent:' .. length))
    end
    local most = math.max(1, math.floor(ARGV[3] * (ARGV[at] + spent)))
    if spent + 1 > most then return {0, start + length - now, most, length} end
    changes[#changes + 1] = {name, tostring(start), 'spent:' .. length, spent + 1}
end
for _, change in ipairs(changes) do redis.call('HSET', KEYS[1], unpack(change)) end
redis.call('EXPIRE', KEYS[1], 86400)
return {1, 0, 0, 0}
""")
_ADDRESS_BACK = redis.script("""
for _, length in ipairs({3600, 86400}) do
    local back = math.min(tonumber(redis.call('HGET', KEYS[1], 'spent:' .. length) or 0), tonumber(ARGV[1]))
    if back > 0 then redis.call('HINCRBY', KEYS[1], 'spent:' .. length, -back) end
end
return 1
""")


@dataclass(frozen=True, slots=True)
class Exceeded:
    """An allowance is used up: its policy as in the `RateLimit-Policy` header, and when there is more."""

    policy: str
    retry_after_seconds: int


class Allowance:
    """`cells_per_client` an hour for a client, and for an address a share of what is left of the cold reserve.

    A cell takes `weight_of_a_cell` of that. `redis_now` stands in for Redis' own clock in tests.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        cells_per_client: int,
        share_per_address: float,
        weight_of_a_cell: float = 1.0,
        redis_now: Callable[[], float] | None = None,
    ) -> None:
        self.budget = budget
        self.redis_now = redis_now
        self.cells_per_client = cells_per_client
        self.share_per_address = share_per_address
        self.weight_of_a_cell = weight_of_a_cell

    def charge(self, client: str, address: str) -> Exceeded | None:
        """Takes one cold cell from both, given as hashes; what is used up, or None.

        Without Redis nothing is counted: each process then has its small share of the budget, and no more.
        """
        return self.charge_each(1, client, address)[0]

    def charge_each(self, cells: int, client: str, address: str) -> list[Exceeded | None]:
        """As `charge`, for each of several cells, in one round trip if all goes well."""
        if min(self.budget.remaining().values()) < self.weight_of_a_cell:
            return [None] * cells  # not this client's fault: the budget says so
        reserve = self.budget.cold_reserve()
        of_hour, of_day = (reserve[window] / self.weight_of_a_cell for window in ("hour", "day"))
        clock = "" if self.redis_now is None else int(self.redis_now())
        share = self.share_per_address if self.share_per_address < 1 else math.inf
        of_client = _CLIENT(f"cold:client:{client}", self.cells_per_client, CLIENT_WINDOW_SECONDS)
        of_address = _ADDRESS(f"cold:address:{address}", of_hour, of_day, share, clock)
        replies = redis.ask(*[of_client] * cells, *[of_address] * cells)
        both = list(zip(replies[:cells], replies[cells:], strict=True))
        exceeded = [self._exceeded(*of_one) for of_one in both]
        # Who is refused by the one is not charged by the other.
        refused = [of_one for of_one, why in zip(both, exceeded, strict=True) if why]
        self._return(client, sum(reply[0] for reply, _ in refused), address, sum(reply[0] for _, reply in refused))
        return exceeded

    @without_redis(returns=None)
    def _exceeded(self, client_reply: Reply, address_reply: Reply) -> Exceeded | None:
        of_client, of_address = redis.value(client_reply), redis.value(address_reply)
        if of_client[0] and of_address[0]:
            return None
        if of_client[0]:
            _, seconds, most, window = of_address
            return Exceeded(f'"cold-address";q={most};w={window}', max(1, seconds))
        return Exceeded(f'"cold-client";q={self.cells_per_client};w={CLIENT_WINDOW_SECONDS}', max(1, of_client[1]))

    def give_back(self, client: str, address: str, cells: int = 1) -> None:
        """Undoes charges for what did not come, or what others had wanted already."""
        self._return(client, cells, address, cells)

    @without_redis(returns=None)
    def _return(self, client: str, of_client: int, address: str, of_address: int) -> None:
        commands = [_CLIENT_BACK(f"cold:client:{client}", of_client)] if of_client else []
        commands += [_ADDRESS_BACK(f"cold:address:{address}", of_address)] if of_address else []
        for reply in redis.ask(*commands):
            redis.value(reply)
