from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.weather.recordings import recording
from tests.support.weather.series import make_series
from weather.core import forecast
from weather.core.datasets import WEATHER
from weather.core.forecast import (
    DAILY_UNITS,
    HOURLY_UNITS,
    current,
    daily,
    hourly,
)
from weather.core.records.packing import pack, unpack
from weather.core.series import Series, next_midnight, with_earlier_rows
from weather.core.variables import HOURLY, HOURLY_NAMES, HOURS
from weather.core.zones import label_error_seconds

pytestmark = pytest.mark.pure

HOUR = 3600

# Offsets of half hours and 45 minutes, summer time of half an hour and of two, changes at midnight, the date line.
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Santiago",
    "America/Nuuk",
    "Antarctica/Troll",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
]


def one(name: str, *values: float | None) -> Series:
    return make_series(columns={name: values})


def after(series: Series, hours: float) -> float:
    return series.start + hours * HOUR


def at(timezone: str, local: str) -> float:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(timezone)).timestamp()


# Against what Open-Meteo itself made of the same hours. Its days keep one offset (Etc/GMT+5) when summer time begins.


@pytest.fixture(params=[("Copenhagen", None, 7), ("Toronto", "Etc/GMT+5", 8)], ids=["Copenhagen", "Toronto"])
def recorded_days(request):
    place, timezone, days = request.param
    recorded = recording(place)
    series = recorded.series(timezone)
    return recorded.daily, daily(series, series.start, days)


def test_maxima_minima_and_the_worst_code_are_those_of_open_meteo(recorded_days):
    recorded, ours = recorded_days
    shared = [name for name in recorded if name == "time" or name.endswith(("_max", "_min", "_code"))]
    shared = [name for name in shared if name in ours]
    assert len(shared) >= 6
    assert {name: ours[name] for name in shared} == {name: recorded[name] for name in shared}


def test_precipitation_sums_are_those_of_open_meteo_but_for_rounding():
    recorded = recording("Toronto")
    series = recorded.series("Etc/GMT+5")
    ours = daily(series, series.start, 8)["precipitation_sum"]
    assert ours == pytest.approx(recorded.daily["precipitation_sum"], abs=0.0065)


@pytest.mark.parametrize(
    ("place", "timezone", "days"),
    [("Copenhagen", None, 7), ("Toronto", "Etc/GMT+5", 8), ("New York", "UTC", 14)],
)
@pytest.mark.parametrize("event", ["sunrise", "sunset"])
def test_the_sun_rises_and_sets_within_two_minutes_of_open_meteo(place, timezone, days, event):
    recorded = recording(place)
    series = recorded.series(timezone)
    ours = [datetime.fromisoformat(text).timestamp() for text in daily(series, series.start, days)[event]]
    assert ours == pytest.approx([recorded.unix_seconds(text) for text in recorded.daily[event]], abs=120)


def test_hours_of_day_and_night_are_those_of_open_meteo():
    recorded = recording("Copenhagen")
    series = recorded.series()
    ours = [current(series, after(series, row))["is_day"] for row in range(168)]
    assert ours == [bool(is_day) for is_day in recorded.hourly["is_day"]]


@pytest.mark.parametrize(("place", "hours"), [("Copenhagen", 168), ("Toronto", 192), ("Adelaide", 72)])
def test_at_a_full_hour_the_conditions_are_those_of_the_hour(place, hours):
    recorded = recording(place)
    series = recorded.series()
    assert len(recorded.hourly["time"]) == hours
    for row in range(hours):
        conditions = current(series, after(series, row))
        asked = [name for name in HOURLY_NAMES if name in recorded.hourly]
        assert [conditions[name] for name in asked] == [recorded.hourly[name][row] for name in asked]


def test_an_offset_of_half_an_hour_is_in_the_times():
    series = recording("Adelaide").series()
    assert hourly(series, after(series, 5.75), 1)["time"][0] == "2026-07-16T05:30:00+09:30"


# Current conditions


def test_the_time_is_the_minute_of_now_with_the_offset_of_the_place():
    series = make_series("America/New_York", "2026-11-24")
    assert current(series, after(series, 5) + 659.9)["time"] == "2026-11-24T05:10:00-05:00"
    assert current(series, after(series, 5) + 659.9)["temperature_2m"] == 5.2


def test_conditions_have_the_promised_names_in_the_promised_order():
    series = make_series()
    assert list(current(series, series.start)) == ["time", *HOURLY_NAMES, "is_day"]


def test_what_has_no_decimals_is_an_int_and_the_rest_a_float():
    series = make_series(columns={name: [40.0] * HOURS for name in HOURLY_NAMES})
    for now in (after(series, 3), after(series, 3.4)):
        conditions = current(series, now)
        assert [type(conditions[variable.name]) for variable in HOURLY] == [
            float if variable.decimals else int for variable in HOURLY
        ]
        assert type(conditions["is_day"]) is bool


def test_a_temperature_between_two_hours_lies_between_them_in_proportion():
    assert current(series := one("temperature_2m", 1.0, 4.0), after(series, 0.25))["temperature_2m"] == 1.8


def test_a_value_that_rounds_to_zero_from_below_has_no_sign():
    series = one("temperature_2m", -0.1, 0.0)
    assert str(current(series, after(series, 0.9))["temperature_2m"]) == "0.0"


@pytest.mark.parametrize(
    ("before", "behind", "hours", "direction"),
    [
        (350, 20, 0.5, 5),
        (20, 350, 0.5, 5),
        (350, 10, 0.5, 0),
        (350, 10, 0.25, 355),
        (360, 360, 0.5, 0),
        (360, 90, 0, 360),
        (0, 180, 0.5, 270),
        (180, 0, 0.5, 90),
        (359, 0, 0.75, 0),
    ],
)
def test_the_wind_turns_the_short_way_round(before, behind, hours, direction):
    series = one("wind_direction_10m", before, behind)
    assert current(series, after(series, hours))["wind_direction_10m"] == direction


@pytest.mark.parametrize(("minutes", "code"), [(0, 3), (29, 3), (30, 61), (59, 61)])
def test_the_weather_code_is_that_of_the_nearest_hour_and_half_way_of_the_later(minutes, code):
    series = one("weather_code", 3, 61)
    assert current(series, after(series, 0) + minutes * 60)["weather_code"] == code


@pytest.mark.parametrize("name", ["precipitation", "precipitation_probability", "wind_gusts_10m"])
@pytest.mark.parametrize(("minutes", "value"), [(0, 1), (1, 2), (59, 2), (60, 2)])
def test_what_belongs_to_an_hour_is_read_where_the_hour_ends(name, minutes, value):
    series = one(name, 1, 2)
    assert current(series, series.start + minutes * 60)[name] == value


@pytest.mark.parametrize(("hours", "temperature"), [(0, 1.0), (0.5, None), (1, None), (1.5, None), (2, 3.0)])
def test_a_value_that_needs_a_missing_one_is_null(hours, temperature):
    series = one("temperature_2m", 1.0, None, 3.0)
    assert current(series, after(series, hours))["temperature_2m"] == temperature


@pytest.mark.parametrize("hours", [-1000, -1, -0.5, -1 / 60, HOURS - 1 + 1 / 60, HOURS - 0.5, HOURS, HOURS + 1000])
def test_outside_the_series_everything_is_null(hours):
    series = make_series()
    conditions = current(series, after(series, hours))
    assert {conditions[name] for name in HOURLY_NAMES} == {None}


def test_a_column_that_open_meteo_left_out_is_null():
    series = replace(make_series(), columns={})
    assert current(series, series.start)["temperature_2m"] is None
    assert hourly(series, series.start, 1)["temperature_2m"] == [None] * 24
    assert daily(series, series.start, 2)["temperature_2m_max"] == [None, None]


@settings(deadline=None)
@given(
    values=st.tuples(st.integers(-500, 500), st.integers(-500, 500)),
    minute=st.integers(0, 60),
)
def test_a_temperature_never_leaves_the_range_of_its_two_hours(values, minute):
    before, behind = (value / 10 for value in values)
    series = one("temperature_2m", before, behind)
    assert min(before, behind) <= current(series, series.start + minute * 60)["temperature_2m"] <= max(before, behind)


@settings(deadline=None)
@given(before=st.integers(0, 360), behind=st.integers(0, 360), minute=st.integers(1, 59))
def test_the_wind_never_turns_further_than_to_the_next_hour(before, behind, minute):
    series = one("wind_direction_10m", before, behind)
    direction = current(series, series.start + minute * 60)["wind_direction_10m"]
    assert isinstance(direction, int) and 0 <= direction <= 359
    assert apart(before, direction) + apart(direction, behind) == apart(before, behind)


def apart(one_direction: int, other: int) -> int:
    return min((one_direction - other) % 360, (other - one_direction) % 360)


# Zones of half an hour, whose records begin at the first full hour of UTC after local midnight


def record_of(timezone: str, day: str) -> Series:
    """As validation reads one: its first row lies in the hour that begins at the local midnight of `day`."""
    labelled = make_series(timezone, day)
    return replace(labelled, start=-(-labelled.start // HOUR) * HOUR)


@pytest.mark.parametrize(("timezone", "off"), [("Asia/Kolkata", 1800), ("Asia/Kathmandu", 2700), ("Asia/Tehran", 1800)])
def test_a_value_belongs_to_a_full_hour_of_utc(timezone, off):
    series = record_of(timezone, "2026-11-24")
    assert series.start - at(timezone, "2026-11-24T00:00") == off
    assert current(series, after(series, 5))["temperature_2m"] == 5.0
    assert hourly(series, after(series, 5.5), 7)["temperature_2m"][:2] == [5.0, 6.0]


@pytest.mark.parametrize("name", HOURLY_NAMES)
def test_until_the_first_row_of_the_day_it_stands_for_what_is_not_there(name):
    series = record_of("Asia/Kolkata", "2026-11-24")
    midnight = at("Asia/Kolkata", "2026-11-24T00:00")
    first = current(series, series.start)[name]
    assert [current(series, moment)[name] for moment in (midnight, midnight + 60, series.start - 60)] == [first] * 3
    hours = hourly(series, midnight + 60, 7)
    assert hours["time"][:2] == ["2026-11-23T23:30:00+05:30", "2026-11-24T00:30:00+05:30"]
    assert hours[name][0] == hours[name][1] is not None


def test_before_the_midnight_that_it_begins_with_a_record_says_nothing():
    series = record_of("Asia/Kolkata", "2026-11-24")
    just_before = at("Asia/Kolkata", "2026-11-24T00:00") - 60
    assert current(series, just_before)["temperature_2m"] is None
    assert hourly(series, just_before, 2)["temperature_2m"][0] is None


def test_the_first_row_stands_to_the_last_half_second_before_it():
    series = record_of("Asia/Kolkata", "2026-11-24")
    assert hourly(series, series.start - 0.5, 2)["temperature_2m"][:2] == [0.0, 0.0]


def test_a_record_that_begins_an_hour_after_midnight_says_nothing_of_that_hour():
    series = replace(one("temperature_2m", 1.0, 2.0), start=make_series().start + HOUR)
    assert current(series, series.start - 60)["temperature_2m"] is None
    assert hourly(series, series.start - 60, 2)["temperature_2m"][:2] == [None, 1.0]


def test_a_record_of_the_day_before_has_the_hour_around_midnight():
    series = record_of("Asia/Kolkata", "2026-11-23")
    midnight = at("Asia/Kolkata", "2026-11-24T00:00")
    assert current(series, midnight)["temperature_2m"] == 23.5
    assert hourly(series, midnight + 60, 2)["temperature_2m"][:2] == [23.0, 24.0]


@pytest.mark.parametrize(
    ("timezone", "offset"),
    [
        ("Asia/Kolkata", 19_800),
        ("Asia/Kathmandu", 20_700),
        ("Australia/Adelaide", 37_800),
        ("America/St_Johns", -12_600),
    ],
)
@settings(deadline=None)
@given(minutes=st.integers(0, 2 * 24 * 60 - 1))
def test_nothing_is_null_in_the_two_days_that_a_record_is_held(timezone, offset, minutes):
    labelled = make_series(timezone, "2026-11-24")
    series = replace(labelled, start=labelled.start + label_error_seconds(offset))
    now = labelled.start + minutes * 60
    assert None not in current(series, now).values()
    assert all(None not in column for column in hourly(series, now, 10).values())
    days = daily(series, now, 10)
    assert all(None not in days[name] for name in ("temperature_2m_max", "weather_code", "precipitation_sum"))


# Days


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-28", [24, 23, 24]),
        ("Europe/Berlin", "2026-10-24", [24, 25, 24]),
        ("America/Havana", "2026-03-07", [24, 23, 24]),  # midnight does not exist
        ("America/Havana", "2026-10-31", [24, 25, 24]),  # midnight happens twice
        ("Africa/Cairo", "2026-04-23", [24, 23, 24]),  # midnight does not exist
        ("Africa/Cairo", "2026-10-28", [24, 25, 24]),  # 23:00 happens twice
        ("Asia/Kolkata", "2026-06-01", [24, 24, 24]),
        ("Asia/Kathmandu", "2026-06-01", [24, 24, 24]),
        ("Pacific/Chatham", "2026-04-04", [24, 25, 24]),
        # A day of 24.5 hours and one of 23.5.
        ("Australia/Lord_Howe", "2026-04-04", [24, 25, 24]),
        ("Australia/Lord_Howe", "2026-10-03", [24, 24, 24]),
        ("Antarctica/Troll", "2026-03-28", [24, 22, 24]),
    ],
)
def test_a_day_has_the_hours_that_the_clock_gives_it(timezone, day, hours):
    series = make_series(timezone, day)
    assert daily(series, series.start, 3)["precipitation_sum"] == hours


@pytest.mark.parametrize("timezone", ZONES)
@settings(deadline=None)
@given(days=st.integers(1, 10), into_year=st.integers(0, 364), hours=st.floats(0, HOURS - 1))
def test_days_are_what_asking_the_zone_for_every_row_gives(timezone, days, into_year, hours):
    series = make_series(timezone, str(date(2026, 1, 1) + timedelta(into_year)))
    zone = ZoneInfo(timezone)
    by_date: dict[str, list[int]] = {}
    for row in range(HOURS):
        by_date.setdefault(str(datetime.fromtimestamp(after(series, row), zone).date()), []).append(row)
    ours = daily(series, after(series, hours), days)
    assert ours["time"][0] == str(datetime.fromtimestamp(after(series, hours), zone).date())
    assert ours["temperature_2m_max"] == [max(by_date.get(day, []), default=None) for day in ours["time"]]
    assert ours["temperature_2m_min"] == [min(by_date.get(day, []), default=None) for day in ours["time"]]


@pytest.mark.parametrize("timezone", ZONES)
@settings(deadline=None)
@given(days=st.integers(1, 10), hours=st.floats(-48, HOURS + 48), into_year=st.integers(0, 364))
def test_there_are_always_as_many_days_and_hours_as_promised(timezone, days, hours, into_year):
    series = make_series(timezone, str(date(2026, 1, 1) + timedelta(into_year)))
    now = after(series, hours)
    assert {len(column) for column in daily(series, now, days).values()} == {days}
    shown = hourly(series, now, days)
    times = [datetime.fromisoformat(text) for text in shown["time"]]
    assert {len(column) for column in shown.values()} == {len(times)}
    assert times[0].timestamp() <= now < times[0].timestamp() + HOUR
    assert all(later.timestamp() - time.timestamp() == HOUR for time, later in pairwise(times))
    last_date = (datetime.fromtimestamp(now, ZoneInfo(timezone)) + timedelta(days - 1)).date()
    assert times[-1].date() <= last_date
    assert len(times) == 48 or (times[-1] + timedelta(hours=1)).astimezone(ZoneInfo(timezone)).date() > last_date


def test_days_have_the_promised_names_in_the_promised_order():
    series = make_series()
    days = daily(series, series.start, 1)
    assert list(days) == [
        "time",
        "weather_code",
        "temperature_2m_max",
        "temperature_2m_min",
        "apparent_temperature_max",
        "apparent_temperature_min",
        "precipitation_sum",
        "precipitation_probability_max",
        "wind_speed_10m_max",
        "wind_gusts_10m_max",
        "wind_direction_10m_dominant",
        "sunrise",
        "sunset",
    ]
    assert list(DAILY_UNITS) == list(days)
    assert list(HOURLY_UNITS) == ["time", *HOURLY_NAMES]


def test_whole_numbers_stay_whole_in_days_and_hours():
    series = make_series(columns={name: [40.0] * HOURS for name in HOURLY_NAMES})
    days = daily(series, series.start, 1)
    assert str(days["weather_code"] + days["precipitation_probability_max"]) == "[40, 40]"
    assert str(days["temperature_2m_max"] + days["precipitation_sum"]) == "[40.0, 960.0]"
    assert str(hourly(series, series.start, 1)["wind_direction_10m"][0]) == "40"


def test_a_forecast_of_two_days_ago_still_has_ten_full_days():
    series = make_series("Europe/Berlin", "2026-11-22")
    days = daily(series, at("Europe/Berlin", "2026-11-24T23:59"), 10)
    assert days["time"][0] == "2026-11-24" and days["time"][-1] == "2026-12-03"
    assert days["precipitation_sum"] == [24.0] * 10


def test_nulls_are_left_out_of_a_day_and_a_day_of_nulls_is_null():
    temperatures = [None, 5.0, *[None] * 22, *[None] * 24]
    days = daily(series := one("temperature_2m", *temperatures), series.start, 3)
    assert days["temperature_2m_max"] == days["temperature_2m_min"] == [5.0, None, None]


def test_trailing_nulls_leave_the_days_before_them_alone():
    full = make_series()
    cut = make_series(columns={name: [*full.columns[name][:250], *[None] * 86] for name in HOURLY_NAMES})
    assert daily(cut, full.start, 10) == daily(full, full.start, 10)


def test_a_sum_shows_no_more_decimals_than_its_hours():
    series = one("precipitation", 0.1, 0.1, 0.1)
    assert daily(series, series.start, 1)["precipitation_sum"] == [0.3]


def test_a_wholly_empty_column_is_null_and_spoils_no_other():
    series = make_series(columns={"precipitation_probability": [None] * HOURS})
    days = daily(series, series.start, 7)
    assert days["precipitation_probability_max"] == [None] * 7
    assert days["precipitation_sum"] == [24.0] * 7


def test_the_dominant_wind_is_the_direction_of_the_summed_vectors():
    series = make_series(
        columns={
            "wind_speed_10m": [10.0, 10.0, *[0.0] * 22, 30.0, 10.0, *[None] * 22, *[10.0] * 24],
            "wind_direction_10m": [350, 20, *[180] * 22, 90, 0, *[180] * 22, *[0, 180] * 12],
        }
    )
    assert daily(series, series.start, 4)["wind_direction_10m_dominant"] == [5, 72, None, None]


@pytest.mark.parametrize(("direction", "dominant"), [(270, 270), (360, 0), (359.8, 0), (181, 181)])
def test_the_dominant_wind_is_a_whole_number_below_360(direction, dominant):
    series = make_series(columns={"wind_speed_10m": [10.0] * 24, "wind_direction_10m": [direction] * 24})
    assert str(daily(series, series.start, 1)["wind_direction_10m_dominant"]) == f"[{dominant}]"


@pytest.mark.parametrize(
    ("position", "timezone", "day"),
    [
        ((78.22, 15.64), "Arctic/Longyearbyen", "2026-06-21"),
        ((78.22, 15.64), "Arctic/Longyearbyen", "2026-12-21"),
        ((-90.0, 0.0), "Antarctica/McMurdo", "2026-06-21"),
        ((-90.0, 0.0), "Antarctica/McMurdo", "2026-12-21"),
    ],
)
def test_polar_day_and_night_show_no_sunrise_and_no_sunset(position, timezone, day):
    series = make_series(timezone, day, position=position)
    days = daily(series, series.start, 7)
    assert days["sunrise"] == days["sunset"] == [None] * 7
    assert len(set(hourly(series, series.start, 7)["is_day"])) == 1


@pytest.mark.parametrize(
    "place", [(40.7, -74.0, "America/New_York"), (39.5, 76.0, "Asia/Shanghai"), (1.9, -157.4, "Pacific/Kiritimati")]
)
@settings(deadline=None)
@given(minute=st.integers(0, 14 * 1440))
def test_it_is_day_from_the_shown_sunrise_to_the_shown_sunset(place, minute):
    latitude, longitude, timezone = place
    series = make_series(timezone, position=(latitude, longitude))
    now = series.start + minute * 60
    sunrise, sunset = (
        datetime.fromisoformat(daily(series, now, 1)[event][0]).timestamp() for event in ("sunrise", "sunset")
    )
    assert current(series, now)["is_day"] is (sunrise <= now < sunset)


def test_sunrise_is_a_minute_with_the_offset_of_the_place():
    series = make_series("America/New_York", "2026-11-24", position=(40.71, -73.99))
    assert daily(series, series.start, 1)["sunrise"] == ["2026-11-24T06:54:00-05:00"]


# Hours


def test_hours_begin_with_the_present_one_and_are_48():
    series = make_series("America/New_York", "2026-11-24")
    hours = hourly(series, after(series, 5.99), 7)
    assert (hours["time"][0], hours["time"][-1]) == ("2026-11-24T05:00:00-05:00", "2026-11-26T04:00:00-05:00")
    assert hours["temperature_2m"] == [float(row) for row in range(5, 53)]


def test_hours_end_with_the_last_day():
    series = make_series("Asia/Kathmandu", "2026-11-24")
    assert hourly(series, after(series, 22.5), 1)["time"] == ["2026-11-24T22:00:00+05:45", "2026-11-24T23:00:00+05:45"]


def test_hours_follow_the_clock_across_a_change_of_summer_time():
    series = make_series("Europe/Berlin", "2026-10-25")
    assert hourly(series, after(series, 2), 1)["time"][:3] == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]
    assert len(hourly(series, series.start, 1)["time"]) == 25


def test_hours_beyond_the_series_are_null():
    series = make_series(rows=24)
    assert hourly(series, after(series, 22), 2)["temperature_2m"] == [22.0, 23.0, *[None] * 24]
    assert hourly(series, after(series, -2), 2)["temperature_2m"][:3] == [None, None, 0.0]


@pytest.mark.parametrize(
    ("timezone", "now", "midnight"),
    [
        ("Europe/Berlin", "2026-11-24T23:59", "2026-11-25T00:00"),
        ("Europe/Berlin", "2026-11-24T00:00", "2026-11-25T00:00"),
        ("Asia/Kathmandu", "2026-11-24T12:00", "2026-11-25T00:00"),
        ("America/Havana", "2026-03-07T12:00", "2026-03-08T01:00"),
        ("Africa/Cairo", "2026-10-29T23:30", "2026-10-30T00:00"),
    ],
)
def test_a_place_has_midnight_when_its_own_clock_does(timezone, now, midnight):
    assert next_midnight(timezone, at(timezone, now)) == at(timezone, midnight)


def test_a_new_series_keeps_the_rows_of_the_day_before_from_the_one_held():
    held, new = make_series(day="2026-11-23"), make_series(day="2026-11-24")
    joined = with_earlier_rows(new, held)
    assert (joined.start, joined.hours) == (held.start, 24 + new.hours)
    assert joined.columns["temperature_2m"][22:26] == [22.0, 23.0, 0.0, 1.0]
    assert forecast.daily(joined, new.start, 10) == forecast.daily(new, new.start, 10)
    assert with_earlier_rows(make_series(day="2026-11-25"), joined).start == new.start - 2 * 3600


def test_rows_are_joined_only_where_none_is_missing_between_them():
    new = make_series(day="2026-11-24")
    assert with_earlier_rows(new, make_series(day="2026-11-24")) is new
    assert with_earlier_rows(new, make_series(day="2026-11-25")) is new
    assert with_earlier_rows(new, make_series(day="2026-11-01", rows=48)) is new
    assert with_earlier_rows(new, replace(new, start=new.start - 86_400, columns={"temperature_2m": [0.0] * 48})) is new


@pytest.mark.parametrize(
    "other", [{"source": "simulator"}, {"latitude": 52.6}, {"longitude": 13.5}, {"elevation": None}]
)
def test_rows_of_another_source_or_another_point_are_not_joined(other):
    held, new = make_series(day="2026-11-23"), make_series(day="2026-11-24")
    assert with_earlier_rows(new, replace(held, **other)) is new


def test_a_joined_record_begins_no_earlier_than_a_record_may():
    held, day = make_series(day="2026-11-23"), make_series(day="2026-11-24")
    new = replace(day, fetched_at=day.start + 48 * 3600 + 100)
    joined = with_earlier_rows(new, held)
    assert joined.start == new.start - 23 * 3600 and joined.columns["temperature_2m"][:2] == [1.0, 2.0]
    assert unpack(pack(joined, WEATHER), WEATHER).start == joined.start
    assert with_earlier_rows(replace(day, fetched_at=day.start + 72 * 3600), held).start == day.start
