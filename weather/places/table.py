"""The places for positions, read from positions.bin, which is built from places.csv.gz.

So a position needs no database.
"""

import csv
import functools
from array import array
from pathlib import Path

from weather.places import arrays, listing
from weather.places.nearest import Index, Level

FILE = Path(__file__).parent / "data" / "positions.bin"


class Table:
    """Places as lines of CSV in UTF-8, each parsed when it is answered with; the first is the most populous."""

    def __init__(self, text: "array[int]", starts: "array[int]", index: Index) -> None:
        self._text = text
        self._starts = starts
        self._index = index

    def __len__(self) -> int:
        return len(self._starts) - 1

    def answer(self, latitude: float, longitude: float) -> bytes:
        """JSON text with the one place that people would name for a position in degrees, or with none."""
        named = self._index.nearest(latitude, longitude)
        if named is None:
            return listing.text_of(())
        return listing.text_of([self.place(named.number) | {"distance_km": round(named.distance_km, 1)}])

    def place(self, number: int) -> dict[str, object]:
        """The columns of a place."""
        line = self._text[self._starts[number] : self._starts[number + 1]].tobytes().decode()
        name, country, region, latitude, longitude, timezone, population = next(csv.reader([line]))
        return {
            "name": name,
            "country": country,
            "region": region or None,
            "latitude": float(latitude),
            "longitude": float(longitude),
            "timezone": timezone,
            "population": int(population),
        }


@functools.cache
def table() -> Table:
    """The 34,006 places of this process, 3 MB; the first call reads them, in a few milliseconds."""
    with FILE.open("rb") as file:
        text, starts, *levels = arrays.read(file)
    return Table(text, starts, Index([Level(*levels[at : at + 5]) for at in range(0, len(levels), 5)]))
