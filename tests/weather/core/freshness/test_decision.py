"""Every case of what is done for an answer that is not in the cache."""

import pytest

from weather.core.freshness import refresh_interval
from weather.core.freshness.decision import Decision
from weather.core.freshness.decision import decide as decide_by_standing
from weather.core.freshness.refresh_interval import WORTH_A_WAIT_SECONDS as LONG

pytestmark = pytest.mark.pure

UP, DOWN = True, False
#: For up to an hour without Redis a process answers from what it remembers.
HOUR = 3600


def decide(age, interval, *, is_redis_up, can_queue=None, **known):
    standing = None if age is None else refresh_interval.standing(age, interval)
    can_queue = is_redis_up if can_queue is None else can_queue
    return decide_by_standing(standing, is_redis_up=is_redis_up, can_queue=can_queue, **known)


@pytest.mark.parametrize(
    ("age", "interval", "is_redis_up", "remembers_expired", "decision"),
    [
        # nothing held
        (None, 600, UP, False, Decision.WAIT),
        (None, 600, UP, True, Decision.WAIT),
        (None, 600, DOWN, False, Decision.WAIT),
        (None, 600, DOWN, True, Decision.SERVE_EXPIRED),
        # held and not due
        (0, 600, UP, False, Decision.DERIVE),
        (599, 600, UP, True, Decision.DERIVE),
        (599, 600, DOWN, False, Decision.DERIVE),
        (599, 600, DOWN, True, Decision.DERIVE),
        (LONG + 1, LONG + 2, UP, False, Decision.DERIVE),
        (LONG + 1, LONG + 2, DOWN, False, Decision.DERIVE),
        # due
        (600, 600, UP, False, Decision.SERVE_STALE_AND_REFRESH),
        (600, 600, UP, True, Decision.SERVE_STALE_AND_REFRESH),
        (600, 600, DOWN, False, Decision.SERVE_STALE),
        (600, 600, DOWN, True, Decision.SERVE_STALE),
        # due for long: Redis keeps the queue, so that one process asks for all
        (LONG, 600, UP, False, Decision.SERVE_STALE_AND_REFRESH),
        (LONG + 1, 600, UP, False, Decision.WAIT_THEN_STALE),
        (LONG + 1, 600, UP, True, Decision.WAIT_THEN_STALE),
        (2 * LONG, LONG, UP, False, Decision.SERVE_STALE_AND_REFRESH),
        (2 * LONG + 1, LONG, UP, False, Decision.WAIT_THEN_STALE),
        # due for long without Redis: each process asks for itself
        (HOUR, 600, DOWN, False, Decision.SERVE_STALE),
        (HOUR + 1, 600, DOWN, False, Decision.WAIT_THEN_STALE),
        (HOUR + 1, 600, DOWN, True, Decision.WAIT_THEN_STALE),
    ],
)
def test_what_is_done(age, interval, is_redis_up, remembers_expired, decision):
    assert decide(age, interval, is_redis_up=is_redis_up, remembers_expired=remembers_expired) is decision


@pytest.mark.parametrize(
    ("age", "is_redis_up", "decision"),
    [
        (None, DOWN, Decision.WAIT),
        (5 * HOUR, DOWN, Decision.DERIVE),
        (6 * HOUR, DOWN, Decision.SERVE_STALE),
        (40 * HOUR, DOWN, Decision.SERVE_STALE),
        (40 * HOUR, UP, Decision.WAIT_THEN_STALE),
    ],
)
def test_refreshes_that_come_late_wait_for_redis(age, is_redis_up, decision):
    got = decide(age, 6 * HOUR, is_redis_up=is_redis_up, remembers_expired=False, refreshes_late=True)
    assert got is decision


@pytest.mark.parametrize(
    ("age", "decision"),
    [
        (None, Decision.WAIT),
        (0, Decision.DERIVE),
        (600, Decision.SERVE_STALE),
        (LONG + 1, Decision.SERVE_STALE),
        (40 * HOUR, Decision.SERVE_STALE),
    ],
)
def test_what_is_held_is_served_and_refreshes_wait_where_none_can_be_queued(age, decision):
    assert decide(age, 600, is_redis_up=UP, can_queue=False, remembers_expired=False) is decision
