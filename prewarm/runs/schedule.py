"""When prewarm runs next, and when a run last succeeded, both kept in Redis."""

from time import time

from prewarm.runs.plan import PERIOD_SECONDS
from weathernote import redis
from weathernote.redis import without_redis

NEXT_KEY = "prewarm:next"
#: A run that begins so soon after another keeps to the time that the first one noted, and so finds nothing to do. Later
#: than that, the first may have been started by hand, and the next one by cron is then ten minutes away.
SOON_SECONDS = 60
LAST_GOOD_KEY = "prewarm:last-good"
LAST_GOOD_LIFE_SECONDS = 7 * 86_400


def begin() -> None:
    """Notes when the next run begins, unless a run did so within SOON_SECONDS. Raises RedisDown without Redis."""
    redis.value(redis.ask(("SET", NEXT_KEY, f"{time() + PERIOD_SECONDS:.3f}", "NX", "EX", SOON_SECONDS))[0])


def seconds_to_next_run() -> float:
    """Seconds until the next run, PERIOD_SECONDS if that is not known. Raises RedisDown without Redis."""
    text = redis.value(redis.ask(("GET", NEXT_KEY))[0])
    try:
        # Clocks of two machines may differ, and anyone can write to Redis.
        return min(max(0.0, float(text) - time()), PERIOD_SECONDS)
    except (TypeError, ValueError):
        return PERIOD_SECONDS


@without_redis(returns=None)
def note_good_run() -> None:
    """Notes that a run ended without failure just now."""
    redis.value(redis.ask(("SET", LAST_GOOD_KEY, f"{time():.0f}", "EX", LAST_GOOD_LIFE_SECONDS))[0])


@without_redis(returns=None)
def last_good_run_seconds_ago() -> float | None:
    """Seconds since a run ended without failure; None after a week, or if Redis does not answer."""
    text = redis.value(redis.ask(("GET", LAST_GOOD_KEY))[0])
    try:
        return max(0.0, time() - float(text))
    except (TypeError, ValueError):
        return None
