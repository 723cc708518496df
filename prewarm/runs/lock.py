"""The locks in Redis by which only one prewarm runs at a time, across all instances.

Where there are regions, each runs one that works out its answers anew, and one of them at a time refreshes for all.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic

from django.conf import settings

from prewarm.runs.retry import with_retries
from weathernote import redis
from weathernote.redis import RedisDown, Role, owned_key, without_redis

KEY = "prewarm:lock"
#: The lock of a region's run, in its own Redis; a name of its own, as that may be the primary of others.
KEY_OF_REGION = "prewarm:lock:of-region"
#: The life of the lock: a run that was killed blocks the next for no longer.
LIFE_SECONDS = 30
#: The longest that a lock is renewed: a run that hangs, say in the database, blocks others no longer than this and
#: the life of the lock.
MOST_SECONDS = 900
#: The refresher's name as holder of the lock. A run takes the lock over from it: it does the same work and more.
REFRESHER = "refresher"


class Lock:
    """A lock of `life_seconds` that a thread renews once `take` succeeded.

    `is_lost` as soon as another may hold it.
    """

    def __init__(self, life_seconds: float, name: str = "prewarm", role: Role = Role.PRIMARY) -> None:
        self.role = role
        self.key = KEY if role is Role.PRIMARY else KEY_OF_REGION
        self.life_seconds = life_seconds
        self.token = f"{name}:{secrets.token_hex(8)}"
        self.over_from = "" if name == REFRESHER else f"{REFRESHER}:"
        self.is_lost = False
        self._ended = threading.Event()
        self._renewed = monotonic()
        self._thread = threading.Thread(target=self._renew, name="prewarm-lock", daemon=True)

    def take(self) -> bool:
        """Whether the lock was acquired; False while another run holds it. Raises RedisDown without Redis."""
        self._renewed = monotonic()
        if not with_retries(self._acquire, pauses_seconds=(0.1,)):
            return False
        self._thread.start()
        return True

    def _acquire(self) -> bool:
        life = int(self.life_seconds * 1000)
        (is_ours,) = redis.execute(owned_key.taking(self.key, self.token, life, self.over_from, self.role))
        return bool(is_ours)

    @without_redis(returns=None)
    def release(self) -> None:
        """Releases the lock; without Redis it expires by itself."""
        self._ended.set()
        self._thread.join()
        redis.execute(owned_key.releasing(self.key, self.token, self.role))

    def _renew(self) -> None:
        began = monotonic()
        while not self.is_lost and monotonic() - began < MOST_SECONDS and not self._ended.wait(self.life_seconds / 3):
            now = monotonic()
            try:
                if self._acquire():
                    self._renewed = now
                else:
                    self.is_lost = True
            except RedisDown:
                self.is_lost = now - self._renewed > self.life_seconds
        self.is_lost = self.is_lost or not self._ended.is_set()


@contextmanager
def held(life_seconds: float = LIFE_SECONDS, name: str = "prewarm", role: Role = Role.PRIMARY) -> Iterator[Lock | None]:
    """Holds the lock while the block runs; None if another run holds it. Raises RedisDown without Redis.

    A run of prewarm takes it over from the refresher, whose `name` is REFRESHER.
    """
    lock = Lock(life_seconds, name, role)
    if not lock.take():
        yield None
        return
    try:
        yield lock
    finally:
        lock.release()


def of_run(life_seconds: float = LIFE_SECONDS) -> AbstractContextManager[Lock | None]:
    """Holds the lock of a whole run: the region's where there are regions, else the only one.

    A region whose own Redis is the records' for others knows of them by its name alone.
    """
    has_regions = settings.REGION or not redis.is_one_server()
    return held(life_seconds, role=Role.OWN if has_regions else Role.PRIMARY)


def of_refreshes(run: Lock) -> AbstractContextManager[Lock | None]:
    """Holds, within a run, the lock of what is refreshed for all regions; the run's own where there are none.

    None if another region's run refreshes. Raises RedisDown without the primary.
    """
    return nullcontext(run) if run.role is Role.PRIMARY else held(run.life_seconds)
