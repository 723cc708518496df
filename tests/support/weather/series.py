"""Series for the tests: whole ones of plausible numbers, and ones whose rows are numbered."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from weather.core.series import Series
from weather.core.variables import HOURLY, HOURS

DAY_SECONDS = 86_400


def a_series(rows: int = 336, **columns: list[float | None]) -> Series:
    """`rows` hours in New York, within the bounds of each variable; `columns` replaces."""
    smooth: dict[str, list[float | None]] = {
        variable.name: [
            round((variable.minimum + variable.maximum) / 2 * (1 + math.sin(row / 24) / 9), variable.decimals)
            for row in range(rows)
        ]
        for variable in HOURLY
    }
    return Series(40.71, -73.99, 51.0, "America/New_York", 1_795_478_400, smooth | columns, 1_795_500_000, "open-meteo")


def fetched(series: Series, at: float) -> Series:
    """The series as if it had come at this moment: its first row moves by whole days, as its day does."""
    days, was = ((moment - series.start) // DAY_SECONDS for moment in (int(at), series.fetched_at))
    return replace(series, start=series.start + (days - was) * DAY_SECONDS, fetched_at=int(at))


def make_series(
    timezone: str = "Europe/Berlin",
    day: str = "2026-11-24",
    columns: Mapping[str, Sequence[float | None]] | None = None,
    position: tuple[float, float] = (52.5, 13.4),
    rows: int = HOURS,
) -> Series:
    """A series from the local midnight of `day`: in °C its rows are numbered, each brings 1 mm; `columns` replaces."""
    start = int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(timezone)).timestamp())
    every: dict[str, Sequence[float | None]] = {variable.name: [variable.minimum] * rows for variable in HOURLY}
    every |= {"temperature_2m": [float(row) for row in range(rows)], "precipitation": [1.0] * rows} | dict(
        columns or {}
    )
    return Series(*position, 34.0, timezone, start, every, start, "open-meteo")
