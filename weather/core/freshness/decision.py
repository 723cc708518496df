"""What to do for an answer that is not in the cache, given how its cell's held record stands; pure."""

from enum import Enum, auto

from weather.core.freshness.refresh_interval import Standing

#: While Redis is down: answers may be shown this long after expiry, and due records up to this age need no refresh.
LONGEST_WITHOUT_REDIS_SECONDS = 3600


class Decision(Enum):
    """How to answer a request that the cache could not answer."""

    #: Derive a fresh answer from the held record.
    DERIVE = auto()
    #: Derive a stale answer from the held record, and have it refreshed in the background.
    SERVE_STALE_AND_REFRESH = auto()
    #: Derive a stale answer from the held record; nobody refreshes it now.
    SERVE_STALE = auto()
    #: Wait for a refresh; if none comes in time, derive a stale answer from the held record.
    WAIT_THEN_STALE = auto()
    #: Prolong the expired answer that this process remembers.
    SERVE_EXPIRED = auto()
    #: Wait for a fetch; if none comes in time, there is no answer.
    WAIT = auto()


def decide(
    standing: Standing | None,
    *,
    is_redis_up: bool,
    can_queue: bool,
    remembers_expired: bool,
    refreshes_late: bool = False,
) -> Decision:
    """What to do for an answer that is not in the cache.

    `standing` is the held record's, None if there is none. `is_redis_up` is whether Redis says what is held,
    `can_queue` whether a refresh can be queued there: in a region that is cut off only the first is true.
    `remembers_expired` is whether this process has an expired answer that may still be shown; it matters only while
    Redis is down. `refreshes_late` is the dataset's.
    """
    if standing is None:
        return Decision.SERVE_EXPIRED if remembers_expired and not is_redis_up else Decision.WAIT
    if not standing.is_due:
        return Decision.DERIVE
    if is_redis_up and not can_queue:
        return Decision.SERVE_STALE
    if not is_redis_up:
        # Every process would fetch by itself without the shared queue, so a record up to an hour old is not refreshed.
        # Late refreshes wait for Redis: they would be paid as cold cells, from a process's small share of the budget.
        needs_refresh = standing.age_seconds > LONGEST_WITHOUT_REDIS_SECONDS and not refreshes_late
        return Decision.WAIT_THEN_STALE if needs_refresh else Decision.SERVE_STALE
    return Decision.WAIT_THEN_STALE if standing.should_wait else Decision.SERVE_STALE_AND_REFRESH
