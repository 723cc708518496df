"""When prewarm runs: the next time, which tells what would go cold until then, and the last time that went well."""

from time import time

from prewarm.runs.plan import PERIOD_SECONDS
from weathernote import redis
from weathernote.redis import without_redis

NEXT_KEY = "prewarm:next"
#: A run so soon after another goes by when that one's next comes, so that it finds nothing to do. Later, either may be
#: somebody's own, and cron's next one ten minutes away.
SOON_SECONDS = 60
LAST_GOOD_KEY = "prewarm:last-good"
LAST_GOOD_LIFE_SECONDS = 7 * 86_400


def begin() -> None:
    """Says when the next run comes, unless one that began a moment ago has. RedisDown without Redis."""
    redis.value(redis.ask(("SET", NEXT_KEY, f"{time() + PERIOD_SECONDS:.3f}", "NX", "EX", SOON_SECONDS))[0])


def seconds_to_next_run() -> float:
    """Until the next run, as far as can be told. RedisDown without Redis."""
    told = redis.value(redis.ask(("GET", NEXT_KEY))[0])
    try:
        # Clocks of two machines may differ, and anyone can write to Redis.
        return min(max(0.0, float(told) - time()), PERIOD_SECONDS)
    except (TypeError, ValueError):
        return PERIOD_SECONDS


@without_redis(returns=None)
def note_good_run() -> None:
    redis.value(redis.ask(("SET", LAST_GOOD_KEY, f"{time():.0f}", "EX", LAST_GOOD_LIFE_SECONDS))[0])


@without_redis(returns=None)
def last_good_run_seconds_ago() -> float | None:
    """How long ago a run ended in which nothing failed; None if that is over a week, or Redis does not say."""
    told = redis.value(redis.ask(("GET", LAST_GOOD_KEY))[0])
    try:
        return max(0.0, time() - float(told))
    except (TypeError, ValueError):
        return None
