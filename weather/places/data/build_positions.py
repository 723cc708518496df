"""Writes positions.bin from places.csv.gz: what a position is answered from, as it lies in memory.

    python weather/places/data/build_positions.py

To parse the places at each start would take a tenth of a second.
"""

import gzip
import io
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP))

from weather.places import arrays  # noqa: E402 - the script is run by its path
from weather.places.nearest import Index, Site  # noqa: E402 - as above
from weather.places.table import FILE  # noqa: E402 - as above


def main() -> None:
    """Writes the file into this folder."""
    FILE.write_bytes(packed(lines()))


def lines() -> list[bytes]:
    """Lines of CSV in UTF-8: name, country, region, latitude, longitude, time zone and population of each place."""
    rows = gzip.decompress(Path(__file__).with_name("places.csv.gz").read_bytes()).removesuffix(b"\n").split(b"\n")
    # Without the last column, the names to search by, which have no commas.
    return [row[: row.rindex(b",")] for row in rows]


def sites(table: Iterable[bytes]) -> Iterator[Site]:
    """Where the places of a table's lines lie, each with the number of its line."""
    for number, line in enumerate(table):
        # Of what stands before these four, a name may have commas.
        _, latitude, longitude, _, population = line.rsplit(b",", 4)
        yield Site(float(latitude), float(longitude), int(population), number)


def packed(table: Sequence[bytes]) -> bytes:
    """The lines, where in them each begins, and the arrays of the index of their places."""
    file = io.BytesIO()
    arrays.write(file, [array("B", b"".join(table)), array("I", accumulate(map(len, table), initial=0))])
    for level in Index.of(sites(table)).levels:
        arrays.write(file, level.arrays)
    return file.getvalue()


if __name__ == "__main__":
    main()
