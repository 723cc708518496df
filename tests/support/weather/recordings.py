"""What Open-Meteo answered about five real places, as others recorded it: the figures in `data/open_meteo/`."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from weather.core.series import Series

_FOLDER = Path(__file__).parents[2] / "data" / "open_meteo"


@dataclass(frozen=True)
class Recording:
    """An answer's figures: units were not converted, and columns that were not asked for are missing."""

    latitude: float
    longitude: float
    elevation: float
    utc_offset_seconds: int
    timezone: str
    timezone_abbreviation: str
    first_day: str
    units: dict[str, dict[str, str]]  # section → name → unit, in the order of the answer
    hourly: dict[str, list[Any]]
    daily: dict[str, list[Any]]

    def series(self, timezone: str | None = None) -> Series:
        # In a zone of half an hour Open-Meteo labels a row with the zone's offset and reads it at full hours of UTC.
        part = self.utc_offset_seconds - int(self.utc_offset_seconds / 3600) * 3600
        start = self.unix_seconds(f"{self.first_day}T00:00") + part
        columns = {name: values for name, values in self.hourly.items() if name != "time"}
        zone = timezone or self.timezone
        return Series(
            self.latitude, self.longitude, self.elevation, zone, start, columns, fetched_at=start, source="open-meteo"
        )

    def unix_seconds(self, local: str) -> int:
        """A recorded time, which is local in one fixed offset for the whole answer."""
        return int(datetime.fromisoformat(local + "+00:00").timestamp()) - self.utc_offset_seconds


@cache
def recording(place: str) -> Recording:
    """What was recorded for a place of places.csv; raises ValueError where there is none of that name."""
    (about,) = _rows("places", place)
    units: dict[str, dict[str, str]] = {}
    for row in _rows("units", place):
        units.setdefault(row["section"], {})[row["name"]] = row["unit"]
    return Recording(
        latitude=float(about["latitude"]),
        longitude=float(about["longitude"]),
        elevation=float(about["elevation"]),
        utc_offset_seconds=int(about["utc_offset_seconds"]),
        timezone=about["timezone"],
        timezone_abbreviation=about["timezone_abbreviation"],
        first_day=about["first_day"],
        units=units,
        hourly=_columns("hours", place) | _columns("air_hours", place),
        daily=_columns("days", place),
    )


def _rows(table: str, place: str) -> Iterator[dict[str, str]]:
    with (_FOLDER / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        yield from (row for row in rows if row["place"] == place)


def _columns(table: str, place: str) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for row in _rows(table, place):
        for name, text in row.items():
            if text and name != "place":
                columns.setdefault(name, []).append(_value(text))
    return columns


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
