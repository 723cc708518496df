"""How many new places one client and one address may have Open-Meteo asked for, so that nobody can drain the budget."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from weather.budget import Budget
from weathernote import redis
from weathernote.redis import without_redis

CLIENT_WINDOW_SECONDS = 3600

_CLIENT = redis.script("""
local count = tonumber(redis.call('GET', KEYS[1]) or 0)
if count >= tonumber(ARGV[1]) then return {0, redis.call('TTL', KEYS[1])} end
redis.call('INCR', KEYS[1])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return {1, 0}
""")
# ARGV: what is left of the hour and of the day for cold cells, and the share of it that one address may have. What it
# had counts as left, so that alone it gets just that share, and less where others spend too.
_ADDRESS = redis.script("""
local now = tonumber(ARGV[4]) or tonumber(redis.call('TIME')[1])
local changes = {}
for at, length in ipairs({3600, 86400}) do
    local start, name = now - now % length, 'from:' .. length
    local spent = 0
    if redis.call('HGET', KEYS[1], name) == tostring(start) then
        spent = tonumber(redis.call('HGET', KEYS[1], 'spent:' .. length))
    end
    if spent + 1 > ARGV[3] * (ARGV[at] + spent) then return {0, start + length - now} end
    changes[#changes + 1] = {name, tostring(start), 'spent:' .. length, spent + 1}
end
for _, change in ipairs(changes) do redis.call('HSET', KEYS[1], unpack(change)) end
redis.call('EXPIRE', KEYS[1], 86400)
return {1, 0}
""")


@dataclass(frozen=True, slots=True)
class Exceeded:
    """An allowance is used up: its policy as in the `RateLimit-Policy` header, and when there is more."""

    policy: str
    retry_after_seconds: int


class Allowance:
    """`cells_per_client` an hour for a client, and for an address a share of what is left of the cold reserve.

    `redis_now` stands in for Redis' own clock in tests.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        cells_per_client: int,
        share_per_address: float,
        redis_now: Callable[[], float] | None = None,
    ) -> None:
        self.budget = budget
        self.redis_now = redis_now
        self.cells_per_client = cells_per_client
        self.share_per_address = share_per_address

    @without_redis(returns=None)
    def charge(self, client: str, address: str) -> Exceeded | None:
        """Takes one cold cell from both, given as hashes; what is used up, or None.

        Without Redis nothing is counted: each process then has its small share of the budget, and no more.
        """
        if min(self.budget.remaining().values()) < 1:
            return None  # not this client's fault: the budget says so
        reserve = self.budget.cold_reserve()
        clock = "" if self.redis_now is None else int(self.redis_now())
        share = self.share_per_address if self.share_per_address < 1 else math.inf
        client_reply, address_reply = redis.ask(
            _CLIENT(f"cold:client:{client}", self.cells_per_client, CLIENT_WINDOW_SECONDS),
            _ADDRESS(f"cold:address:{address}", reserve["hour"], reserve["day"], share, clock),
        )
        of_client, of_address = redis.value(client_reply), redis.value(address_reply)
        if not of_client[0]:
            return Exceeded(f'"cold-client";q={self.cells_per_client};w={CLIENT_WINDOW_SECONDS}', max(1, of_client[1]))
        if not of_address[0]:
            return Exceeded(f'"cold-address";q={int(share * reserve["hour"])};w=3600', max(1, of_address[1]))
        return None
