from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from astral import Observer
from astral.sun import elevation
from hypothesis import given, settings
from hypothesis import strategies as st

from weather.core.sun import Sun

pytestmark = pytest.mark.pure

LATITUDES = st.one_of(st.floats(-90, 90), st.floats(60, 75), st.floats(-75, -60), st.sampled_from([-90.0, 0.0, 90.0]))
LONGITUDES = st.floats(-180, 180)
MINUTES = st.integers(24_000_000, 37_000_000)  # 2015 to 2040
FIRST_MINUTE_OF_MARCH_2026 = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) // 60


def of_date(place: tuple[float, float, str], day: date) -> tuple[datetime | None, datetime | None]:
    latitude, longitude, zone = place
    start, end = (datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in (day, day + timedelta(1)))
    rise, set_ = Sun(latitude, longitude).rise_and_set(int(start.timestamp()) // 60, int(end.timestamp()) // 60)
    return local(rise, zone), local(set_, zone)


def local(minute: int | None, zone: str) -> datetime | None:
    return None if minute is None else datetime.fromtimestamp(minute * 60, ZoneInfo(zone))


def degrees_above_horizon(latitude: float, longitude: float, minute: int) -> float:
    at = datetime.fromtimestamp(minute * 60, UTC)
    return elevation(Observer(latitude, longitude, 0.0), at, with_refraction=False) + 0.833


def seen_minute_by_minute(sun: Sun, start: int, end: int) -> tuple[int | None, int | None]:
    changes = [minute for minute in range(start, end) if sun.is_up(minute) != sun.is_up(minute - 1)]
    rises = [minute for minute in changes if sun.is_up(minute)]
    sets = [minute for minute in changes if not sun.is_up(minute)]
    return rises[0] if rises else None, sets[-1] if sets else None


@settings(deadline=None)
@given(LATITUDES, LONGITUDES, MINUTES, st.sampled_from([1380, 1440, 1500]))
def test_rise_and_set_are_what_a_look_at_every_minute_finds(latitude, longitude, start, minutes):
    sun = Sun(latitude, longitude)
    assert sun.rise_and_set(start, start + minutes) == seen_minute_by_minute(sun, start, start + minutes)


@pytest.mark.parametrize("latitude", [-89.72, 89.61, 89.81])
def test_no_graze_of_the_horizon_is_missed_near_a_pole(latitude):
    sun = Sun(latitude, 0.0)
    for start in (FIRST_MINUTE_OF_MARCH_2026 + 1440 * day for day in range(45)):
        assert sun.rise_and_set(start, start + 1440) == seen_minute_by_minute(sun, start, start + 1440)


def test_a_rise_in_the_first_minute_counts_and_one_in_the_minute_after_the_last_does_not():
    sun = Sun(52.5, 13.4)
    rise, _ = sun.rise_and_set(FIRST_MINUTE_OF_MARCH_2026, FIRST_MINUTE_OF_MARCH_2026 + 1440)
    assert rise is not None
    assert sun.rise_and_set(rise, rise + 60)[0] == rise
    assert sun.rise_and_set(rise - 60, rise)[0] is None


@settings(deadline=None)
@given(st.floats(-89.5, 89.5), LONGITUDES, MINUTES)
def test_the_sun_stands_on_the_horizon_when_it_rises_and_sets(latitude, longitude, start):
    for minute in Sun(latitude, longitude).rise_and_set(start, start + 1440):
        if minute is not None:
            # In a minute the sun climbs by a quarter of a degree at most.
            assert abs(degrees_above_horizon(latitude, longitude, minute)) < 0.252


@settings(deadline=None)
@given(st.floats(-89.5, 89.5), LONGITUDES, MINUTES)
def test_day_and_night_are_those_of_astral(latitude, longitude, minute):
    apart = degrees_above_horizon(latitude, longitude, minute)
    assert Sun(latitude, longitude).is_up(minute) == (apart > 0) or abs(apart) < 0.002


def test_both_names_of_the_antimeridian_have_the_same_sun():
    assert Sun(-16.8, 180.0).rise_and_set(29_900_000, 29_901_440) == Sun(-16.8, -180.0).rise_and_set(
        29_900_000, 29_901_440
    )


@pytest.mark.parametrize(
    "place",
    [
        (1.87, -157.4, "Pacific/Kiritimati"),  # UTC+14
        (-21.13, -175.2, "Pacific/Tongatapu"),  # UTC+13
        (-43.95, -176.55, "Pacific/Chatham"),  # UTC+12:45, +13:45 in summer
        (-14.28, -170.7, "Pacific/Pago_Pago"),  # UTC-11
        (-16.8, 179.99, "Pacific/Fiji"),
        (51.88, -176.65, "America/Adak"),
        (0.0, 0.0, "UTC"),
    ],
)
def test_every_date_has_its_own_sunrise_in_the_morning_and_sunset_in_the_evening(place):
    for day in (date(2026, 1, 1) + timedelta(days) for days in range(365)):
        rise, set_ = of_date(place, day)
        assert rise is not None and set_ is not None
        assert rise.date() == day == set_.date()
        assert 3 <= rise.hour < 11 and 15 <= set_.hour < 24


def test_a_clock_far_from_solar_time_keeps_the_date():
    rise, set_ = of_date((39.47, 75.99, "Asia/Shanghai"), date(2026, 12, 21))
    assert rise is not None and set_ is not None
    assert (rise.date(), rise.hour) == (date(2026, 12, 21), 10)
    assert (set_.date(), set_.hour) == (date(2026, 12, 21), 19)


def test_a_sunset_after_midnight_belongs_to_the_date_it_falls_on():
    rise, set_ = of_date((64.15, -21.94, "Atlantic/Reykjavik"), date(2026, 6, 21))
    assert set_ is not None and rise is not None
    assert set_.date() == date(2026, 6, 21) and set_.hour == 0
    assert set_ < rise


def test_of_two_sunsets_on_one_date_the_last_is_its_own():
    days = [date(2026, 6, 21) + timedelta(days) for days in range(15)]
    sets = [of_date((64.15, -21.94, "Atlantic/Reykjavik"), day)[1] for day in days]
    hours = [set_.hour for set_ in sets if set_ is not None]
    assert len(hours) == len(days)
    assert hours == sorted(hours) and set(hours) == {0, 23}


@pytest.mark.parametrize(("day", "is_up"), [(date(2026, 6, 21), True), (date(2026, 12, 21), False)])
def test_polar_day_and_polar_night_have_neither_sunrise_nor_sunset(day, is_up):
    longyearbyen = (78.22, 15.64, "Arctic/Longyearbyen")
    assert of_date(longyearbyen, day) == (None, None)
    assert (
        Sun(*longyearbyen[:2]).is_up(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) // 60) is is_up
    )


@pytest.mark.parametrize(("latitude", "rises_in", "sets_in"), [(-90.0, 9, 3), (90.0, 3, 9)])
def test_at_the_poles_the_sun_rises_once_a_year_and_sets_once(latitude, rises_in, sets_in):
    suns = [of_date((latitude, 0.0, "UTC"), date(2026, 1, 1) + timedelta(days)) for days in range(365)]
    assert [rise.month for rise, _ in suns if rise] == [rises_in]
    assert [set_.month for _, set_ in suns if set_] == [sets_in]


@pytest.mark.parametrize("longitude", [-179.9, -74, 0, 15, 151, 179.9])
@pytest.mark.parametrize("latitude", [-60, -33, 0, 41, 65])
def test_a_day_counted_around_its_noon_has_one_sunrise_before_one_sunset(latitude, longitude):
    for start in range(29_700_000, 29_700_000 + 366 * 1440, 37 * 1440 + 101):
        rise, set_, seconds = Sun(latitude, longitude).around_noon(start)
        assert rise is not None and set_ is not None
        assert start <= (rise + set_) / 2 <= start + 1441
        assert abs((set_ - rise) * 60 - seconds) < 300


def test_polar_day_lasts_a_day_and_polar_night_is_dark():
    summer, winter = (int(datetime(2026, month, 21, tzinfo=UTC).timestamp() // 60) for month in (6, 12))
    for latitude, (light, dark) in ((78.2, (summer, winter)), (-78.2, (winter, summer)), (90, (summer, winter))):
        assert Sun(latitude, 15.6).around_noon(light) == (None, None, 86_400)
        assert Sun(latitude, 15.6).around_noon(dark) == (None, None, 0)
