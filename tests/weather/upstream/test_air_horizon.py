"""What Open-Meteo may answer about air quality: as far as its models' runs go, and no less."""

from typing import Any

import pytest

from tests.support.staged.upstream import CELL, MIDNIGHT, NOW
from weather.core.answers import Question, derive
from weather.core.datasets import AIR_QUALITY
from weather.core.records.packing import pack, unpack
from weather.core.series import Series
from weather.upstream.errors import InvalidResponse
from weather.upstream.validation import read_location

pytestmark = pytest.mark.pure

ROWS = 7 * 24
#: NOW is 10:20.
THIS_HOUR = 10


def place(**columns: list[Any]) -> dict[str, Any]:
    """What Open-Meteo says about a cell for seven days; `columns` replaces."""
    values = {variable.name: [3.5 if variable.decimals else 3] * ROWS for variable in AIR_QUALITY.variables}
    return {
        "latitude": CELL.latitude,
        "longitude": CELL.longitude,
        "elevation": 5.0,
        "timezone": "Etc/UTC",
        "utc_offset_seconds": 0,
        "hourly_units": {"time": "unixtime"} | {one.name: one.unit for one in AIR_QUALITY.variables},
        "hourly": {"time": [MIDNIGHT + row * 3600 for row in range(ROWS)], **values, **columns},
    }


def read(document: dict[str, Any]) -> Series:
    return read_location(document, CELL, NOW, "open-meteo", AIR_QUALITY)


def until(row: int, value: float = 3.5) -> list[Any]:
    """A column that is known up to a row, and null after it."""
    return [value] * row + [None] * (ROWS - row)


@pytest.mark.parametrize("ahead", [48 + 1, 62, 86, 98, 120])
def test_a_run_that_tells_of_the_hours_shown_is_enough(ahead):
    """A run of five days just before the next, one of Europe's four days, and both where the next is late."""
    ends = {name: until(THIS_HOUR + ahead) for name in ("pm2_5", "pm10", "nitrogen_dioxide", "ozone")}
    assert read(place(**ends, european_aqi=until(THIS_HOUR + ahead, 3))).hours == ROWS


@pytest.mark.parametrize("name", ["pm2_5", "ozone"])
@pytest.mark.parametrize("known", [0, THIS_HOUR + 1, THIS_HOUR + 48])
def test_an_answer_without_the_hours_shown_is_none(name, known):
    with pytest.raises(InvalidResponse, match=f"{name} has a gap"):
        read(place(**{name: until(known)}))


@pytest.mark.parametrize("name", ["european_aqi", "us_aqi", "pm10", "nitrogen_dioxide", "grass_pollen"])
def test_any_other_value_may_be_missing(name):
    assert set(read(place(**{name: [None] * ROWS})).columns[name]) == {None}


@pytest.mark.parametrize(
    ("name", "value"),
    [("pm2_5", -0.1), ("ozone", 30_001.0), ("us_aqi", 10_001), ("birch_pollen", -1.0), ("pm10", "nan")],
)
def test_a_value_that_no_air_has_makes_the_answer_invalid(name, value):
    with pytest.raises(InvalidResponse, match=name):
        read(place(**{name: [value] + [3] * (ROWS - 1)}))


@pytest.mark.parametrize("variable", AIR_QUALITY.variables, ids=lambda variable: variable.name)
@pytest.mark.parametrize("highest", [3000, 3276.7, 3276.8, 3500.4])
def test_the_first_answer_is_as_those_from_the_record(variable, highest):
    """A record keeps the column of a storm in whole numbers."""
    calm = 12.6 if variable.decimals else 12
    column = [calm] * THIS_HOUR + [round(highest, variable.decimals)] + [calm] * (ROWS - THIS_HOUR - 1)
    raw = read(place(**{variable.name: column}))
    held = unpack(pack(raw, AIR_QUALITY), AIR_QUALITY)
    question = Question(AIR_QUALITY, CELL)
    for now in (NOW, NOW + 1234):
        assert derive(question, raw, now, 600, stale=False) == derive(question, held, now, 600, stale=False)
