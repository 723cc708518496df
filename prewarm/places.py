"""The search for places: by the start of any usual name, the most populous first."""

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from django.db import Error as DatabaseGone
from django.db import connection

from prewarm import listing
from prewarm.fold import loose
from prewarm.models import Place, PlaceName
from weathernote.problems import Problem

MOST_PLACES = 50
COLUMNS = ("name", "country", "region", "latitude", "longitude", "timezone", "population")
#: So many answers are remembered, of at most 10 kB each: places never change while a process runs.
REMEMBERED = 1000
#: After it failed, the database is left alone for so long.
REST_SECONDS = 5
#: So many threads of a process ask the database, and who finds none free waits so long: the others serve weather.
READERS, WAIT_SECONDS = 4, 1


def key_of(name: str) -> bytes:
    """The form in which a name is looked up; what is no text becomes a question mark, with which no name begins."""
    return loose(name).encode(errors="replace")


def find(key: bytes, limit: int) -> bytes:
    """The answer as JSON text, from the database."""
    named = PlaceName.objects.beginning_with(key).order_by("place").values("place").distinct()[:limit]
    found = Place.objects.filter(pk__in=named).order_by("pk").values(*COLUMNS) if key else ()
    return listing.answer("places", (place | {"region": place["region"] or None} for place in found))


def over_an_open_connection(load: Callable[[bytes, int], bytes], key: bytes, limit: int) -> bytes:
    """As `load`, in a thread that keeps its connection: one for each request would cost more than the search."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()  # the server was restarted, say
    return load(key, limit)


class Places:
    """What this process knows of places: it asks the database once for each question."""

    def __init__(self, load: Callable[[bytes, int], bytes] = find, now: Callable[[], float] = monotonic) -> None:
        self.load = load
        self.now = now
        self._rests_until = 0.0
        self._free = threading.BoundedSemaphore(READERS)
        self._readers = ThreadPoolExecutor(READERS, "places")
        self._remembered = functools.lru_cache(maxsize=REMEMBERED)(self._read)

    def answer(self, search: str, limit: int) -> bytes:
        """JSON text with at most `limit` places; Problem where the database does not answer."""
        return self._remembered(key_of(search), limit)

    def _read(self, key: bytes, limit: int) -> bytes:
        if self.now() < self._rests_until or not self._free.acquire(timeout=WAIT_SECONDS):
            raise _gone()
        try:
            return self._readers.submit(over_an_open_connection, self.load, key, limit).result()
        except DatabaseGone:
            self._rests_until = self.now() + REST_SECONDS
            raise _gone() from None
        finally:
            self._free.release()


def _gone() -> Problem:
    return Problem("upstream_unavailable", "The places cannot be read now.", retry_after_seconds=10)


@functools.cache
def places() -> Places:
    """This process's own."""
    return Places()
