"""What to do for an answer that is not in the cache, given what is held of its cell; pure."""

from enum import Enum, auto

from weather.core import freshness

#: Without Redis an answer may be shown for so long past its life, and so may a due record without a refresh.
LONGEST_WITHOUT_REDIS_SECONDS = 3600


class Decision(Enum):
    #: Derive a fresh answer from the held record.
    DERIVE = auto()
    #: Derive a stale answer from the held record, and have it refreshed behind the request.
    SERVE_STALE_AND_REFRESH = auto()
    #: Derive a stale answer from the held record; nobody refreshes it.
    SERVE_STALE = auto()
    #: Wait for a refresh; if none comes in time, derive a stale answer from the held record.
    WAIT_THEN_STALE = auto()
    #: Prolong the expired answer that this process remembers.
    SERVE_EXPIRED = auto()
    #: Wait for a fetch; if none comes in time, there is no answer.
    WAIT = auto()


def decide(age: float | None, interval: float, *, is_redis_up: bool, remembers_expired: bool) -> Decision:
    """What to do for an answer that is not in the cache.

    `age` is that of the held record in seconds, None if nothing is held; it is due from `interval` seconds on.
    `remembers_expired` is whether this process has an expired answer that may still be shown, which counts while Redis
    is gone: otherwise Redis has what there is.
    """
    if age is None:
        return Decision.SERVE_EXPIRED if remembers_expired and not is_redis_up else Decision.WAIT
    if not freshness.is_due(age, interval):
        return Decision.DERIVE
    if not is_redis_up:
        # Without the queue every process would ask for itself: what it knows is good enough for a while.
        return Decision.WAIT_THEN_STALE if age > LONGEST_WITHOUT_REDIS_SECONDS else Decision.SERVE_STALE
    return Decision.WAIT_THEN_STALE if freshness.should_wait(age, interval) else Decision.SERVE_STALE_AND_REFRESH
