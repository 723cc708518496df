"""Answers of Open-Meteo as other projects recorded them; they lie beside the project and are no part of it."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from weather.forecast import Series

FOLDER = Path(__file__).parents[2] / "shared" / "openmeteo"

COPENHAGEN = "copenhagen_current_hourly_daily_tz_auto.json"
TORONTO = "toronto_imperial_past_days_current_hourly_daily.json"
ADELAIDE = "adelaide_hourly_half_hour_offset_ms.json"
NEW_YORK_IN_UTC = "ny_gmt_14days_hourly_daily_slow_generation_nulls.json"


def answer(name: str) -> dict[str, Any]:
    """The recorded answer; skips the test where the recordings are not at hand."""
    if not FOLDER.is_dir():
        pytest.skip("the recorded answers of Open-Meteo are not beside the project")
    recorded: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return recorded


def series(recorded: Mapping[str, Any], timezone: str | None = None) -> Series:
    """The hourly part as it came: units are not converted, columns that were not asked for are missing."""
    columns = dict(recorded["hourly"])
    start = unix_seconds(columns.pop("time")[0], recorded)
    return Series(
        latitude=recorded["latitude"],
        longitude=recorded["longitude"],
        elevation=recorded["elevation"],
        timezone=timezone or recorded["timezone"],
        start=start,
        columns=columns,
        fetched_at=start,
        source="open-meteo",
    )


def unix_seconds(local: str, recorded: Mapping[str, Any]) -> int:
    """A recorded time, which is local in one fixed offset for the whole answer."""
    return int(datetime.fromisoformat(local + "+00:00").timestamp()) - int(recorded["utc_offset_seconds"])
