"""How often cells are asked for: gathered in each process, kept as decayed counts in one sorted set in Redis.

A request counts half after one half-life. Rather than shrink all counts as time goes by, new ones are counted higher
(forward decay): by 2 to the power of the half-lives since the landmark, which lies in the set as a member with a
negative score.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import pairwise
from time import time

from weather.core.cells import Cell
from weathernote import redis
from weathernote.redis import Command, Reply, without_redis

LANDMARK = "landmark"
#: Beyond so many cells the least popular are forgotten.
MOST_CELLS = 50_000
#: What is left of two requests half a day apart.
ASKED_TWICE = 1.5
#: The census tells rates in one octave apart four times.
STEPS_IN_AN_OCTAVE = 4
#: A clock may be set back by some hours, as after a failover, or by a half-life where that is longer.
MOST_AHEAD_SECONDS = 4 * 3600
#: From two requests in a half-life to a million million a second; what is beyond was written by hand.
MOST_OCTAVES = 64

_PAIRS_AT_ONCE = 500
_MOST_WAITING = 200_000

# Doubles end at 2^1023. Past 2^500 all scores are divided by as much; what becomes nothing by that was nothing. A
# landmark far ahead of the clock was not set by it: what was counted from it tells nothing.
_COUNT = redis.script(f"""
local key, half_life, most = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end
if redis.call('TYPE', key).ok ~= 'zset' then redis.call('DEL', key) end
local landmark = redis.call('ZSCORE', key, '{LANDMARK}')
landmark = landmark and -tonumber(landmark) or now
if landmark > now + math.max(half_life, {MOST_AHEAD_SECONDS}) then
  redis.call('DEL', key)
  landmark = now
end
local half_lives = math.max(0, (now - landmark) / half_life)
if half_lives > 500 then
  redis.call('ZUNIONSTORE', key, 1, key, 'WEIGHTS', string.format('%.17g', 2 ^ -half_lives))
  redis.call('ZREMRANGEBYSCORE', key, '-inf', 1e-9)
  landmark, half_lives = now, 0
end
redis.call('ZADD', key, string.format('%.17g', -landmark), '{LANDMARK}')
local one = 2 ^ half_lives
for at = 5, #ARGV, 2 do
  redis.call('ZINCRBY', key, string.format('%.17g', tonumber(ARGV[at + 1]) * one), ARGV[at])
end
local surplus = redis.call('ZCARD', key) - 1 - most
if surplus > 0 then redis.call('ZREMRANGEBYRANK', key, 1, surplus) end
redis.call('EXPIRE', key, ARGV[3])
return string.format('%.3f', now)
""")


class Popularity:
    """Requests per second and cell. `saw` is all that a request does; `flush` sends what was gathered to Redis.

    A server calls `flush` every few seconds behind its requests. `recent` counts the same requests with a shorter
    half-life. `redis_now` stands in for Redis' own clock.
    """

    def __init__(
        self,
        key: str = "popularity:cells",
        *,
        half_life_seconds: float = 12 * 3600,
        now: Callable[[], float] = time,
        redis_now: Callable[[], float] | None = None,
        recent: "Popularity | None" = None,
    ) -> None:
        self.key = key
        self.recent = recent
        self.half_life_seconds = half_life_seconds
        self.now = now
        self.redis_now = redis_now
        self._ahead_seconds = 0.0  # how far Redis' clock is ahead of this machine's
        # Appending and taking are atomic each, so that no request ever waits for a lock.
        self._waiting: deque[tuple[Cell, int]] = deque(maxlen=_MOST_WAITING)

    # ── on the path of a request ──────────────────────────────────────────────────────────────────

    def saw(self, cell: Cell, times: int = 1) -> None:
        """Notes a request for the cell, or as many as a cache further out answered."""
        self._waiting.append((cell, times))

    def rating(self, cell: Cell) -> Command:
        """The command whose reply `rate` reads, for whoever shares a round trip with it."""
        return ("ZMSCORE", self.key, LANDMARK, cell.key)

    @without_redis(returns=0.0)
    def rate(self, reply: Reply) -> float:
        """Requests per second for the cell of `rating`; 0 where nobody asked for long, or Redis does not say."""
        landmark, score = redis.value(reply)
        return 0.0 if landmark is None or score is None else self._rate(score, self._per_second(landmark))

    # ── behind it ─────────────────────────────────────────────────────────────────────────────────

    @without_redis(instead=lambda self, cells: {})
    def rates(self, cells: Iterable[Cell]) -> dict[Cell, float]:
        """The rates of many cells in one round trip; cells that nobody asked for are left out."""
        cells = list(cells)
        landmark, *scores = redis.value(redis.ask(("ZMSCORE", self.key, LANDMARK, *(cell.key for cell in cells)))[0])
        if landmark is None:
            return {}
        per_second = self._per_second(landmark)
        return {cell: self._rate(score, per_second) for cell, score in zip(cells, scores, strict=True) if score}

    @without_redis(instead=lambda self, most: {})
    def most_popular(self, most: int) -> dict[Cell, float]:
        """The rates of the most popular cells, the first of them first."""
        landmark, best = redis.ask(
            ("ZSCORE", self.key, LANDMARK), ("ZREVRANGEBYSCORE", self.key, "+inf", "(0", "WITHSCORES", "LIMIT", 0, most)
        )
        if redis.value(landmark) is None:
            return {}
        per_second = self._per_second(redis.value(landmark))
        members = redis.value(best)
        rates = {}
        for member, score in zip(members[::2], members[1::2], strict=True):
            with suppress(ValueError):  # the member is no cell's name: it was written by hand
                rates[Cell.from_key(member.decode())] = self._rate(score, per_second)
        return rates

    def asked_for_within(self, seconds: float, most: int) -> list[Cell]:
        """The cells that were asked for within so many seconds, or oftener before that; the most popular first."""
        least = 2 ** (-seconds / self.half_life_seconds) * self.rate_of_one
        return [cell for cell, rate in self.most_popular(most).items() if rate >= least]

    def flush(self) -> None:
        """Adds to Redis' counts what `saw` gathered since the last call; what Redis does not take is lost."""
        counts: Counter[str] = Counter()
        for _ in range(len(self._waiting)):
            cell, times = self._waiting.popleft()
            counts[cell.key] += times
        pairs = list(counts.items())
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            part = dict(pairs[start : start + _PAIRS_AT_ONCE])
            self._count(part)
            if self.recent:
                self.recent._count(part)

    @without_redis(returns=None)
    def _count(self, counts: Mapping[str, int]) -> None:
        clock = "" if self.redis_now is None else self.redis_now()
        # After seven half-lives a hundredth is left of a count.
        life_seconds = math.ceil(7 * self.half_life_seconds)
        pairs = [argument for pair in counts.items() for argument in pair]
        reply = redis.ask(_COUNT(self.key, clock, self.half_life_seconds, life_seconds, MOST_CELLS, *pairs))[0]
        self._ahead_seconds = float(redis.value(reply)) - self.now()

    def census(self) -> list[tuple[float, int]]:
        """How many cells have which rate, in steps; counted by Redis, so that no process reads 50,000 rates.

        Cells asked for less than twice are left out: who asked once may never ask again. RedisDown without Redis.
        """
        landmark, best = map(
            redis.value, redis.ask(("ZSCORE", self.key, LANDMARK), ("ZREVRANGE", self.key, 0, 0, "WITHSCORES"))
        )
        if landmark is None or not best:
            return []
        per_second = self._per_second(landmark)
        if per_second == 0:
            return []
        least = ASKED_TWICE * self.rate_of_one / per_second
        octaves = min(math.log2(max(1.0, float(best[1]) / least)), MOST_OCTAVES)
        steps = math.ceil(STEPS_IN_AN_OCTAVE * octaves) + 1
        bounds = [least * 2 ** (step / STEPS_IN_AN_OCTAVE) for step in range(steps + 1)]
        above = [redis.value(reply) for reply in redis.ask(*(("ZCOUNT", self.key, repr(at), "+inf") for at in bounds))]
        middle = 2 ** (0.5 / STEPS_IN_AN_OCTAVE) * per_second
        return [
            (bound * middle, more - fewer)
            for bound, (more, fewer) in zip(bounds, pairwise(above), strict=False)
            if more > fewer
        ]

    @property
    def rate_of_one(self) -> float:
        """The rate that one request just now comes to."""
        return math.log(2) / self.half_life_seconds

    def _per_second(self, landmark_score: bytes) -> float:
        """What a score in the set is worth now, as a rate; 0 where the landmark lies far ahead of now."""
        now = self.redis_now() if self.redis_now else self.now() + self._ahead_seconds
        ahead_seconds = -float(landmark_score) - now
        if ahead_seconds > max(self.half_life_seconds, MOST_AHEAD_SECONDS):
            return 0.0
        return 2 ** (ahead_seconds / self.half_life_seconds) * self.rate_of_one

    @staticmethod
    def _rate(score: bytes, per_second: float) -> float:
        rate = float(score) * per_second
        return rate if 0 <= rate < math.inf else 0.0
