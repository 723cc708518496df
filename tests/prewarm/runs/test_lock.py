"""The lock of prewarm's runs."""

import time

from prewarm.runs import lock
from prewarm.runs.lock import KEY
from tests.support.servers import eventually


def test_the_lock_is_kept_for_as_long_as_the_run_lasts(api, valkey):
    with lock.held(2) as held:
        time.sleep(3)
        assert held and valkey.get(KEY) == held.token and not held.is_lost
        with lock.held() as second:
            assert second is None
        valkey.delete(KEY)  # a failover may forget it
        eventually(lambda: valkey.get(KEY) == held.token)
    assert not valkey.exists(KEY)


def test_a_run_takes_the_lock_over_from_the_refresher_which_then_has_lost_it(api, valkey):
    with lock.held(0.3, lock.REFRESHER) as refreshers, lock.held() as runs:
        assert refreshers and runs and valkey.get(KEY) == runs.token
        eventually(lambda: refreshers.is_lost)
    assert not valkey.exists(KEY)


def test_the_refresher_takes_the_lock_over_from_nobody(api, valkey):
    with lock.held() as runs, lock.held(name=lock.REFRESHER) as refreshers:
        assert runs and refreshers is None
    with lock.held(name=lock.REFRESHER) as first, lock.held(name=lock.REFRESHER) as second:
        assert first and second is None
