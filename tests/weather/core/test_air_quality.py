"""Air quality: read between hours, summed up by days, and never a null for a 0 or a 0 for a null."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from weather.core.answers import Question, derive, read
from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, DATASETS, WEATHER
from weather.core.freshness.refresh_interval import LONGEST_SECONDS, interval_seconds
from weather.core.records.packing import pack, unpack, version_of
from weather.core.series import Series
from weather.core.variables import EXTRA_NAMES

pytestmark = pytest.mark.pure

BERLIN = Cell(525, 134)
QUESTION = Question(AIR_QUALITY, BERLIN)
NAMES = [
    *("european_aqi", "us_aqi", "pm2_5", "pm10", "nitrogen_dioxide", "ozone"),
    *("alder_pollen", "birch_pollen", "grass_pollen", "ragweed_pollen"),
]
DAYS, HOURS = 7, 7 * 24


def air(timezone="Europe/Berlin", day="2026-11-24", rows=HOURS, **columns):
    """Numbered rows from a local midnight on; `columns` replaces."""
    start = int(datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(timezone)).timestamp())
    start -= start % 3600
    every = {variable.name: [float(row) if variable.decimals else row for row in range(rows)] for variable in VARIABLES}
    return Series(52.5, 13.4, 34.0, timezone, start, every | columns, start, "open-meteo")


VARIABLES = AIR_QUALITY.variables


def shown(series, hours_later=0.0, units="metric"):
    now = series.start + hours_later * 3600
    return json.loads(derive(Question(AIR_QUALITY, BERLIN, units=units), series, now, 1800, stale=False).text)


def test_it_asks_for_ten_variables_of_seven_days_which_weigh_one():
    assert AIR_QUALITY.sections == {"hourly": tuple(NAMES)}
    assert (AIR_QUALITY.forecast_days, AIR_QUALITY.weight_of_a_cell) == (7, 1.0)


def test_an_answer_has_the_present_48_hours_and_the_maxima_of_five_days():
    body = shown(air(), 10.5)
    assert [*body["current"]] == ["time", *NAMES]
    assert [*body["hourly"]] == ["time", *NAMES] and {len(column) for column in body["hourly"].values()} == {48}
    assert [*body["daily"]] == ["time", *(f"{name}_max" for name in NAMES)]
    assert body["daily"]["time"] == [f"2026-11-{day}" for day in range(24, 29)]
    assert body["hourly"]["time"][0] == "2026-11-24T10:00:00+01:00" and body["hourly"]["ozone"][:2] == [10.0, 11.0]
    assert set(body["units"]) == {"time", *NAMES, *(f"{name}_max" for name in NAMES)}


@pytest.mark.parametrize(
    ("name", "before", "after", "part", "read"),
    [
        ("pm2_5", 10.0, 20.0, 0.25, 12.5),
        ("ozone", 10.0, 20.0, 0.75, 17.5),
        ("birch_pollen", 0.0, 3.0, 0.5, 1.5),
        ("birch_pollen", 0.0, 0.0, 0.5, 0.0),
        ("birch_pollen", None, None, 0.5, None),
        ("birch_pollen", 0.0, None, 0.5, None),
        ("birch_pollen", None, 0.0, 0.5, None),
        ("birch_pollen", 0.0, None, 0.0, 0.0),
        ("pm2_5", 4.0, None, 0.5, None),
        ("european_aqi", 30, 70, 0.25, 30),
        ("european_aqi", 30, 70, 0.5, 70),
        ("us_aqi", 30, 70, 0.75, 70),
        ("us_aqi", 30, None, 0.25, 30),
        ("us_aqi", 30, None, 0.75, None),
        ("us_aqi", 0, 0, 0.5, 0),
    ],
)
def test_concentrations_are_read_between_hours_and_indices_at_the_nearest(name, before, after, part, read):
    column = [before, after, *[1.0] * (HOURS - 2)]
    value = shown(air(**{name: column}), part)["current"][name]
    assert value == read and type(value) is type(read)


def test_null_and_zero_stay_apart_in_every_section_and_through_a_record():
    nothing, none_in_season = [None] * HOURS, [0.0] * HOURS
    series = air(alder_pollen=nothing, birch_pollen=none_in_season)
    held = unpack(pack(series, AIR_QUALITY), AIR_QUALITY)
    assert held.columns["alder_pollen"] == nothing and held.columns["birch_pollen"] == none_in_season
    for body in (shown(series, 3.5), shown(held, 3.5)):
        assert (body["current"]["alder_pollen"], body["current"]["birch_pollen"]) == (None, 0.0)
        assert set(body["hourly"]["alder_pollen"]) == {None} and set(body["hourly"]["birch_pollen"]) == {0.0}
        assert set(body["daily"]["alder_pollen_max"]) == {None} and set(body["daily"]["birch_pollen_max"]) == {0.0}


def test_a_days_maximum_is_that_of_its_local_hours():
    assert shown(air())["daily"]["pm10_max"] == [23.0, 47.0, 71.0, 95.0, 119.0]
    assert shown(air(), 30)["daily"]["european_aqi_max"] == [47, 71, 95, 119, 143]


@pytest.mark.parametrize("known", [72, 73, 95])
def test_a_day_that_the_run_does_not_cover_to_its_end_has_no_maximum(known):
    """At 1 o'clock the pollen of a night is 0, and the day's may be the highest of the year."""
    ends = [*([0.0] * known), *[None] * (HOURS - known)]
    assert shown(air(grass_pollen=ends))["daily"]["grass_pollen_max"] == [0.0, 0.0, 0.0, None, None]
    assert shown(air(grass_pollen=[0.0] * HOURS, rows=HOURS))["daily"]["grass_pollen_max"] == [0.0] * 5


def test_a_record_of_two_days_ago_still_tells_of_the_days_that_it_covers():
    body = shown(air(), 44)
    assert body["daily"]["time"][0] == "2026-11-25" and body["daily"]["ozone_max"] == [47.0, 71.0, 95.0, 119.0, 143.0]
    assert None not in body["hourly"]["ozone"]


@pytest.mark.parametrize(
    ("day", "last_row"),
    [("2026-10-25", 24), ("2026-03-29", 22)],  # 25 hours, and 23
)
def test_on_the_days_of_changing_clocks_a_maximum_is_of_all_their_hours(day, last_row):
    body = shown(air(day=day))
    assert body["daily"]["pm10_max"][:2] == [last_row, last_row + 24]
    assert body["daily"]["european_aqi_max"][:2] == [last_row, last_row + 24]


@pytest.mark.parametrize("timezone", ["Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
def test_in_a_zone_off_the_full_hour_every_day_has_its_maximum(timezone):
    body = shown(air(timezone=timezone), 5)
    assert None not in body["daily"]["pm10_max"] and body["current"]["pm10"] is not None


def test_imperial_units_change_nothing():
    assert not AIR_QUALITY.has_imperial_units and WEATHER.has_imperial_units
    assert shown(air(), 3.3, "imperial") == shown(air(), 3.3)


def test_an_answer_ends_with_the_cells_day_and_is_read_back():
    series = air()
    answer = derive(QUESTION, series, series.start + 86_400 - 60, 1800, stale=False)
    assert answer.expires_at == answer.midnight == series.start + 86_400
    assert read(QUESTION, answer.text, series.start + 86_400 - 60) == answer
    assert derive(QUESTION, series, series.start, 1800, stale=False).expires_at == series.start + 1800
    assert derive(QUESTION, series, series.start, 1800, stale=True).expires_at == series.start + 60


def test_extra_variables_are_weathers_alone():
    extended = AIR_QUALITY.with_extras(EXTRA_NAMES)
    assert extended.asked == VARIABLES and version_of(extended) == version_of(AIR_QUALITY)


def test_its_records_are_refreshed_a_few_times_a_day_at_most_and_before_their_hold_ends():
    intervals = [
        interval_seconds(rate, price, AIR_QUALITY.aging) for rate in (1e-6, 1e-3, 10) for price in (0, 1e5, 1e9)
    ]
    assert min(intervals) == 6 * 3600 and max(intervals) == LONGEST_SECONDS < 48 * 3600
    assert interval_seconds(0.01, 1e6, AIR_QUALITY.aging) > 2 * interval_seconds(0.01, 1e6, WEATHER.aging)


def test_no_two_datasets_share_a_key_in_redis():
    keys = [
        key
        for one in DATASETS
        for key in (one.record_key, one.rejected_key, one.popularity_key, one.queue_key, *(k.key for k in one.kinds))
    ]
    assert len(keys) == len(set(keys))
    assert QUESTION.key == "air_quality:lat:52.5:lon:13.4"
    assert AIR_QUALITY.record_key_of(BERLIN) == "upstream:air_quality:lat:52.5:lon:13.4"
