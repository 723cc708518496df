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
