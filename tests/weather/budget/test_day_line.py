"""The day's line is one: Python and Redis' Lua say the same of it, and it is what the design says."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from weather.budget import day_line
from weathernote import redis

pytest_plugins = ["tests.support.redis.fixtures"]

of_one_server = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
of_the_day = st.floats(0, 1) | st.integers(0, 86_400).map(lambda second: second / 86_400)
amounts = st.integers(0, 10**7)

IN_LUA = redis.script(
    day_line.LUA
    + """
local t, part, day_budget, cold = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local values = {line(t), time_at(part), spare(day_budget), refresh_limit(day_budget, cold, t),
    late_refresh_limit(day_budget, cold, t), run_refresh_limit(day_budget, t), run_refresh_time_at(part),
    reserves.refresh, reserves.late_refresh, reserves.run_refresh}
for at, value in ipairs(values) do values[at] = string.format('%.17g', value) end
return values
"""
)


def in_lua(t, part, day_budget, cold):
    (values,) = redis.execute(IN_LUA("key", *map(repr, (t, part, day_budget, cold))))
    return [float(value) for value in values]


def in_python(t, part, day_budget, cold):
    return [
        day_line.line(t),
        day_line.time_at(part),
        day_line.spare(day_budget),
        day_line.refresh_limit(day_budget, cold, t),
        day_line.late_refresh_limit(day_budget, cold, t),
        day_line.run_refresh_limit(day_budget, t),
        day_line.run_refresh_time_at(part),
        *(day_line.RESERVES[spender] for spender in ("refresh", "late_refresh", "run_refresh")),
    ]


@of_one_server
@given(of_the_day, st.floats(0, 1e6), st.integers(1, 10**7), amounts)
def test_python_and_lua_say_the_same(here, t, part, day_budget, cold):
    assert in_lua(t, part, day_budget, cold) == in_python(t, part, day_budget, cold)


def test_python_and_lua_say_the_same_of_every_minute(here):
    for minute in range(24 * 60 + 1):
        t = minute / 1440
        assert in_lua(t, t, 10_000, minute) == in_python(t, t, 10_000, minute)


@pytest.mark.pure
@given(of_the_day)
def test_the_line_is_the_designs(t):
    exact = Fraction(t) * (1 - Fraction(1, 5) * (1 - Fraction(t)))
    assert day_line.line(t) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.pure
@given(of_the_day)
def test_the_line_comes_to_a_part_when_time_at_says(t):
    assert day_line.time_at(day_line.line(t)) == pytest.approx(t, abs=1e-9)


@pytest.mark.pure
def test_the_line_never_falls_and_gives_out_the_whole_day():
    moments = [day_line.line(second / 86_400) for second in range(86_401)]
    assert (moments[0], moments[-1]) == (0, 1)
    assert all(earlier < later for earlier, later in pairwise(moments))


@pytest.mark.pure
@given(st.integers(1, 10**7), amounts)
def test_a_little_comes_on_top_at_midnight(day_budget, cold):
    assert day_line.refresh_limit(day_budget, cold, 0) == day_line.spare(day_budget) >= 1


@pytest.mark.parametrize(("day_budget", "spare"), [(10_000, 100), (100, 1), (50, 1)])
def test_a_hundredth_of_the_day_is_spare_and_at_least_one(day_budget, spare):
    assert day_line.spare(day_budget) == spare


@pytest.mark.pure
@given(of_the_day)
def test_the_limit_of_runs_comes_to_a_part_when_its_time_says(t):
    part = day_line.run_refresh_limit(1, t)
    if t < 0.94:
        assert day_line.run_refresh_time_at(part) == pytest.approx(t, abs=1e-9)


@pytest.mark.pure
@given(st.floats(0.991, 10))
def test_the_last_hundredth_of_a_day_is_never_for_runs(part):
    assert day_line.run_refresh_time_at(part) == 1 and day_line.run_refresh_limit(1, 1) < part


@pytest.mark.pure
def test_refreshes_for_runs_leave_a_fifth_of_the_day_at_midnight_and_less_and_less():
    limits = [day_line.run_refresh_limit(10_000, minute / 1440) for minute in range(1441)]
    assert limits[0] == pytest.approx(8_000) and limits[-1] == pytest.approx(9_900) and limits == sorted(limits)
