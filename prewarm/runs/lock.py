"""The lock in Redis by which only one prewarm runs at a time, across all instances."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from prewarm.runs.retry import with_retries
from weathernote import redis
from weathernote.redis import RedisDown, owned_key, without_redis

KEY = "prewarm:lock"
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

    def __init__(self, life_seconds: float, name: str = "prewarm") -> None:
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
        (is_ours,) = redis.execute(owned_key.taking(KEY, self.token, int(self.life_seconds * 1000), self.over_from))
        return bool(is_ours)

    @without_redis(returns=None)
    def release(self) -> None:
        """Releases the lock; without Redis it expires by itself."""
        self._ended.set()
        self._thread.join()
        redis.execute(owned_key.releasing(KEY, self.token))

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
def held(life_seconds: float = LIFE_SECONDS, name: str = "prewarm") -> Iterator[Lock | None]:
    """Holds the lock while the block runs; None if another run holds it. Raises RedisDown without Redis.

    A run of prewarm takes it over from the refresher, whose `name` is REFRESHER.
    """
    lock = Lock(life_seconds, name)
    if not lock.take():
        yield None
        return
    try:
        yield lock
    finally:
        lock.release()
