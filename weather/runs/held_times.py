"""When each held record of a dataset was fetched: one sorted set in Redis, so that thousands are looked at in one go.

The records themselves say it too, each at the cost of reading 3 kB. What the set lacks, as after an upgrade, comes in
with the cell's next refresh.
"""

from collections.abc import Iterable, Mapping

from weather.core.cells import Cell
from weather.core.windows import CLOCK_SLACK_SECONDS
from weathernote import redis
from weathernote.redis import Command, Lookup, RedisClock, Role, at
from weathernote.redis.clock import NOW_LUA

#: Members are removed once their record has ended; the least recent first, if they are more than these.
MOST_CELLS = 50_000

_NOTE = redis.script(
    NOW_LUA
    + f"""
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
-- A time that has not come yet would stand until it has.
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now + {CLOCK_SLACK_SECONDS}), '+inf')
for at = 3, #ARGV, 2 do
  if tonumber(ARGV[at + 1]) <= now + {CLOCK_SLACK_SECONDS} then
    redis.call('ZADD', KEYS[1], 'GT', ARGV[at + 1], ARGV[at])
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[2]))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -{MOST_CELLS + 1})
return redis.call('EXPIRE', KEYS[1], ARGV[2])
""",
    role=Role.PRIMARY,
)


class HeldTimes:
    """Cell → when its record was fetched, of one dataset, for as long as records are held."""

    def __init__(self, dataset: str, hold_seconds: int, clock: RedisClock | None = None) -> None:
        self.clock = clock or RedisClock()
        self.key = f"fetched:{dataset}"
        self.hold_seconds = hold_seconds

    def noting(self, fetched_at: Mapping[Cell, int]) -> Command:
        """The command that notes when records were fetched, in unix seconds."""
        members = [argument for cell, at in fetched_at.items() for argument in (cell.key, at)]
        return _NOTE(self.key, self.clock.script_argument, self.hold_seconds, *members)

    def fetched_at(self, cells: Iterable[Cell]) -> Lookup[dict[Cell, float]]:
        """Cell → when its record was fetched, in unix seconds; unknown ones are left out. A thousand cells at most.

        So are times at which nothing that is held can have been fetched.
        """
        cells = list(cells)

        def read(scores: list[bytes | None]) -> dict[Cell, float]:
            now = self.clock.now()
            known = {cell: float(score) for cell, score in zip(cells, scores, strict=True) if score is not None}
            return {cell: at for cell, at in known.items() if now - self.hold_seconds < at <= now + CLOCK_SLACK_SECONDS}

        return Lookup(at(Role.REPLICA, "ZMSCORE", self.key, *(cell.key for cell in cells)), read=read)
