"""What is answered in JSON: Open-Meteo's keys, order, units and number formats, and true times in every zone."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.weather.recordings import recording
from tests.support.weather.series import a_series, make_series
from weather.core import forecast
from weather.core.series import Series
from weather.core.variables import EXTRA, KNOWN
from weather.openmeteo_api.answer import answer_of
from weather.openmeteo_api.json_writer import joined, numbers, text_of
from weather.openmeteo_api.names import ALL, present
from weather.openmeteo_api.query import form_in

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 24, 12, 50, tzinfo=UTC).timestamp()
ZONES = [
    "GMT", "UTC", "Europe/London", "Europe/Berlin", "Europe/Moscow", "Africa/Cairo", "Africa/Abidjan", "Asia/Tehran",
    "Asia/Dubai", "Asia/Kabul", "Asia/Karachi", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Dhaka", "Asia/Yangon",
    "Asia/Bangkok", "Asia/Shanghai", "Australia/Eucla", "Asia/Tokyo", "Australia/Darwin", "Australia/Adelaide",
    "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Noumea", "Pacific/Auckland", "Pacific/Chatham",
    "Pacific/Tongatapu", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Honolulu", "Pacific/Marquesas",
    "America/Anchorage", "America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York",
    "America/Caracas", "America/Santiago", "America/St_Johns", "America/Sao_Paulo", "Atlantic/Azores",
]  # fmt: skip


def text(series: Series, now: float = NOW, number: int = 0, **parameters: str) -> bytes:
    form = form_in({name: [value] for name, value in parameters.items()}, ALL)
    answer = answer_of(form, form.zones[0], series, now)
    return text_of(answer, number, unixtime=form.unixtime, generation_ms=0.25)


def body(*args, **parameters):
    return json.loads(text(*args, **parameters))


# ── the shape ─────────────────────────────────────────────────────────────────────────────────────


def test_metadata_alone_is_answered_where_nothing_was_asked_for():
    assert text(make_series()).decode() == (
        '{"latitude":52.5,"longitude":13.4,"generationtime_ms":0.25,"utc_offset_seconds":0,"timezone":"GMT",'
        '"timezone_abbreviation":"GMT","elevation":34.0}'
    )


def test_keys_come_in_open_meteos_order_and_names_in_the_order_asked():
    answer = body(make_series(), number=3, daily="sunset,weather_code", hourly="is_day,precipitation", current="is_day")
    assert list(answer) == [
        "latitude", "longitude", "generationtime_ms", "utc_offset_seconds", "timezone", "timezone_abbreviation",
        "elevation", "location_id", "current_units", "current", "hourly_units", "hourly", "daily_units", "daily",
    ]  # fmt: skip
    assert list(answer["current"]) == list(answer["current_units"]) == ["time", "interval", "is_day"]
    assert list(answer["hourly"]) == list(answer["hourly_units"]) == ["time", "is_day", "precipitation"]
    assert list(answer["daily"]) == list(answer["daily_units"]) == ["time", "sunset", "weather_code"]
    assert (answer["location_id"], answer["current"]["interval"]) == (3, 900)
    assert answer["daily_units"] == {"time": "iso8601", "sunset": "iso8601", "weather_code": "wmo code"}


def test_one_place_is_an_object_and_several_are_an_array():
    assert joined([b"{}"]) == b"{}" and joined([b"{}", b"{}"]) == b"[{},{}]"


def test_a_place_without_an_elevation_has_none():
    assert "elevation" not in body(replace(a_series(), elevation=None))


def test_an_old_name_is_answered_under_itself():
    answer = body(make_series(), hourly="weathercode,weather_code", daily="windspeed_10m_max")
    assert answer["hourly"]["weathercode"] == answer["hourly"]["weather_code"]
    assert "windspeed_10m_max" in answer["daily"]


def test_a_name_that_comes_often_is_worked_out_and_written_once():
    names = ["temperature_2m", "is_day"] * 50
    form = form_in({"current": names, "hourly": names, "daily": ["sunrise", "weather_code"] * 50}, ALL)
    answer = answer_of(form, "GMT", make_series(), NOW)
    for section in answer.sections:
        assert len(section.columns) == 100 and len({id(column) for column in section.columns}) == 2
    written = text_of(answer, 0, unixtime=False, generation_ms=0.25)
    assert written.count(b'"temperature_2m":[') == written.count(b'"sunrise":[') == 1
    assert list(json.loads(written)["hourly"]) == ["time", "temperature_2m", "is_day"]


@pytest.mark.parametrize("place", ["Copenhagen", "Toronto", "Adelaide"])
def test_a_recorded_answers_numbers_are_written_again(place):
    recorded = recording(place)
    held = recorded.series()
    # The recorded figures were not converted, so other units than the record's stay out.
    units = recorded.units["hourly"]
    names = [name for name in recorded.hourly if name in KNOWN and units[name] == KNOWN[name].unit]
    days = str(min(10, len(recorded.hourly["time"]) // 24))
    answer = body(held, held.start + 3600, hourly=",".join(names), forecast_days=days, timezone=recorded.timezone)
    for name in ("latitude", "longitude", "elevation", "utc_offset_seconds", "timezone", "timezone_abbreviation"):
        assert answer[name] == getattr(recorded, name)
    for name in names:
        column = answer["hourly"][name]
        assert (
            column
            == [None if value is None else pytest.approx(value) for value in recorded.hourly[name]][: len(column)]
        )


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value", "parameters", "unit", "written"),
    [
        ("temperature_2m", 0.0, {}, "°C", "0.0"),
        ("temperature_2m", 20.0, {"temperature_unit": "fahrenheit"}, "°F", "68.0"),
        ("apparent_temperature", -17.8, {"temperature_unit": "fahrenheit"}, "°F", "0.0"),
        ("wind_speed_10m", 36.0, {}, "km/h", "36.0"),
        ("wind_speed_10m", 36.0, {"wind_speed_unit": "ms"}, "m/s", "10.00"),
        ("wind_speed_10m", 36.0, {"wind_speed_unit": "mph"}, "mp/h", "22.4"),
        ("wind_gusts_10m", 36.0, {"wind_speed_unit": "kn"}, "kn", "19.4"),
        ("precipitation", 1.2, {}, "mm", "1.20"),
        ("precipitation", 1.2, {"precipitation_unit": "inch"}, "inch", "0.047"),
        ("relative_humidity_2m", 76, {}, "%", "76"),
        ("weather_code", 3, {}, "wmo code", "3"),
        ("pressure_msl", 1013.0, {}, "hPa", "1013.0"),
        ("pressure_msl", 1013.0, {"precipitation_unit": "inch"}, "hPa", "1013.0"),
        ("wind_direction_10m", 260, {}, "°", "260"),
        ("uv_index", 3.5, {}, "", "3.50"),
        ("snowfall", 2.54, {"precipitation_unit": "inch"}, "inch", "1.000"),
        ("snow_depth", 0.5, {}, "m", "0.50"),
        ("visibility", 24140, {}, "m", "24140.00"),
        ("freezing_level_height", 1000, {"precipitation_unit": "inch"}, "ft", "3281.000"),
        ("sunshine_duration", 1800, {}, "s", "1800.00"),
        ("shortwave_radiation", 12.5, {}, "W/m²", "12.5"),
        ("cape", 800, {}, "J/kg", "800.0"),
    ],
)
def test_a_number_has_the_decimals_of_its_unit(name, value, parameters, unit, written):
    series = make_series(columns={name: [value] * 336})
    answer = text(series, hourly=name, forecast_days="1", timezone="auto", **parameters).decode()
    assert f'"{name}":"{unit}"' in answer
    assert f'"{name}":[{",".join([written] * 24)}]' in answer


def test_missing_values_are_null_and_minus_zero_is_zero():
    assert numbers([None, -0.0, 0.05, -0.05], 1) == "null,0.0,0.1,-0.1"
    assert numbers([-0.0, -10.0, -0.04], 1) == "0.0,-10.0,0.0"
    assert numbers([], 1) == ""


def test_current_is_the_present_quarter_and_its_amounts_are_those_of_a_quarter():
    series = make_series(columns={"precipitation": [2.0] * 336, "precipitation_probability": [40] * 336})
    current = body(series, current="temperature_2m,precipitation,precipitation_probability", timezone="auto")["current"]
    assert current == {
        "time": "2026-11-24T13:45", "interval": 900, "temperature_2m": 13.8, "precipitation": 0.5,
        "precipitation_probability": 40,
    }  # fmt: skip


def test_numbers_are_those_of_the_api():
    series = a_series()
    now = series.fetched_at
    names = [name for name in present(ALL.daily) if name not in ("sunrise", "sunset", "daylight_duration")]
    ten = names[: names.index("wind_direction_10m_dominant") + 1]
    answer = body(series, now, daily=",".join(ten), current="temperature_2m,weather_code,is_day", timezone="auto")
    ours = forecast.daily(series, now, 7)
    assert {name: answer["daily"][name] for name in ten} == {name: ours[name] for name in ten}
    assert answer["daily"]["time"] == ours["time"]
    at_quarter = forecast.current(series, now // 900 * 900)
    assert [answer["current"][name] for name in ("temperature_2m", "weather_code", "is_day")] == [
        at_quarter[name] for name in ("temperature_2m", "weather_code", "is_day")
    ]


def test_extras_have_their_daily_values():
    columns = {variable.name: [10] * 336 for variable in EXTRA}
    names = "uv_index_max,cloud_cover_mean,visibility_min,rain_sum,showers_sum,snowfall_sum,sunshine_duration,cape_max"
    daily = body(make_series(columns=columns), daily=names, timezone="auto", forecast_days="1")["daily"]
    assert [daily[name][0] for name in names.split(",")] == [10, 10, 10, 240, 240, 240, 240, 10]


# ── times ─────────────────────────────────────────────────────────────────────────────────────────


def test_days_and_hours_are_gmts_where_no_zone_is_named():
    answer = body(make_series(), hourly="temperature_2m", daily="temperature_2m_max")
    assert answer["hourly"]["time"][0] == "2026-11-24T00:00" and answer["hourly"]["temperature_2m"][0] == 1.0
    assert answer["daily"]["temperature_2m_max"][0] == 24.0


def test_unixtime_is_the_true_instant():
    answer = body(make_series(), hourly="is_day", daily="sunrise", timezone="auto", timeformat="unixtime")
    midnight = datetime(2026, 11, 24, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert answer["hourly"]["time"][0] == answer["daily"]["time"][0] == midnight
    assert answer["hourly_units"]["time"] == answer["daily_units"]["sunrise"] == "unixtime"
    assert midnight < answer["daily"]["sunrise"][0] < midnight + 12 * 3600


def test_hours_from_now_begin_with_the_present_one():
    hourly = body(make_series(), hourly="temperature_2m", forecast_hours="3", timezone="auto")["hourly"]
    assert hourly == {
        "time": ["2026-11-24T13:00", "2026-11-24T14:00", "2026-11-24T15:00"],
        "temperature_2m": [13.0, 14.0, 15.0],
    }


def test_no_days_are_empty_columns():
    answer = body(make_series(), hourly="temperature_2m", daily="weather_code,sunrise", forecast_days="0")
    assert answer["hourly"] == {"time": [], "temperature_2m": []}
    assert answer["daily"] == {"time": [], "weather_code": [], "sunrise": []}


@pytest.mark.parametrize(("zone", "minutes"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 45), ("America/St_Johns", 30)])
def test_zones_of_half_an_hour_have_the_true_labels(zone, minutes):
    series = make_series(columns={"temperature_2m": [float(hour) for hour in range(336)]})
    hourly = body(series, hourly="temperature_2m", forecast_days="2", timezone=zone)["hourly"]
    assert {label[-2:] for label in hourly["time"]} == {str(minutes)} and len(hourly["time"]) == 48
    for label, value in zip(hourly["time"], hourly["temperature_2m"], strict=True):
        instant = datetime.fromisoformat(label).replace(tzinfo=ZoneInfo(zone)).timestamp()
        assert value is None or value == (instant - series.start) / 3600


@pytest.mark.parametrize(("day", "rows"), [("2026-03-28", [24, 23, 24]), ("2026-10-24", [24, 25, 24])])
def test_days_are_right_across_a_change_of_summer_time(day, rows):
    series = make_series(day=day)
    answer = body(
        series,
        series.start + 3600,
        hourly="temperature_2m",
        daily="temperature_2m_max",
        forecast_days="3",
        timezone="auto",
    )
    dates = [label[:10] for label in answer["hourly"]["time"]]
    assert [dates.count(date) for date in answer["daily"]["time"]] == rows
    assert answer["daily"]["temperature_2m_max"] == [sum(rows[: n + 1]) - 1 for n in range(3)]
    assert all(after - before == 1 for before, after in pairwise(answer["hourly"]["temperature_2m"]))


@pytest.mark.parametrize("zone", ZONES)
def test_ten_days_are_full_in_every_zone(zone):
    held_until = timedelta(hours=44)
    series = make_series()
    for now in (NOW, NOW + held_until.total_seconds()):
        answer = body(
            series, now, hourly="temperature_2m", daily="temperature_2m_max", forecast_days="10", timezone=zone
        )
        today = datetime.fromtimestamp(now, ZoneInfo(zone)).date()
        assert answer["daily"]["time"] == [(today + timedelta(day)).isoformat() for day in range(10)]
        midnight = datetime.combine(today, datetime.min.time(), ZoneInfo(zone)).timestamp()
        first, *others = answer["daily"]["temperature_2m_max"]
        assert (first is None) == (midnight < series.start - 3599) and None not in others
        assert len(answer["hourly"]["time"]) in range(239, 242) and answer["hourly"]["temperature_2m"][-1] is not None


def test_values_of_a_day_that_began_before_the_record_are_null():
    series = make_series("America/New_York")
    hours, sun = "temperature_2m_min,precipitation_sum,wind_direction_10m_dominant", "sunrise,daylight_duration"
    daily = body(series, daily=f"{hours},{sun}", forecast_days="2")["daily"]
    for name in hours.split(","):
        assert daily[name][0] is None
    assert daily["precipitation_sum"][1] == 24.0 and None not in daily["sunrise"] + daily["daylight_duration"]
    own = body(series, daily="precipitation_sum", forecast_days="1", timezone="auto")["daily"]
    assert own["precipitation_sum"] == [24.0]


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
def test_a_day_whose_midnight_is_between_two_hours_is_whole(zone):
    series = make_series(zone)
    held = replace(series, start=-(-series.start // 3600) * 3600)
    assert body(held, held.start + 60, daily="precipitation_sum", timezone="auto", forecast_days="1")["daily"][
        "precipitation_sum"
    ] == [24.0]


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("wind_speed_unit", ["kmh", "ms"])
def test_in_the_part_of_an_hour_after_midnight_the_first_row_stands(zone, wind_speed_unit):
    series = make_series(zone, columns={"wind_speed_10m": [float(36 + row) for row in range(336)]})
    midnight = series.start
    held = replace(series, start=-(-midnight // 3600) * 3600)
    first, second = (36.0, 37.0) if wind_speed_unit == "kmh" else (10.0, 10.28)

    def present(now: float) -> list[float | None]:
        unit = {"wind_speed_unit": wind_speed_unit}
        return body(held, now, hourly="wind_speed_10m", forecast_hours="3", timezone="auto", **unit)["hourly"][
            "wind_speed_10m"
        ]

    assert present(midnight + 60)[:3] == present(held.start - 1)[:3] == [first, first, second]
    assert present(held.start)[:2] == [first, second]
    # Before that midnight nothing is held, and at any other time that hour is not the present one.
    assert present(midnight - 60)[0] is None
    gmt = body(held, held.start + 60, hourly="wind_speed_10m", timezone="GMT", forecast_days="1")["hourly"]
    assert [value is None for time, value in zip(gmt["time"], gmt["wind_speed_10m"], strict=True)] == [
        datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() < held.start for time in gmt["time"]
    ]


@given(zone=st.sampled_from(ZONES), hour=st.integers(0, 40), days=st.integers(0, 10), unixtime=st.booleans())
def test_every_row_holds_the_value_of_its_label(zone, hour, days, unixtime):
    series = make_series()
    now = series.start + hour * 3600 + 100
    answer = body(
        series, now, hourly="temperature_2m", forecast_days=str(days), timezone=zone,
        timeformat="unixtime" if unixtime else "iso8601",
    )  # fmt: skip
    here = ZoneInfo(zone)
    for time, value in zip(answer["hourly"]["time"], answer["hourly"]["temperature_2m"], strict=True):
        instant = time if unixtime else datetime.fromisoformat(time).replace(tzinfo=here).timestamp()
        row = (instant - series.start) / 3600
        assert value == (row if 0 <= row < 336 else None)


@pytest.mark.parametrize(
    ("zone", "abbreviation"),
    [
        ("Europe/Berlin", "GMT+1"),
        ("Asia/Kathmandu", "GMT+5:45"),
        ("America/St_Johns", "GMT-3:30"),
        ("Europe/London", "GMT"),
    ],
)
def test_an_abbreviation_is_the_offset(zone, abbreviation):
    answer = body(make_series(), timezone=zone)
    assert (answer["timezone"], answer["timezone_abbreviation"]) == (zone, abbreviation)


# ── the sun ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("day", "sunset", "seconds"), [("2026-06-21", "2026-06-22T00:00", 86_400), ("2026-12-21", "2026-12-21T00:00", 0)]
)
def test_polar_days_and_nights_have_open_meteos_own_sunrise_and_sunset(day, sunset, seconds):
    series = make_series(day=day, timezone="Arctic/Longyearbyen", position=(78.2, 15.6))
    daily = body(series, series.start, daily="sunrise,sunset,daylight_duration", timezone="auto", forecast_days="1")[
        "daily"
    ]
    assert daily == {"time": [day], "sunrise": [f"{day}T00:00"], "sunset": [sunset], "daylight_duration": [seconds]}


@pytest.mark.parametrize("zone", ["auto", "GMT", "Pacific/Auckland", "America/Los_Angeles"])
def test_sunrise_and_sunset_are_those_around_the_days_own_noon(zone):
    series = make_series()
    daily = body(series, daily="sunrise,sunset,daylight_duration", timezone=zone, timeformat="unixtime")["daily"]
    for midnight, rise, set_, seconds in zip(*daily.values(), strict=True):
        assert midnight <= (rise + set_) / 2 < midnight + 86_400
        assert 7 * 3600 < set_ - rise < 10 * 3600 and abs(set_ - rise - seconds) <= 120


def test_is_day_is_one_or_zero():
    column = re.search(r'"is_day":\[([01,]+)\]', text(make_series(), hourly="is_day").decode())
    assert column is not None and {"0", "1"} == set(column[1].split(","))
