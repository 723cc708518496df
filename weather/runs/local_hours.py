"""The requests of each hour of the local week, counted by UTC day in Redis, and the shape that they tell.

A day is a hash of at most 50 fields, which lives for the weeks that a shape is learned from. A day counts once it is
over, and only if the service ran at its beginning and at its end.
"""

from collections import Counter
from contextlib import suppress

from weather.core.cells import Cell
from weather.core.runs.rate_shape import MOST_DAYS, WEEK_HOURS, RateShape, local_hour, offset_hours
from weathernote import redis
from weathernote.redis import Lookup, RedisClock, Role, without_redis

DAY_SECONDS = 86_400
LIFE_SECONDS = (MOST_DAYS + 1) * DAY_SECONDS
#: A day is whole if requests were counted as soon after its beginning, and as shortly before its end.
EDGE_SECONDS = 1800

_COUNT = redis.script(
    """
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSETNX', KEYS[1], 'from', ARGV[2])
redis.call('HSET', KEYS[1], 'until', ARGV[2])
for at = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1]) end
return redis.call('EXPIRE', KEYS[1], ARGV[1])
""",
    role=Role.PRIMARY,
)
# A key of another type is a day without counts: it must not keep all others from being read.
_READ = redis.script(
    "return redis.call('TYPE', KEYS[1]).ok == 'hash' and redis.call('HGETALL', KEYS[1]) or {}", role=Role.REPLICA
)


class LocalHours:
    """Counts requests, and holds the `shape` learned from past days; it is flat until there are any."""

    def __init__(self, key: str = "popularity:hours", *, clock: RedisClock) -> None:
        self.key = key
        self.clock = clock
        self.shape = RateShape.flat()
        self._days: dict[int, list[int]] = {}
        self._learned_on = 0

    @without_redis(returns=None)
    def count(self, requests: Counter[Cell]) -> None:
        """Adds requests of just now for each cell; without Redis they are lost."""
        if not requests:
            return
        now = self.clock.now()
        hours: Counter[int] = Counter()
        for cell, times in requests.items():
            hours[local_hour(offset_hours(cell), now)] += times
        day, second = divmod(int(now), DAY_SECONDS)
        pairs = [argument for pair in hours.items() for argument in pair]
        redis.execute(_COUNT(self._key_of(day), LIFE_SECONDS, second, *pairs))

    @without_redis(returns=None)
    def learn(self) -> None:
        """Reads the days that are over and not known yet, once a day, and learns the shape from them."""
        today = int(self.clock.now()) // DAY_SECONDS
        if today == self._learned_on:
            return
        past = range(today - MOST_DAYS, today)
        unknown = [day for day in past if day not in self._days]
        read = redis.fetch_all(Lookup(_READ(self._key_of(day)), read=_read) for day in unknown)
        known = self._days | {day: counts for day, counts in zip(unknown, read, strict=True) if counts}
        self._days = {day: counts for day, counts in known.items() if day in past}
        self.shape = RateShape.learned(self._days, today)
        self._learned_on = today

    def _key_of(self, day: int) -> str:
        return f"{self.key}:{day}"


def _read(flat: list[bytes]) -> list[int]:
    """The counts of a day by hour of the local week; empty if the day was not counted whole."""
    held = dict(zip(flat[::2], flat[1::2], strict=True))
    counts = [0] * WEEK_HOURS
    with suppress(ValueError, KeyError, IndexError):  # written by hand, or by nobody
        if int(held.pop(b"from")) > EDGE_SECONDS or int(held.pop(b"until")) < DAY_SECONDS - EDGE_SECONDS:
            return []
        for hour, count in held.items():
            counts[int(hour)] = max(0, int(count))
        return counts
    return []
