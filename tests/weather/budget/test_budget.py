"""The budget: counted once for all processes, never passed, paced for refreshes, and what it does without Redis."""

import math
import multiprocessing
import random
import threading
import time
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.clocks import MIDNIGHT, SetClock
from tests.support.redis.outage import replace_ask, take_redis_away
from tests.support.servers import eventually
from weather.api.service import service
from weather.budget.budget import KEY, Budget, Denied, Granted
from weather.budget.day_line import line
from weather.budget.quota import Quota
from weather.core.windows import BudgetWindow
from weathernote import redis
from weathernote.redis import RedisClock

DAY = 86_400


@pytest.fixture
def budget(shared, clock):
    """Makes budgets of one fleet, all on the test's clock."""

    def made(minute=600, hour=5_000, day=10_000, fleet_processes=40, clock=clock, region=""):
        sizes = {"minute": minute, "hour": hour, "day": day}
        return Budget(**sizes, fleet_processes=fleet_processes, clock=clock, region=region)

    return made


@pytest.fixture
def gone(monkeypatch):
    """Takes Redis away and brings it back."""

    def switch(is_gone):
        monkeypatch.undo()
        if is_gone:
            take_redis_away(monkeypatch)

    return switch


def drained(budget, spender="cold", weight=1, *, most=100_000):
    """What can be spent now."""
    spent = 0
    while spent < most and isinstance(granted := budget.charge(weight, spender), Granted):
        spent += granted.weight
    return spent


# ── the wall ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sizes", "allowed", "reason"),
    [
        ({"minute": 30}, 30, "minute"),
        ({"minute": 50, "hour": 20}, 20, "hour"),
        ({"hour": 900, "day": 7}, 7, "day"),
        ({"minute": 1, "hour": 1, "day": 1}, 1, "day"),
    ],
)
def test_each_window_binds_by_itself_in_any_order_of_size(budget, sizes, allowed, reason):
    spender = budget(**sizes)
    assert drained(spender) == allowed
    assert spender.charge(1, "cold").reason == reason


def test_a_window_ends_when_it_should_and_says_when(budget, clock):
    clock.seconds += 3600 * 5 + 17
    spender = budget(minute=10, hour=15)
    drained(spender)
    assert spender.charge(1, "cold") == Denied("minute", 43)
    clock.seconds += 43
    assert drained(spender) == 5
    assert spender.charge(1, "cold") == Denied("hour", 3600 - 60)
    clock.seconds = MIDNIGHT + 6 * 3600
    assert drained(spender) == 10


@pytest.mark.parametrize("seconds", [59, 59.5, 59.875])
def test_in_the_last_second_of_a_window_the_next_is_a_second_away(budget, clock, seconds):
    clock.seconds += seconds
    spender = budget(minute=1)
    spender.charge(1, "cold")
    assert spender.charge(1, "cold") == Denied("minute", 1)


def test_of_several_spent_windows_the_longest_wait_is_told(budget):
    spender = budget(minute=5, hour=5, day=5)
    drained(spender)
    assert spender.charge(1, "cold") == Denied("day", DAY)


def test_a_batch_goes_whole_or_takes_what_is_left_if_that_is_enough(budget):
    spender = budget(minute=25)
    assert spender.charge(20, "cold") == Granted(20)
    assert isinstance(spender.charge(20, "cold"), Denied)
    assert isinstance(spender.charge(20, "cold", least=6), Denied)
    assert spender.charge(20, "cold", least=1) == Granted(5)


def test_what_is_left_is_seen_by_all(budget):
    one, other = budget(), budget()
    one.charge(40, "cold")
    other.synchronize()
    assert one.remaining() == other.remaining() == {"minute": 560, "hour": 4_960, "day": 9_960}


def test_each_dataset_has_a_count_of_the_day_by_what_for_from_all_processes(budget, shared, clock):
    one, other = budget(), budget()
    clock.seconds += DAY / 2 + 1800  # at the day's start late refreshes get nothing
    one.charge(4, "refresh", dataset="weather")
    other.charge(2, "cold", dataset="weather")
    other.charge(3, "late_refresh", dataset="air_quality")
    one.charge(9, "refresh", least=1, dataset="weather")
    assert isinstance(one.charge(100_000, "cold", dataset="air_quality"), Denied)

    def counts():
        return {name: int(count) for name, count in shared.hgetall(KEY).items() if name.startswith("spent:")}

    assert counts() == {"spent:weather:refresh": 13, "spent:weather:cold": 2, "spent:air_quality:refresh": 3}
    clock.seconds += DAY
    other.charge(1, "cold", dataset="air_quality")
    assert counts() == {"spent:air_quality:cold": 1}


def test_a_datasets_count_that_is_no_number_costs_no_charge(budget, shared):
    """Whatever a hand wrote there: it begins anew, and the windows are charged as ever."""
    one = budget()
    one.charge(4, "cold")
    shared.hset(KEY, "spent:weather:cold", "many")
    assert one.charge(3, "cold") == Granted(3)
    assert (shared.hget(KEY, "spent:weather:cold"), shared.hget(KEY, "day:spent")) == ("3", "7")


def test_the_record_has_one_name_and_a_life(budget, shared):
    budget().charge(1, "cold")
    assert shared.keys() == [KEY] and 0 < shared.ttl(KEY) <= 2 * DAY


def test_redis_own_clock_counts_whatever_the_processes_think(budget):
    behind = budget(clock=RedisClock(lambda: time.time() - 3600))
    ahead = budget(clock=RedisClock(lambda: time.time() + 3600))
    ahead.remaining(), behind.remaining()
    for _ in range(50):
        assert behind.charge(1, "cold") == ahead.charge(1, "cold") == Granted(1)
    assert behind.remaining()["day"] == 10_000 - 99 and ahead.remaining()["day"] == 10_000 - 100


@pytest.mark.parametrize("ahead_seconds", [-7200, 7200])
def test_without_redis_a_process_with_a_wrong_clock_goes_on_by_redis_clock(budget, gone, ahead_seconds):
    spender = budget(clock=RedisClock(lambda: time.time() + ahead_seconds))
    spender.synchronize()
    gone(True)
    granted = spender.charge(1, "cold")
    assert abs(granted.minute + 30 - time.time()) <= 31
    assert spender.minute() - granted.minute in (0, 60)


@pytest.mark.parametrize("seconds", [0, 0.5, 59.5])
def test_before_redis_was_seen_the_minute_is_that_of_the_processs_own_clock(budget, clock, seconds):
    clock.seconds += seconds
    assert budget(clock=RedisClock(clock)).minute() == MIDNIGHT


def test_a_clock_that_is_set_back_ends_no_window_a_second_time(budget, clock):
    spender = budget(hour=10)
    drained(spender)
    clock.seconds -= 5
    assert isinstance(spender.charge(1, "cold"), Denied)
    clock.seconds += 5
    assert isinstance(spender.charge(1, "cold"), Denied)


# ── the pace ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("hour", "least", "most"), [(0, 50, 150), (6, 1_950, 2_300), (12, 4_400, 4_700), (24, 9_850, 9_900)]
)
def test_refreshes_are_paced_along_the_day_with_credit(budget, clock, hour, least, most):
    """What was not spent earlier may be spent now; nearly nothing of the day is left unspent at its end."""
    clock.seconds += hour * 3600 - (hour == 24)
    assert least <= drained(budget(minute=10**6, hour=10**6), "refresh") <= most


def test_refreshes_leave_a_share_of_the_minute_and_the_hour_to_cold_cells(budget, clock):
    clock.seconds += DAY // 2
    spender = budget(minute=100, hour=150)
    assert drained(spender, "refresh") == 80
    assert drained(spender, "cold") == 20
    clock.seconds += 60
    assert drained(spender, "refresh") == 20
    assert drained(spender, "cold") == 30


@pytest.mark.parametrize("hour", [0, 6, 12, 20])
def test_refreshes_for_a_run_that_the_days_reserve_denies_are_granted_when_they_were_told_to_return(
    budget, clock, hour
):
    clock.seconds += hour * 3600
    spender = budget(minute=10**6, hour=10**6)
    assert drained(spender, "run_refresh") == pytest.approx(10_000 * (1 - 0.2 * (1 - hour / 24)), abs=1)
    denied = spender.charge(10, "run_refresh")
    assert denied.reason == "pace" and 0 < denied.retry_after_seconds < 600
    clock.seconds += denied.retry_after_seconds - 2
    assert isinstance(spender.charge(10, "run_refresh"), Denied)
    clock.seconds += 2
    assert spender.charge(10, "run_refresh") == Granted(10)


def test_refreshes_for_a_run_that_may_not_use_a_days_last_hundredth_return_the_next_day(budget, clock):
    clock.seconds += 23 * 3600
    spender = budget(minute=10**6, hour=10**6)
    assert drained(spender, "cold", weight=100, most=9_900) == 9_900
    assert spender.charge(1, "run_refresh") == Denied("pace", 3600)
    clock.seconds += 3600
    assert spender.charge(1, "run_refresh") == Granted(1)


def test_late_refreshes_leave_twice_the_share_of_the_minute_and_the_hour(budget, clock):
    """They may use what they have of an hour only as it passes."""
    clock.seconds += DAY // 2 + 1800
    spender = budget(minute=100, hour=10**6)
    assert drained(spender, "late_refresh") == 60
    assert drained(spender, "refresh") == 20
    clock.seconds += 3600
    spender = budget(minute=10**6, hour=200)
    assert drained(spender, "late_refresh") == 60
    assert drained(spender, "refresh") == 100


def test_late_refreshes_never_take_what_the_others_need_of_an_hour(budget, clock):
    spender, late = budget(minute=10**6, hour=100), 0
    for minute in range(24 * 60):
        clock.seconds = MIDNIGHT + minute * 60
        late += drained(spender, "late_refresh")
        assert minute < 60 or spender.charge(1, "refresh") == Granted(1)
    assert late < 24 * 60


@pytest.mark.parametrize("hour", [0.5, 7.5, 22.5])
def test_where_the_days_line_is_reached_late_refreshes_stop_and_the_others_go_on(budget, clock, hour):
    clock.seconds += int(hour * 3600)
    spender = budget(minute=10**6, hour=10**6)
    by_the_line = drained(spender, "late_refresh")
    assert by_the_line == int(10_000 * line(hour / 24))
    assert drained(spender, "refresh") == 100  # the spare hundredth


def test_late_refreshes_get_nothing_while_the_others_want_all_that_the_line_gives_out(budget, clock):
    spender, late, others = budget(), 0, 0
    for minute in range(1440):
        clock.seconds = MIDNIGHT + minute * 60
        for _ in range(10):
            late += isinstance(spender.charge(1, "late_refresh"), Granted)
            others += isinstance(spender.charge(1, "refresh"), Granted)
    assert others > 9_700 and late < 20


def test_late_refreshes_take_what_the_others_leave(budget, clock):
    spender, late = budget(), 0
    for minute in range(1440):
        clock.seconds = MIDNIGHT + minute * 60
        assert spender.charge(3, "refresh") == Granted(3)
        late += drained(spender, "late_refresh")
    assert late > 5_400


def test_late_refreshes_leave_what_the_line_gives_out_for_the_next_run(budget, clock):
    clock.seconds += DAY // 2 + 1800
    spender = budget(minute=10**6, hour=10**6)
    assert drained(spender, "run_refresh", most=4_000) == 4_000
    assert drained(spender, "late_refresh") == int(10_000 * line(12.5 / 24)) - 4_000
    denied = spender.charge(30, "late_refresh")
    clock.seconds += denied.retry_after_seconds
    assert spender.charge(30, "late_refresh") == Granted(30)


@pytest.mark.parametrize("window", ["hour", "day"])
def test_a_run_at_once_leaves_cold_cells_what_its_refreshes_over_the_hours_would(budget, clock, window):
    clock.seconds += 600
    spender = budget(minute=10**6, hour=5_000, day=5_000)
    assert drained(spender, "run_refresh", weight=10, most=3_500) == 3_500
    assert spender.cold_reserve()[window] == pytest.approx(1_000)
    assert drained(spender, "cold", weight=10, most=600) == 600
    assert spender.cold_reserve()[window] == pytest.approx(400)


def test_what_a_day_before_spent_on_runs_holds_no_late_refresh_up(budget, clock, valkey):
    """An instance of an older release, beside new ones, ends no count that it does not know."""
    clock.seconds += DAY // 2 + 1800
    spender = budget(minute=10**6, hour=10**6)
    assert drained(spender, "cold", most=100) == 100
    valkey.hset(KEY, "day:of_runs", 7_000)
    assert drained(spender, "late_refresh") == int(10_000 * line(12.5 / 24)) - 100


def test_what_refreshes_may_spend_today_leaves_what_cold_cells_will_take(budget, clock):
    clock.seconds = MIDNIGHT + DAY // 2
    spender = budget(minute=10**6, hour=10**6)
    spender.charge(1_000, "cold")
    spender.charge(2_000, "run_refresh")
    spender.charge(500, "refresh")
    weight, seconds = spender.refresh_weight_of_the_day()
    assert seconds == DAY // 2 and weight == pytest.approx(9_900 - 3_500 - 1_000)


def test_late_refreshes_take_no_more_than_a_quarter_from_refreshes_for_runs(budget, clock):
    spender, of_runs = budget(minute=10**6, hour=10**6), 0
    for step in range(144):
        clock.seconds = MIDNIGHT + step * 600
        spender.charge(0, "cold")
        weight, seconds = spender.refresh_weight_of_the_day()
        granted = spender.charge(int(0.75 * weight * 600 / seconds), "run_refresh", least=1)
        of_runs += granted.weight if isinstance(granted, Granted) else 0
        drained(spender, "late_refresh", weight=10)
    assert of_runs > 7_400


def test_a_late_refresh_is_told_when_the_line_will_have_reached_it(budget, clock):
    clock.seconds += 7 * 3600 + 900
    spender = budget(minute=10**6, hour=10**6)
    drained(spender, "refresh")
    denied = spender.charge(30, "late_refresh")
    assert denied.reason == "pace" and denied.retry_after_seconds > spender.charge(30, "refresh").retry_after_seconds
    clock.seconds += denied.retry_after_seconds
    assert spender.charge(30, "late_refresh") == Granted(30)


def test_a_refresh_is_told_when_the_pace_will_have_reached_it(budget, clock):
    clock.seconds += 7 * 3600
    spender = budget(minute=10**6, hour=10**6)
    drained(spender, "refresh")
    denied = spender.charge(30, "refresh")
    assert denied.reason == "pace"
    clock.seconds += denied.retry_after_seconds
    assert spender.charge(30, "refresh") == Granted(30)
    clock.seconds -= 10
    assert isinstance(spender.charge(30, "refresh"), Denied)


def test_what_cold_cells_took_is_shared_out_over_the_day_and_stops_no_refresh(budget, clock):
    clock.seconds += 2 * 3600
    spender = budget(minute=10**6, hour=10**6)
    before = spender.refresh_weight_per_second()
    assert spender.charge(2_000, "cold") == Granted(2_000)
    assert 600 < drained(spender, "refresh") < 700
    clock.seconds += 2 * 3600
    assert spender.charge(1, "refresh") == Granted(1)
    assert 0.7 * before < spender.refresh_weight_per_second() < 0.85 * before


def test_one_address_and_its_share_of_the_reserve_hardly_lengthen_the_intervals(budget, clock):
    """Row 64: a tenth of the cold reserve, taken at once."""
    clock.seconds += 3600
    spender = budget()
    before = spender.refresh_weight_per_second()
    spender.charge(int(spender.cold_reserve()["day"] / 10), "cold")
    assert spender.refresh_weight_per_second() > 0.95 * before


def test_intervals_are_planned_so_that_the_pace_is_kept_and_used(budget, clock):
    """A day at the planned rate, with cold cells in between, spends nearly all and is hardly ever denied."""
    spender, denied, wishes = budget(), 0, 0.0
    for minute in range(1440):
        clock.seconds = MIDNIGHT + minute * 60
        if minute % 5 == 0:
            spender.charge(3, "cold")
        wishes += spender.refresh_weight_per_second() * 60
        while wishes >= 1:
            wishes -= 1
            denied += isinstance(spender.charge(1, "refresh"), Denied)
    assert denied < 250 and spender.remaining()["day"] < 300


def test_the_smallest_budgets_still_refresh(budget, clock):
    clock.seconds += DAY - 60
    assert drained(budget(minute=1, hour=1, day=2), "refresh") == 1


@pytest.mark.parametrize("pattern", ["even", "all at midnight", "all in the evening", "only refreshes", "bursts"])
def test_a_simulated_day_never_passes_a_window(budget, clock, pattern):
    """Row 50 and row 35: whatever the wishes, each window of Open-Meteo's is kept, counted by the minute here too."""
    chance = random.Random(pattern)
    fleet = [budget(minute=60, hour=500, day=1_000) for _ in range(3)]
    spent: dict[int, dict[float, int]] = {60: {}, 3600: {}, DAY: {}}
    for minute in range(0, 1440 + 60, 10):
        wishes = {
            "even": 12,
            "all at midnight": 300 * (minute < 60),
            "all in the evening": 300 * (minute > 1300),
            "only refreshes": 100,
            "bursts": chance.choice([0, 0, 90]),
        }[pattern]
        clock.seconds = MIDNIGHT + minute * 60 + chance.random() * 60
        for _ in range(wishes):
            spender = "refresh" if pattern == "only refreshes" else chance.choice(["refresh", "cold"])
            granted = chance.choice(fleet).charge(chance.choice([1, 1, 7]), spender, least=1)
            for seconds, windows in spent.items():
                window = clock.seconds // seconds
                windows[window] = windows.get(window, 0) + getattr(granted, "weight", 0)
    assert max(spent[60].values()) <= 60 and max(spent[3600].values()) <= 500 and max(spent[DAY].values()) <= 1_000


def test_the_cold_reserve_is_what_refreshes_to_come_do_not_need(budget, clock):
    spender = budget()
    assert spender.cold_reserve()["day"] == pytest.approx(2_000)
    spender.charge(500, "cold")
    assert spender.cold_reserve()["day"] == pytest.approx(1_500)
    clock.seconds += DAY - 1
    assert spender.cold_reserve()["day"] == pytest.approx(9_500, abs=1)


# ── the script against quota.py ───────────────────────────────────────────────────────────────────

#: The fixtures are emptied by hand for each of these.
of_one_server = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
LENGTHS: dict[BudgetWindow, int] = {"minute": 60, "hour": 3600, "day": DAY}

moments = st.integers(0, 8 * DAY - 1).map(lambda eighths: MIDNIGHT + eighths / 8)
sizes = st.fixed_dictionaries({window: st.integers(1, 400) for window in LENGTHS})
parts = st.fixed_dictionaries({window: st.floats(0, 1.1) for window in LENGTHS})
few = st.fixed_dictionaries({window: st.integers(0, 20) for window in LENGTHS})


def starts(now):
    return {window: int(now // length * length) for window, length in LENGTHS.items()}


def held_by(shared, now, spent, refreshed=0):
    """Puts a count into Redis, and nothing else."""
    shared.flushall()
    fields = {f"{window}:start": start for window, start in starts(now).items()}
    shared.hset(KEY, mapping=fields | {f"{window}:spent": spent[window] for window in LENGTHS})
    shared.hset(KEY, "refreshed", refreshed)


def seen_by(spender, now, spent, unreported, refreshed=0):
    budgets = spender.quota.budgets
    spender.quota = Quota(budgets, starts(now), dict(spent), dict(unreported), refreshed)


def amounts(sizes, parts):
    return {window: int(sizes[window] * parts[window]) for window in LENGTHS}


@of_one_server
@given(moments, sizes, parts, parts, few, st.integers(1, 30), st.integers(0, 30))
def test_cold_cells_get_of_redis_what_one_process_alone_would_give(
    budget, shared, clock, now, sizes, held, seen, unreported, least, more
):
    clock.seconds = now
    spender = budget(**sizes)
    held_by(shared, now, amounts(sizes, held))
    seen_by(spender, now, amounts(sizes, seen), unreported)
    most = {window: max(amounts(sizes, held)[window], amounts(sizes, seen)[window]) for window in LENGTHS}
    alone = Quota(sizes, starts(now), most, dict(unreported))
    got = spender.charge(least + more, "cold", least=least)
    assert isinstance(got, Denied) or got.minute == starts(now)["minute"]
    assert got == alone.take_alone(least + more, least, "cold", 1, now)
    assert spender.remaining() == {window: alone.left(window) for window in LENGTHS}


def room_for_refreshes(now, sizes, spent, refreshed):
    """What refreshes may take now, by quota.py's line: a fifth of the minute and the hour is not theirs."""
    t, small = now % DAY / DAY, max(1, sizes["day"] / 100)
    shared_out = max(1, sizes["day"] - (spent["day"] - refreshed))
    return min(
        *(max(1, 0.8 * sizes[window]) - spent[window] for window in ("minute", "hour")),
        *(sizes[window] - spent[window] for window in LENGTHS),
        small + shared_out * line(t) - refreshed,
        sizes["day"] - sizes["day"] // 100 - spent["day"],
    )


@of_one_server
@given(moments, sizes, parts, st.floats(0, 1), st.integers(1, 30))
def test_refreshes_get_what_the_line_gives_and_no_more(budget, shared, clock, now, sizes, held, part, weight):
    clock.seconds = now
    spender, spent = budget(**sizes), amounts(sizes, held)
    refreshed = int(spent["day"] * part)
    held_by(shared, now, spent, refreshed)
    got = spender.charge(weight, "refresh", least=1)
    room = min(weight, room_for_refreshes(now, sizes, spent, refreshed))
    granted = got.weight if isinstance(got, Granted) else 0
    assert max(0, math.floor(room - 1e-9)) <= granted <= max(0, math.floor(room + 1e-9))
    assert shared.hget(KEY, "refreshed") == str(refreshed + granted)


@of_one_server
@given(moments, st.floats(0, 0.98) | st.floats(0.98, 1), st.floats(0, 1), st.integers(1, 50))
def test_a_refused_refresh_may_come_when_it_was_told_and_not_sooner(budget, shared, clock, now, held, part, weight):
    spent = {"minute": 0, "hour": 0, "day": int(10_000 * held)}
    clock.seconds = now
    spender = budget(minute=10**6, hour=10**6)
    held_by(shared, now, spent, int(spent["day"] * part))
    got = spender.charge(weight, "refresh")
    if isinstance(got, Granted):
        return
    assert got.reason == ("day" if weight > 10_000 - spent["day"] else "pace")
    for moment, passes in ((now + got.retry_after_seconds - 1.01, False), (now + got.retry_after_seconds, True)):
        clock.seconds = max(now, moment)
        assert isinstance(spender.charge(weight, "refresh"), Granted) is passes


@of_one_server
@given(st.integers(0, 20 * 3600), st.integers(1, 3_000))
def test_refreshes_as_planned_are_on_the_scripts_line_three_hours_later(budget, shared, clock, second, cold):
    clock.seconds = now = MIDNIGHT + second
    shared.flushall()
    spender = budget(minute=10**6, hour=10**6)
    spender.charge(cold, "cold")
    spender.charge(10_000, "refresh", least=1)
    planned = spender.refresh_weight_per_second() * 3 * 3600
    clock.seconds = now + 3 * 3600
    granted = spender.charge(10_000, "refresh", least=1)
    # The hundredth on top of the line was taken before.
    assert granted.weight == pytest.approx(planned + 100, abs=2)


steps = st.lists(st.tuples(st.integers(1, 12 * 3600), st.sampled_from(["cold", "refresh"]), st.integers(1, 400)))


@of_one_server
@given(steps)
def test_whatever_comes_the_day_is_not_overspent_and_refreshes_leave_its_rest_to_its_rest(budget, shared, clock, steps):
    """After a refresh at least what the line keeps of the day is left, but for the hundredth that it may run ahead."""
    shared.flushall()
    spender, spent, clock.seconds = budget(minute=10**6, hour=10**6, day=1_000), {"cold": 0, "refresh": 0}, MIDNIGHT
    for seconds, kind, weight in steps:
        if clock.seconds // DAY != (clock.seconds + seconds) // DAY:
            spent = {"cold": 0, "refresh": 0}
        clock.seconds += seconds
        got = spender.charge(weight, kind, least=1)
        granted = getattr(got, "weight", 0)
        spent[kind] += granted
        left = 1_000 - sum(spent.values())
        assert left == spender.remaining()["day"] >= (10 if kind == "refresh" and granted else 0)
        if kind == "refresh" and granted:
            to_come = 1 - line(clock.seconds % DAY / DAY)
            assert left >= (1_000 - spent["cold"]) * to_come - 10


# ── Redis forgets, or is gone ─────────────────────────────────────────────────────────────────────


def test_when_redis_forgets_spending_goes_on_from_the_most_that_was_seen(budget, shared):
    """Row 63. One hundredth more counts as spent, for what the others may have spent unseen."""
    one, other = budget(), budget()
    drained(one, most=300)
    drained(other, most=200)
    shared.flushall()
    other.synchronize()
    assert one.charge(1, "cold") == Granted(1)
    assert one.remaining() == {"minute": 93, "hour": 4_449, "day": 9_399}


def test_what_was_seen_yesterday_is_not_counted_today(budget, shared, clock):
    spender = budget()
    drained(spender, most=300)
    shared.flushall()
    clock.seconds += DAY
    spender.charge(1, "cold")
    assert spender.remaining() == {"minute": 599, "hour": 4_999, "day": 9_999}


@pytest.mark.parametrize("known", [0, 250])
def test_without_redis_the_shares_of_all_processes_fit(budget, gone, known):
    fleet = [budget(minute=600, fleet_processes=8) for _ in range(8)]
    drained(fleet[0], most=known)
    for spender in fleet:
        spender.synchronize()
    gone(True)
    assert 0.9 * (600 - known) < sum(drained(spender) for spender in fleet) <= 600 - known
    assert fleet[0].charge(1, "cold") == Denied("minute", 60)


def test_without_redis_refreshes_leave_a_share_too(budget, gone):
    gone(True)
    spender = budget(minute=100, fleet_processes=1)
    assert drained(spender, "refresh") == 80 and drained(spender, "cold") == 20


def test_what_was_spent_without_redis_is_reported_when_it_is_back(budget, gone):
    fleet = [budget(fleet_processes=4) for _ in range(4)]
    gone(True)
    spent = sum(drained(spender, most=100) for spender in fleet)
    gone(False)
    for spender in [*fleet, *fleet]:
        spender.synchronize()
    assert spent == 400
    assert [spender.remaining()["day"] for spender in fleet] == [9_600] * 4


fleets_steps = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["charge", "look", "gone", "back"])), max_size=40)


@of_one_server
@given(fleets_steps)
def test_what_is_spent_with_and_without_redis_is_neither_lost_nor_counted_twice(budget, shared, gone, steps):
    gone(False)
    shared.flushall()
    fleet, spent = [budget(fleet_processes=3) for _ in range(3)], 0
    for process, step in steps:
        if step == "charge":
            spent += fleet[process].charge(1 + process, "cold").weight
        elif step == "look":
            fleet[process].synchronize()
        else:
            gone(step == "gone")
    gone(False)
    for spender in [*fleet, *fleet]:
        spender.synchronize()
    assert [spender.remaining()["day"] for spender in fleet] == [10_000 - spent] * 3


def test_what_was_spent_without_redis_is_told_by_one_thread(budget, gone, monkeypatch):
    """The other one comes while the first has asked and has no reply yet."""
    spender = budget()
    gone(True)
    spent = drained(spender)
    gone(False)
    ask, other = redis.ask, threading.Thread(target=spender.synchronize)

    def ask_and_meet(*commands):
        monkeypatch.undo()
        replies = ask(*commands)
        other.start()
        other.join(1)
        return replies

    replace_ask(monkeypatch, ask_and_meet)
    spender.synchronize()
    other.join()
    assert spender.remaining()["day"] == 10_000 - spent


# ── Open-Meteo says no ────────────────────────────────────────────────────────────────────────────


refusals = pytest.mark.parametrize(
    ("window", "retry_after_seconds", "closed_for"),
    [
        ("minute", None, 30),
        ("hour", None, 3570),
        ("day", None, DAY - 30),
        ("concurrency", None, 3),
        (None, None, 3),
        (None, 3600, 3600),
        ("minute", 90, 90),
    ],
)


@refusals
def test_a_429_closes_its_window_for_everyone(budget, clock, window, retry_after_seconds, closed_for):
    """Rows 20 and 21."""
    clock.seconds += 30
    one, other = budget(), budget()
    one.close(window, retry_after_seconds)
    assert one.charge(1, "cold") == other.charge(1, "refresh") == Denied("closed", closed_for)
    assert one.pause_seconds() == other.pause_seconds() == closed_for
    clock.seconds += closed_for
    assert one.charge(1, "cold") == other.charge(1, "cold") == Granted(1)


def test_a_later_shorter_refusal_opens_nothing_early(budget, clock):
    spender = budget()
    spender.close("hour")
    spender.close("concurrency")
    assert spender.pause_seconds() == 3600


def test_a_429_holds_for_its_process_though_redis_forgets_it(budget, shared):
    spender = budget()
    spender.close("hour")
    shared.flushall()
    spender.synchronize()
    assert spender.charge(1, "cold") == Denied("closed", 3600)


def test_a_row_of_failures_pauses_everyone_for_a_growing_while(budget, clock):
    one, other = budget(), budget()
    pauses = []
    for _ in range(10):
        one.failed()
        other.synchronize()
        pauses.append(other.pause_seconds())
        clock.seconds += 31
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_one_success_ends_the_row(budget):
    one, other = budget(), budget()
    for _ in range(5):
        one.failed()
    assert other.charge(1, "cold") == Denied("failures", 4)
    other.succeeded()
    one.synchronize()
    assert one.pause_seconds() == 0 and one.charge(1, "cold") == Granted(1)


@pytest.mark.parametrize(("failing", "answering"), [("air_quality", "weather"), ("weather", "air_quality")])
def test_a_dataset_that_fails_stops_itself_and_no_other(budget, failing, answering):
    one, other = budget(), budget()
    for _ in range(5):
        one.failed(failing)
        one.succeeded(answering)
    for spender in (one, other):
        assert spender.charge(1, "cold", dataset=answering) == Granted(1)
        assert spender.charge(1, "cold", dataset=failing) == Denied("failures", 4)
        assert (spender.pause_seconds(answering), spender.pause_seconds(failing)) == (0, 4)
        assert spender.is_failing(failing) and not spender.is_failing(answering)
    other.succeeded(failing)
    one.read_pause()
    assert one.charge(1, "cold", dataset=failing) == Granted(1)


def test_without_redis_a_dataset_that_fails_stops_itself_and_no_other(budget, gone):
    gone(True)
    spender = budget()
    for _ in range(5):
        spender.failed("air_quality")
    assert spender.charge(1, "cold", dataset="air_quality") == Denied("failures", 4)
    assert isinstance(spender.charge(1, "cold", dataset="weather"), Granted)


def test_a_429_closes_all_datasets_because_it_is_about_the_address(budget):
    spender = budget()
    spender.close("minute")
    assert spender.pause_seconds("weather") == spender.pause_seconds("air_quality") == 60


def test_an_older_instance_reads_and_ends_weathers_row_under_its_names(budget, shared):
    """During a rolling deploy, instances that know of no second dataset share the hash."""
    spender = budget()
    for _ in range(5):
        spender.failed("weather")
        spender.failed("air_quality")
    assert shared.hget(KEY, "failures") == "5" and shared.hexists(KEY, "paused:until")
    shared.hdel(KEY, "failures", "paused:until")
    spender.synchronize()
    assert (spender.is_failing("weather"), spender.is_failing("air_quality")) == (False, True)


@refusals
def test_without_redis_a_429_closes_its_window_for_its_process(
    budget, clock, gone, window, retry_after_seconds, closed_for
):
    gone(True)
    clock.seconds += 30
    spender = budget()
    spender.close(window, retry_after_seconds)
    assert spender.charge(1, "cold") == Denied("closed", closed_for)
    assert spender.pause_seconds() == closed_for
    clock.seconds += closed_for
    assert isinstance(spender.charge(1, "cold"), Granted)


def test_without_redis_a_row_of_failures_pauses_its_process_for_a_growing_while(budget, clock, gone):
    spender, pauses = budget(), []
    spender.synchronize()
    gone(True)
    for _ in range(9):
        spender.failed()
        pauses.append(spender.pause_seconds())
        clock.seconds += 31
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 30, 30]


def test_a_success_ends_the_row_and_the_next_one_begins_anew(budget, gone):
    gone(True)
    spender = budget()
    assert not spender.is_failing()
    for _ in range(4):
        spender.failed()
        assert spender.is_failing()
    spender.succeeded()
    assert not spender.is_failing()
    for seconds in (0, 0, 1):
        spender.failed()
        assert spender.pause_seconds() == seconds


def test_without_redis_each_process_keeps_its_own_pause(budget, gone):
    gone(True)
    spender = budget()
    spender.close("minute")
    assert spender.charge(1, "cold") == Denied("closed", 60)


# ── races ─────────────────────────────────────────────────────────────────────────────────────────


def race(url, processes, allowed, start, results):
    cache: Any = django_settings.CACHES["default"]
    cache["LOCATION"] = [url]
    cache["OPTIONS"]["SOCKET_TIMEOUT"] = 10  # on a busy machine a process may wait long for its turn to run
    # A virtual noon, so that no window ends in the middle of the race.
    budget = Budget(
        minute=10**9, hour=10**9, day=allowed, fleet_processes=processes, clock=SetClock(MIDNIGHT + DAY / 2)
    )
    budget.synchronize()
    start.wait()
    results.put(drained(budget))


def raced(url, allowed, *, meanwhile=None, processes=8):
    """What so many processes together could spend."""
    # Processes that are forked off one that has loaded what they need: nothing of this one is in them.
    servers = multiprocessing.get_context("forkserver")
    servers.set_forkserver_preload([__name__])
    start, results = servers.Barrier(processes + 1), servers.Queue()
    racers = [servers.Process(target=race, args=(url, processes, allowed, start, results)) for _ in range(processes)]
    for racer in racers:
        racer.start()
    start.wait(60)
    if meanwhile:
        meanwhile()
    spent = sum(results.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join()
    return spent


def test_eight_processes_spend_exactly_what_is_allowed(shared, valkey_server):
    assert raced(valkey_server.url, 6_000) == 6_000


def test_eight_processes_never_pass_the_wall_though_redis_forgets_everything(shared, valkey_server):
    """Row 63, at the worst moment: a hundredth is all that may be left unspent."""

    def forget_in_the_middle():
        eventually(lambda: int(shared.hget(KEY, "day:spent") or 0) > 2_000, every_seconds=0)
        shared.flushall()

    assert 5_940 <= raced(valkey_server.url, 6_000, meanwhile=forget_in_the_middle) <= 6_000


def test_threads_of_one_process_may_share_a_budget(budget):
    spender, spent = budget(minute=500), []
    threads = [threading.Thread(target=lambda: spent.append(drained(spender))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(spent) == 500


def test_a_process_has_one_clock_of_redis_for_all_that_it_counts():
    ours = service()
    recent = ours.popularity.recent
    assert recent and ours.budget.clock is ours.popularity.clock is recent.clock is ours.admission.allowance.clock


def test_a_key_of_another_type_is_no_budget_and_begins_anew(budget, shared):
    spender = budget(day=100)
    shared.set("budget:open-meteo", "rubbish")
    assert drained(spender) == 100
    assert shared.type("budget:open-meteo") == "hash"


# ── regions ───────────────────────────────────────────────────────────────────────────────────────


def test_each_region_leaves_every_one_a_part_of_the_budget_itself_too(budget):
    home, far, farthest = (budget(minute=400, region=name) for name in ("home", "far", "farthest"))
    for one in (far, farthest, home):
        one.synchronize()
    assert drained(home) == 370
    assert home.remaining()["minute"] == 0 and home.budgets["minute"] == 370


def test_a_region_that_is_alone_or_has_no_name_leaves_nothing(budget):
    assert drained(budget(minute=400, region="home")) == 400


def test_a_region_is_forgotten_two_days_after_it_was_last_heard_of(budget, clock):
    budget(region="far").synchronize()
    home = budget(minute=400, region="home")
    home.synchronize()
    assert home.budgets["minute"] == 380
    clock.seconds += 2 * DAY
    home.synchronize()
    assert home.budgets["minute"] == 400


def test_processes_of_one_region_are_one(budget):
    for _ in range(5):
        budget(region="home").synchronize()
    assert drained(budget(minute=400, region="home")) == 400
