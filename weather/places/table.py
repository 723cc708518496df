"""The places as the service ships them, for positions: read from the file that the database was filled from.

So a position needs no database, neither to be answered nor to make the index.
"""

import csv
import functools
import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from weather.places import listing
from weather.places.nearest import Index, Site

_FILE = Path(__file__).parent / "data" / "places.csv.gz"


class Table:
    """Places as lines of CSV in UTF-8, of which only those named are parsed; the first is the most populous."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = lines
        self._index = Index(sites(lines))

    def answer(self, latitude: float, longitude: float) -> bytes:
        """JSON text with the one place that people would name for a position in degrees, or with none."""
        named = self._index.nearest(latitude, longitude)
        if named is None:
            return listing.text_of(())
        return listing.text_of([self._place(named.number) | {"distance_km": round(named.distance_km, 1)}])

    def _place(self, number: int) -> dict[str, object]:
        name, country, region, latitude, longitude, timezone, population = next(
            csv.reader([self.lines[number].decode()])
        )
        return {
            "name": name,
            "country": country,
            "region": region or None,
            "latitude": float(latitude),
            "longitude": float(longitude),
            "timezone": timezone,
            "population": int(population),
        }


def sites(lines: Iterable[bytes]) -> Iterator[Site]:
    """Where the places of a table's lines lie, each with the number of its line."""
    for number, line in enumerate(lines):
        # Of what stands before these four, a name may have commas.
        _, latitude, longitude, _, population = line.rsplit(b",", 4)
        yield Site(float(latitude), float(longitude), int(population), number)


@functools.cache
def table() -> Table:
    """The 34,006 places of this process, 5 MB; the first call reads them, in about 0.1 s."""
    rows = gzip.decompress(_FILE.read_bytes()).removesuffix(b"\n").split(b"\n")
    # Without the last column, the names to search by, which have no commas. As text they would take twice the memory.
    return Table([row[: row.rindex(b",")] for row in rows])
