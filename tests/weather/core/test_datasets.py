"""What follows from the declaration of a dataset, for weather and for one that nobody else knows of."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.staged.upstream import CELL, MIDNIGHT, NOW, StagedUpstream, http
from tests.support.weather.series import a_series
from weather.core.answers import Question, derive, read
from weather.core.datasets import WEATHER, AnswerKind, Dataset, Section, cell_weight
from weather.core.records import packing
from weather.core.records.packing import Unreadable, pack, unpack, version_of
from weather.core.series import Aggregate, Series, aggregated, hour_times, hours_from, local_days, values_at
from weather.core.units import Units
from weather.core.variables import EXTRA, HOURLY, Variable
from weather.upstream.client import OpenMeteo
from weather.upstream.errors import NoWeatherHere

pytestmark = pytest.mark.pure

DAY_SECONDS = 86_400
#: The extra variables in the order of the released version of records; a variable that is new since is not added here.
RELEASED_EXTRAS = (
    "uv_index",
    "cloud_cover",
    "visibility",
    "dew_point_2m",
    "rain",
    "showers",
    "snowfall",
    "snow_depth",
    "surface_pressure",
    "sunshine_duration",
    "shortwave_radiation",
    "cape",
    "freezing_level_height",
)


# ── the version of records ────────────────────────────────────────────────────────────────────────


def test_weather_is_written_as_the_version_that_was_released():
    """With other names than these, the records that a release before this one has written are no longer found."""
    assert version_of(WEATHER) == "2"
    assert version_of(WEATHER.with_extras(RELEASED_EXTRAS)) == "+".join(["2", *RELEASED_EXTRAS])


def test_the_order_of_the_variables_gives_no_other_version():
    """A record names its columns, so they may stand in any order."""
    assert version_of(replace(WEATHER, variables=HOURLY[::-1])) == "2"


@pytest.mark.parametrize("variable", HOURLY, ids=lambda variable: variable.name)
@pytest.mark.parametrize("change", [{"name": "other"}, {"decimals": 3}, {"unit": "furlong"}], ids=str)
def test_another_name_unit_or_number_of_decimals_gives_another_version(variable, change):
    changed = [replace(one, **change) if one is variable else one for one in HOURLY]
    assert version_of(replace(WEATHER, variables=tuple(changed))) != "2"


@pytest.mark.parametrize("variable", EXTRA, ids=lambda variable: variable.name)
@pytest.mark.parametrize("change", [{"decimals": 3}, {"unit": "furlong"}], ids=str)
def test_so_does_that_of_a_further_variable(variable, change):
    extended = replace(WEATHER, optional=(replace(variable, **change),)).with_extras([variable.name])
    assert version_of(extended) not in ("2", f"2+{variable.name}") and version_of(extended).startswith("2+")


def test_a_variable_less_or_more_another_first_row_and_another_layout_give_other_versions(monkeypatch):
    versions = {
        version_of(WEATHER),
        version_of(replace(WEATHER, variables=HOURLY[1:])),
        version_of(replace(WEATHER, variables=(*HOURLY, EXTRA[0]))),
        version_of(replace(WEATHER, first_row="labelled")),
    }
    monkeypatch.setattr(packing, "LAYOUT", packing.LAYOUT + 1)
    assert len(versions | {version_of(WEATHER)}) == 5


def test_what_does_not_change_a_records_meaning_does_not_change_its_version():
    wider = [replace(variable, minimum=-1000, reading="nearest") for variable in HOURLY]
    assert version_of(replace(WEATHER, variables=tuple(wider), forecast_days=16, path="/v2/forecast")) == "2"


def test_the_layout_of_a_record_is_the_one_that_its_version_stands_for():
    """Where this fails, records of the last release would be misread, unless `packing.LAYOUT` is raised as well."""
    raw = zlib.decompress(pack(a_series(rows=30, weather_code=[None, *range(29)]), WEATHER))
    assert (packing.LAYOUT, sha256(raw).hexdigest()[:16]) == (1, "555ddcad9ce05ec9")


# ── keys, lives and weights ───────────────────────────────────────────────────────────────────────


def test_weather_has_the_promised_keys():
    assert WEATHER.record_key_of(CELL) == "upstream:lat:40.7:lon:-74.0"
    assert (WEATHER.rejected_key, WEATHER.queue_key) == ("rejected:cells", "wanted:{open-meteo}")
    assert WEATHER.kind(None).key_of(CELL, None) == "weather:lat:40.7:lon:-74.0"
    assert WEATHER.kind(3).key_of(CELL, 3) == "forecast:lat:40.7:lon:-74.0:days:3"


@pytest.mark.parametrize(("days", "kept"), [(None, 600), (7, 600), (1, 60), (10, 60)])
def test_answers_for_a_number_of_days_that_few_ask_for_are_kept_a_minute(days, kept):
    assert (Question(WEATHER, CELL, days).stored_seconds(600), Question(WEATHER, CELL, days).stored_seconds(5)) == (
        kept,
        5,
    )


@pytest.mark.parametrize(
    ("variables", "days", "weight"),
    [(10, 14, 1), (1, 1, 1), (11, 14, 1.1), (10, 16, 16 / 14), (32, 14, 3.2), (20, 7, 2)],
)
def test_a_place_weighs_what_open_meteo_counts(variables, days, weight):
    assert cell_weight(variables, days) == pytest.approx(weight)


def test_weather_weighs_one_a_place_and_a_tenth_more_for_each_further_variable():
    assert WEATHER.weight_of_a_cell == 1.0
    assert WEATHER.with_extras(["rain", "cape"]).weight_of_a_cell == pytest.approx(1.2)


def test_further_variables_come_in_the_datasets_order_and_unknown_ones_are_passed_over():
    extended = WEATHER.with_extras(["rain", "moon_phase", "uv_index"])
    assert [variable.name for variable in extended.extras] == ["uv_index", "rain"]
    assert [variable.name for variable in extended.asked[-2:]] == ["uv_index", "rain"]


# ── another dataset needs a declaration and its derivations, and nothing else ─────────────────────

SMOKE = Variable("smoke", "μg/m³", 1, "linear", 0, 3000)
POLLEN = Variable("pollen", "grains/m³", 0, "linear", 0, 3000)
_MAXIMA: tuple[Aggregate, ...] = (("smoke_max", SMOKE, max), ("pollen_max", POLLEN, max))


def hourly_units(extras: Sequence[Variable], units: Units) -> dict[str, str]:
    return {"time": "iso8601", "smoke": SMOKE.unit, "pollen": POLLEN.unit}


def daily_units(extras: Sequence[Variable], units: Units) -> dict[str, str]:
    return {"time": "iso8601", "smoke_max": SMOKE.unit, "pollen_max": POLLEN.unit}


def current(series: Series, now: float, days: int, units: Units, extras: Sequence[Variable]) -> Mapping[str, Any]:
    return values_at(series, (SMOKE, POLLEN), now, units)


def hourly(series: Series, now: float, days: int, units: Units, extras: Sequence[Variable]) -> Mapping[str, Any]:
    return hours_from(series, (SMOKE, POLLEN), now, hour_times(series, now, days), units)


def daily(series: Series, now: float, days: int, units: Units, extras: Sequence[Variable]) -> Mapping[str, Any]:
    local = local_days(series, now, days)
    return {"time": [day.isoformat() for day in local.dates], **aggregated(series, _MAXIMA, local.spans, units)}


AIR = Dataset(
    name="air",
    url_setting="AIR_URL",
    path="/v1/air",
    variables=(SMOKE, POLLEN),
    forecast_days=7,
    covered_days=5,
    gapless=("smoke",),
    record_key="upstream:air",
    rejected_key="rejected:air",
    popularity_key="popularity:air",
    queue_key="wanted:{open-meteo}:air",
    kinds=(
        AnswerKind(
            "air",
            (
                Section("current", current, hourly_units),
                Section("hourly", hourly, hourly_units),
                Section("daily", daily, daily_units),
            ),
            life_setting="AIR_TTL_SECONDS",
            usual_days=5,
        ),
    ),
)
QUESTION = Question(AIR, CELL)


def air_place(rows: int = 7 * 24, **columns: Sequence[float | None]) -> dict[str, Any]:
    hours = [MIDNIGHT + row * 3600 for row in range(rows)]
    smoke: list[float | None] = [float(row) for row in range(rows)]
    return {
        "latitude": 40.7,
        "longitude": -74.0,
        "elevation": 5.0,
        "timezone": "Etc/UTC",
        "utc_offset_seconds": 0,
        "hourly_units": {"time": "unixtime", "smoke": SMOKE.unit, "pollen": POLLEN.unit},
        "hourly": {"time": hours, "smoke": smoke, "pollen": [None] * rows} | columns,
    }


def fetched(place: dict[str, Any]) -> tuple[Any, str]:
    with StagedUpstream(http(place)) as upstream:
        got = OpenMeteo(upstream.url, AIR, now=lambda: NOW).fetch([CELL])[CELL]
    return got, upstream.requests[0].split()[1]


def test_another_dataset_is_asked_for_by_its_own_path_variables_and_days():
    _, target = fetched(air_place())
    query = parse_qs(urlsplit(target).query)
    assert urlsplit(target).path == "/v1/air"
    assert (query["hourly"], query["forecast_days"]) == (["smoke,pollen"], ["7"])


@pytest.mark.parametrize(
    "place",
    [
        air_place(smoke=[None] * 7 * 24),  # never without smoke
        air_place(smoke=[-1.0] * 7 * 24),  # beyond its range
        air_place(rows=5 * 24),  # too few hours for five days from now on
        air_place(rows=9 * 24 + 1),  # more than two days more than were asked for
    ],
)
def test_it_is_checked_by_its_own_rules(place):
    got, _ = fetched(place)
    assert isinstance(got, NoWeatherHere)


def test_it_is_held_answered_and_read_back_like_weather():
    series, _ = fetched(air_place())
    held = unpack(pack(series, AIR), AIR)
    answer = derive(QUESTION, held, NOW, 1800, stale=False)
    body = json.loads(answer.text)
    assert held == series
    assert (QUESTION.key, AIR.record_key_of(CELL)) == (f"air:{CELL.key}", f"upstream:air:{CELL.key}")
    assert [*body["current"]] == ["time", "smoke", "pollen"] and body["current"]["pollen"] is None
    assert {len(column) for column in body["hourly"].values()} == {48}
    assert body["daily"]["smoke_max"] == [23.0, 47.0, 71.0, 95.0, 119.0]
    assert set(body["units"]) == {"time", "smoke", "pollen", "smoke_max", "pollen_max"}
    assert read(QUESTION, answer.text, NOW) == answer


def test_its_answer_ends_with_the_cells_day():
    series, _ = fetched(air_place())
    late = MIDNIGHT + DAY_SECONDS - 60
    assert derive(QUESTION, series, late, 1800, stale=False).expires_at == MIDNIGHT + DAY_SECONDS


def test_neither_dataset_takes_the_others_records_or_answers_for_its_own():
    series, _ = fetched(air_place())
    with pytest.raises(Unreadable):
        unpack(pack(series, AIR), WEATHER)
    assert version_of(AIR) != version_of(WEATHER)
    answer = derive(QUESTION, series, NOW, 1800, stale=False)
    assert read(Question(WEATHER, CELL, 7), answer.text, NOW) is None
    assert Question(WEATHER, CELL) != QUESTION
