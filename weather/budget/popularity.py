"""How often cells are asked for: gathered in each process, stored as decayed counts in a sorted set in Redis.

A request counts half after one half-life. Rather than shrink all counts as time goes by, new ones are counted higher
(forward decay): by 2 to the power of the half-lives since the landmark, which lies in the set as a member with a
negative score.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from weather.core.cells import Cell
from weather.runs.local_hours import LocalHours
from weathernote import redis
from weathernote.redis import Command, Lookup, RedisClock, Role, at, without_redis
from weathernote.redis.clock import NOW_LUA

LANDMARK = "landmark"
#: Beyond so many cells the least popular are forgotten.
MOST_CELLS = 50_000
#: What is left of two requests half a day apart.
ASKED_TWICE = 1.5
#: The census counts cells in steps of the rate, four to each doubling.
STEPS_IN_AN_OCTAVE = 4
#: A clock may be set back by some hours, as after a failover, or by a half-life where that is longer.
MOST_AHEAD_SECONDS = 4 * 3600
#: From two requests in a half-life to a million million a second; what is beyond was written by hand.
MOST_OCTAVES = 64

#: A new landmark lies so many half-lives back, as counting did not begin with it.
_LANDMARK_HALF_LIVES = 10
_PAIRS_AT_ONCE = 500
_MOST_PENDING = 200_000

# Doubles end at 2^1023. Past 2^500 all scores are divided by as much; scores that vanish were negligible. A
# landmark far ahead of the clock was not set by it, and what was counted from it is void.
_COUNT = redis.script(
    NOW_LUA
    + f"""
local key, half_life, most = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[4])
if redis.call('TYPE', key).ok ~= 'zset' then redis.call('DEL', key) end
local landmark = redis.call('ZSCORE', key, '{LANDMARK}')
landmark = landmark and -tonumber(landmark) or now
if landmark > now + math.max(half_life, {MOST_AHEAD_SECONDS}) then
  redis.call('DEL', key)
  landmark = now
end
local half_lives = math.max(0, (now - landmark) / half_life)
if half_lives > 500 then
  redis.call('ZUNIONSTORE', key, 1, key, 'WEIGHTS', string.format('%.17g', 2 ^ ({_LANDMARK_HALF_LIVES} - half_lives)))
  redis.call('ZREMRANGEBYSCORE', key, '-inf', 1e-9)
  landmark, half_lives = now - {_LANDMARK_HALF_LIVES} * half_life, {_LANDMARK_HALF_LIVES}
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
""",
    role=Role.PRIMARY,
)


class Popularity:
    """Requests per second of each cell. Requests only call `record`; `flush` adds what was recorded to Redis.

    `recent` counts the same requests with a shorter half-life, `hours` by the hour of the local week.
    """

    def __init__(
        self,
        key: str = "popularity:cells",
        *,
        half_life_seconds: float = 12 * 3600,
        clock: RedisClock | None = None,
        recent: "Popularity | None" = None,
        hours: LocalHours | None = None,
    ) -> None:
        self.key = key
        self.recent = recent
        self.hours = hours
        self.half_life_seconds = half_life_seconds
        self.clock = clock or RedisClock()
        # Appending and taking are atomic each, so that no request ever waits for a lock.
        self._pending: deque[tuple[Cell, int]] = deque(maxlen=_MOST_PENDING)
        self._counted_since = -math.inf

    # ── on the path of a request ──────────────────────────────────────────────────────────────────

    def record(self, cell: Cell, times: int = 1) -> None:
        """Records a request for the cell, or as many as a cache in front of the service answered."""
        self._pending.append((cell, times))

    def request_rate(self, cell: Cell) -> Lookup[float]:
        """Requests per second for the cell; 0 if it has not been asked for lately, or without Redis."""
        scores = at(Role.REPLICA, "ZMSCORE", self.key, LANDMARK, cell.key)
        return Lookup(scores, read=self._read_rate, without=_zero)

    def _read_rate(self, scores: list[bytes | None]) -> float:
        landmark, score = scores
        return 0.0 if landmark is None or score is None else self._rate(score, self._per_second(landmark))

    # ── behind it ─────────────────────────────────────────────────────────────────────────────────

    def request_rates(self, cells: Iterable[Cell]) -> Lookup[dict[Cell, float]]:
        """Cell → requests per second, without the cells that nobody asked for; empty without Redis."""
        cells = list(cells)

        def read(scores: list[bytes | None]) -> dict[Cell, float]:
            landmark, *others = scores
            return self._by_cell(landmark, zip(cells, others, strict=True))

        scores = at(Role.REPLICA, "ZMSCORE", self.key, LANDMARK, *(cell.key for cell in cells))
        return Lookup(scores, read=read, without=dict)

    def rates(self, cells: Iterable[Cell]) -> dict[Cell, float]:
        """Fetches `request_rates` in a round trip of its own."""
        return redis.fetch_one(self.request_rates(cells))

    @without_redis(instead=lambda *_: {})
    def most_popular(self, most: int) -> dict[Cell, float]:
        """Cell → requests per second, for `most` of the most popular cells in that order; empty without Redis."""
        return self.ranked(0, most)

    def ranked(self, start: int, most: int) -> dict[Cell, float]:
        """Cell → requests per second, for `most` cells by popularity after the first `start`. Raises RedisDown."""
        best = at(Role.REPLICA, "ZREVRANGEBYSCORE", self.key, "+inf", "(0", "WITHSCORES", "LIMIT", start, most)
        return redis.fetch_one(Lookup(self._landmark, best, read=self.rates_of_members))

    @property
    def _landmark(self) -> Command:
        return at(Role.REPLICA, "ZSCORE", self.key, LANDMARK)

    def rates_of_members(self, landmark: bytes | None, members: Sequence[bytes]) -> dict[Cell, float]:
        """Cell → requests per second, given the score of LANDMARK and members of the set, each before its score."""
        return self._by_cell(landmark, zip(map(Cell.from_member, members[::2]), members[1::2], strict=True))

    def _by_cell(self, landmark: bytes | None, scores: Iterable[tuple[Cell | None, bytes | None]]) -> dict[Cell, float]:
        if landmark is None:
            return {}
        per_second = self._per_second(landmark)
        return {cell: self._rate(score, per_second) for cell, score in scores if cell and score}

    def asked_for_within(self, seconds: float, most: int) -> list[Cell]:
        """The cells that were asked for within `seconds`, or more often before that; the most popular first."""
        least = 2 ** (-seconds / self.half_life_seconds) * self.rate_of_one
        return [cell for cell, rate in self.most_popular(most).items() if rate >= least]

    def flush(self) -> None:
        """Adds to Redis what was recorded since the last call; what Redis does not take is lost."""
        counts: Counter[Cell] = Counter()
        for _ in range(len(self._pending)):
            cell, times = self._pending.popleft()
            counts[cell] += times
        pairs = [(cell.key, times) for cell, times in counts.items()]
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            part = dict(pairs[start : start + _PAIRS_AT_ONCE])
            self._count(part)
            if self.recent:
                self.recent._count(part)
        if self.hours:
            self.hours.count(counts)

    @without_redis(returns=None)
    def _count(self, counts: Mapping[str, int]) -> None:
        # After seven half-lives a hundredth is left of a count.
        life_seconds = math.ceil(7 * self.half_life_seconds)
        pairs = [argument for pair in counts.items() for argument in pair]
        clock = self.clock.script_argument
        (redis_now,) = redis.execute(_COUNT(self.key, clock, self.half_life_seconds, life_seconds, MOST_CELLS, *pairs))
        self.clock.synchronize(float(redis_now))

    def census(self) -> list[tuple[float, int]]:
        """Pairs of a rate (requests per second) and the number of cells that have about this rate.

        Redis counts them, so that no process reads 50,000 rates. Cells asked for once are left out: they may never be
        asked for again. Raises RedisDown without Redis.
        """
        landmark, best = redis.execute(self._landmark, at(Role.REPLICA, "ZREVRANGE", self.key, 0, 0, "WITHSCORES"))
        if landmark is None or not best:
            return []
        per_second = self._per_second(landmark)
        if per_second == 0:
            return []
        least = ASKED_TWICE * self.rate_of_one / per_second
        octaves = min(math.log2(max(1.0, float(best[1]) / least)), MOST_OCTAVES)
        steps = math.ceil(STEPS_IN_AN_OCTAVE * octaves) + 1
        bounds = [least * 2 ** (step / STEPS_IN_AN_OCTAVE) for step in range(steps + 1)]
        above = redis.execute(*(at(Role.REPLICA, "ZCOUNT", self.key, repr(bound), "+inf") for bound in bounds))
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

    def counted_seconds(self, now: float) -> float:
        """For how long requests have been counted, as of the last rates that were read; infinite before any were."""
        return now - self._counted_since

    def _per_second(self, landmark_score: bytes) -> float:
        """What a score of 1 in the set is worth now, as a rate; 0 where the landmark lies far ahead of now."""
        self._counted_since = -float(landmark_score)
        ahead_seconds = self._counted_since - self.clock.now()
        if ahead_seconds > max(self.half_life_seconds, MOST_AHEAD_SECONDS):
            return 0.0
        return 2 ** (ahead_seconds / self.half_life_seconds) * self.rate_of_one

    @staticmethod
    def _rate(score: bytes, per_second: float) -> float:
        rate = float(score) * per_second
        return rate if 0 <= rate < math.inf else 0.0


def _zero() -> float:
    return 0.0
