"""The list of active cities in Redis, as `cities:active`, for ten minutes or until staff save.

Without Redis this process serves the list that it read last, or reads the database.
"""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from time import time

from django.db import Error as DatabaseGone
from django.db import transaction

from prewarm.cities import listing
from prewarm.cities.listing import Listing
from weathernote import redis
from weathernote.http.database_reader import TooManyWait
from weathernote.http.headers.cache_headers import CacheResult
from weathernote.http.problems import Problem
from weathernote.redis import Lookup, without_redis
from weathernote.telemetry import metrics

KEY = "cities:active"
LIFE_SECONDS = 600
#: The life of a list that could not be refreshed, and the pause before the database is tried again.
STALE_LIFE_SECONDS = 60
DATABASE_PAUSE_SECONDS = 5
#: How long a request waits for the thread that reads the database if there is no list to serve,
#: and how many requests may wait.
WAIT_SECONDS = 2
WAITERS = 2

# A reader of the database first stores a mark of its own under the key, and stores the list only over that mark
# (compare-and-set). Saving deletes the key, so that a list read before staff saved is never stored after it.
_MARK = b"being-read:"
_MARK_SECONDS = 10
_BEGIN = redis.script("""
if redis.call('TYPE', KEYS[1]).ok == 'string' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
""")
_STORE = redis.script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
""")


@dataclass(frozen=True, slots=True)
class CachedListing:
    """A list, when it expires (unix seconds), where it came from, and whether it is stored in Redis.

    A `hit` was in Redis, a `miss` comes from the database, `stale` is the last one that this process read.
    """

    listing: Listing
    expires_at: int
    result: CacheResult
    is_stored: bool


class CitiesCache:
    """The list of active cities: from Redis, else from the database, else the one that this process read last.

    `load` composes the list from the database; `read` runs it, within the limits that all readers share.
    """

    def __init__(
        self,
        load: Callable[[], Listing],
        now: Callable[[], float] = time,
        *,
        read: Callable[[Callable[[], Listing]], Listing] = lambda load: load(),
    ) -> None:
        self.load = load
        self.now = now
        self.read = read
        self._last: CachedListing | None = None
        self._paused_until = 0.0
        self._reading = threading.Lock()
        self._waiting = threading.BoundedSemaphore(WAITERS)

    def lookup(self) -> Lookup[CachedListing | None]:
        """The list in Redis, or None; without Redis the one that this process read last, until it expires."""
        return Lookup(("GET", KEY), ("TTL", KEY), read=self._from_redis, without=self._from_memory)

    def answer(self, cached: CachedListing | None) -> CachedListing:
        """The list that `lookup` gave, else one from the database, else the last one this process read, marked stale.

        Raises Problem (503) if there is none.
        """
        if cached:
            return cached
        try:
            if read := self._read():
                return read
        except TooManyWait:
            if self._last is None:
                raise Problem("overloaded", "Too many requests wait for the cities.", retry_after_seconds=5) from None
        if self._last is None:
            raise Problem("upstream_unavailable", "The cities cannot be read at the moment.", retry_after_seconds=10)
        metrics.ANSWERED_FROM_MEMORY.inc()
        return CachedListing(self._last.listing, int(self.now()) + STALE_LIFE_SECONDS, "stale", is_stored=False)

    def _from_memory(self) -> CachedListing | None:
        if self._last is None or self._last.expires_at <= self.now():
            return None
        metrics.ANSWERED_FROM_MEMORY.inc()
        return self._last

    def _from_redis(self, text: bytes | None, life_seconds: int) -> CachedListing | None:
        if text is None or text.startswith(_MARK):
            return None
        last = self._last
        listed = last.listing if last and last.listing.text == text else listing.read(text)
        if listed is None:
            redis.ask(("DEL", KEY))
            return None
        self._last = CachedListing(listed, int(self.now()) + max(0, life_seconds), "hit", is_stored=True)
        return self._last

    def _read(self) -> CachedListing | None:
        """The list from the database; None if it cannot be read. Raises TooManyWait past the bound of waiting requests.

        One thread reads at a time, and few wait for it, so that the others stay free to serve weather.
        """
        before = self._last
        if self.now() < self._paused_until or not self._acquire_turn(can_wait=before is None):
            return None
        try:
            if self._last is not before:
                return self._last  # another thread read it while this one waited
            return None if self.now() < self._paused_until else self._load_and_store()
        except DatabaseGone:
            self._paused_until = self.now() + DATABASE_PAUSE_SECONDS
            return None
        finally:
            self._reading.release()

    def _acquire_turn(self, *, can_wait: bool) -> bool:
        if self._reading.acquire(blocking=False):
            return True
        if not can_wait:
            return False
        if not self._waiting.acquire(blocking=False):
            raise TooManyWait
        try:
            return self._reading.acquire(timeout=WAIT_SECONDS)
        finally:
            self._waiting.release()

    def _load_and_store(self) -> CachedListing:
        mark = self._mark_reading()
        listed = self.read(self.load)
        expires_at = int(self.now()) + LIFE_SECONDS
        # Requests that are served from memory later find it there, so for them it is a hit.
        self._last = CachedListing(listed, expires_at, "hit", is_stored=False)
        return CachedListing(listed, expires_at, "miss", is_stored=self._store(mark, listed))

    @without_redis(returns=None)
    def _mark_reading(self) -> bytes | None:
        """Stores the mark of this reader; None if the key exists: another reader's mark, or a list."""
        mark = _MARK + uuid.uuid4().hex.encode()
        (is_ours,) = redis.execute(_BEGIN(KEY, mark, _MARK_SECONDS))
        return mark if is_ours else None

    @without_redis(instead=metrics.count_lost_write)
    def _store(self, mark: bytes | None, listed: Listing) -> bool:
        if mark is None:
            return False
        (is_stored,) = redis.execute(_STORE(KEY, mark, listed.text, LIFE_SECONDS))
        return bool(is_stored)


def invalidate_after_commit(**_: object) -> None:
    """Invalidates the list once the transaction that changed a city is committed."""
    transaction.on_commit(_delete, robust=True)


def _delete() -> None:
    redis.ask(("DEL", KEY))
