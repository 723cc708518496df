"""The lock that lets one prewarm run at a time, over all instances."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from prewarm.runs.retry import patiently
from weathernote import redis
from weathernote.redis import RedisDown, without_redis

KEY = "prewarm:lock"
#: A run that is killed blocks the next for no longer than this.
LIFE_SECONDS = 30
#: A run that hangs, in the database say, blocks the others for no longer than this and the lock's life.
MOST_SECONDS = 900

# Taken and kept in the same way, so that either may be repeated: if nobody else has it, one that Redis forgot too.
_KEEP = redis.script("""
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")
_RELEASE = redis.script("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")


class Lock:
    """A lock that is ours; a thread renews it. `is_lost` once it may be another's."""

    def __init__(self, life_seconds: float) -> None:
        self.life_seconds = life_seconds
        self.token = secrets.token_hex(8)
        self.is_lost = False
        self._ended = threading.Event()
        self._renewed = monotonic()
        self._thread = threading.Thread(target=self._renew, name="prewarm-lock", daemon=True)

    def take(self) -> bool:
        """False while another run has it. RedisDown without Redis."""
        self._renewed = monotonic()
        if not patiently(self._keep, pauses_seconds=(0.1,)):
            return False
        self._thread.start()
        return True

    def _keep(self) -> bool:
        return bool(redis.value(redis.ask(_KEEP(KEY, self.token, int(self.life_seconds * 1000)))[0]))

    @without_redis(returns=None)
    def give_back(self) -> None:
        """Without Redis it ends by itself."""
        self._ended.set()
        self._thread.join()
        redis.value(redis.ask(_RELEASE(KEY, self.token))[0])

    def _renew(self) -> None:
        began = monotonic()
        while not self.is_lost and monotonic() - began < MOST_SECONDS and not self._ended.wait(self.life_seconds / 3):
            now = monotonic()
            try:
                if self._keep():
                    self._renewed = now
                else:
                    self.is_lost = True
            except RedisDown:
                self.is_lost = now - self._renewed > self.life_seconds
        self.is_lost = self.is_lost or not self._ended.is_set()


@contextmanager
def held(life_seconds: float = LIFE_SECONDS) -> Iterator[Lock | None]:
    """The lock for as long as the block runs; None while another run has it. RedisDown without Redis."""
    lock = Lock(life_seconds)
    if not lock.take():
        yield None
        return
    try:
        yield lock
    finally:
        lock.give_back()
