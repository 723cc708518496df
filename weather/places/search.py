"""The search for places: by the start of any usual name, the most populous first."""

import functools
from collections.abc import Callable

from django.db import Error as DatabaseGone

from weather.places import listing
from weather.places.fold import loose
from weather.places.models import Place, PlaceName
from weathernote.http.database_reader import TooManyWait, reader
from weathernote.http.problems import Problem

MOST_PLACES = 50
COLUMNS = ("name", "country", "region", "latitude", "longitude", "timezone", "population")
#: How many answers are remembered, of at most 10 kB each: places never change while a process runs.
REMEMBERED = 1000

#: The type of database_reader.Reader.read.
Read = Callable[[Callable[[], bytes]], bytes]


def key_of(name: str) -> bytes:
    """The key of a name; lone surrogates become a question mark, with which no name begins."""
    return loose(name).encode(errors="replace")


def find(key: bytes, limit: int) -> bytes:
    """JSON text with at most `limit` places that have a name beginning with `key`; raises DatabaseGone."""
    named = PlaceName.objects.beginning_with(key).order_by("place").values("place").distinct()[:limit]
    found = Place.objects.filter(pk__in=named).order_by("pk").values(*COLUMNS) if key else ()
    return listing.text_of(place | {"region": place["region"] or None} for place in found)


class Places:
    """Answers searches from the database, and remembers the answers."""

    def __init__(self, load: Callable[[bytes, int], bytes] = find, read: Read | None = None) -> None:
        self.load = load
        self.read = read or reader().read
        self._remembered = functools.lru_cache(maxsize=REMEMBERED)(self._read)

    def answer(self, search: str, limit: int) -> bytes:
        """JSON text with at most `limit` places; raises Problem if the database does not answer."""
        return self._remembered(key_of(search), limit)

    def _read(self, key: bytes, limit: int) -> bytes:
        try:
            return self.read(lambda: self.load(key, limit))
        except TooManyWait:
            raise Problem("overloaded", "Too many search for places at once.", retry_after_seconds=5) from None
        except DatabaseGone:
            raise Problem("upstream_unavailable", "The places cannot be read now.", retry_after_seconds=10) from None


@functools.cache
def places() -> Places:
    """The instance of this process."""
    return Places()
