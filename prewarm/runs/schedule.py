"""When prewarm runs next, and when a run last succeeded, both in the region's own Redis."""

from contextlib import suppress
from math import inf
from time import time

from prewarm.runs.plan import PERIOD_SECONDS
from weathernote import redis
from weathernote.redis import Lookup, without_redis

NEXT_KEY = "prewarm:next"
#: A run that begins so soon after another leaves the announced time of the next run as it is, and so has no work. Later
#: than that, the first may have been started by hand, and cron's next is ten minutes after this one.
SOON_SECONDS = 60
LAST_GOOD_KEY = "prewarm:last-good"
LAST_GOOD_LIFE_SECONDS = 7 * 86_400


def begin() -> None:
    """Announces the next run, unless one that began within SOON_SECONDS has. Raises RedisDown without Redis."""
    redis.execute(("SET", NEXT_KEY, f"{time() + PERIOD_SECONDS:.3f}", "NX", "EX", SOON_SECONDS))


def seconds_to_next_run() -> float:
    """The seconds until the next run, PERIOD_SECONDS if none is announced. Raises RedisDown without Redis."""
    moment = redis.fetch_one(Lookup(("GET", NEXT_KEY), read=_moment))
    # Clocks of two machines may differ, and anyone can write to Redis.
    return PERIOD_SECONDS if moment is None else min(max(0.0, moment - time()), PERIOD_SECONDS)


@without_redis(returns=None)
def record_good_run() -> None:
    """Stores that a run without failures ended now; without Redis it is lost."""
    redis.execute(("SET", LAST_GOOD_KEY, f"{time():.0f}", "EX", LAST_GOOD_LIFE_SECONDS))


def last_good_run() -> Lookup[float | None]:
    """When the last run without failures ended (unix seconds); None after a week, or without Redis."""
    return Lookup(("GET", LAST_GOOD_KEY), read=_past_moment, without=lambda: None)


def _past_moment(text: bytes | None) -> float | None:
    moment = _moment(text)
    return None if moment is None else min(moment, time())


def _moment(text: bytes | None) -> float | None:
    """Unix seconds; None for anything else, as anyone can write to Redis."""
    with suppress(ValueError):
        if text is not None and 0 < (moment := float(text)) < inf:
            return moment
    return None
