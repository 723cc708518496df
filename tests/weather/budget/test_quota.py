"""The quota as one process sees it: properties of its windows, of the day's line, and of a share without Redis."""

from dataclasses import replace
from math import ceil, floor

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.support.clocks import MIDNIGHT
from weather.budget import day_line
from weather.budget.failures import no_failures
from weather.budget.quota import Denied, Granted, Quota
from weather.core.windows import BudgetWindow

pytestmark = pytest.mark.pure

LENGTHS: dict[BudgetWindow, int] = {"minute": 60, "hour": 3600, "day": 86_400}

moments = st.integers(0, 86_400 * 8).map(lambda eighths: MIDNIGHT + eighths / 8)
amounts = st.fixed_dictionaries({window: st.integers(0, 300) for window in LENGTHS})
budgets = st.fixed_dictionaries({window: st.integers(1, 300) for window in LENGTHS})


def starts(now: float) -> dict[BudgetWindow, int]:
    return {window: floor(now / length) * length for window, length in LENGTHS.items()}


def quota_at(now: float, budgets, spent=None, unreported=None, refreshed=0) -> Quota:
    nothing = dict.fromkeys(LENGTHS, 0)
    return Quota(dict(budgets), starts(now), dict(spent or nothing), dict(unreported or nothing), refreshed)


# ── windows ───────────────────────────────────────────────────────────────────────────────────────


def test_a_new_quota_has_spent_nothing_and_nothing_stops_it():
    fresh = Quota({"minute": 5, "hour": 6, "day": 7})
    assert [fresh.left(window) for window in LENGTHS] == [5, 6, 7]
    assert (fresh.start, fresh.refreshed, fresh.rows) == ({"minute": 0, "hour": 0, "day": 0}, 0, no_failures())
    assert fresh.refusal(0.5) is None
    assert not any(fresh.unreported.values())


@given(moments, st.integers(0, 2 * 86_400), amounts, amounts)
def test_time_ends_the_windows_that_are_over_and_no_others(now, seconds, spent, unreported):
    seen = quota_at(now, {}, spent, unreported, refreshed=5)
    seen.roll(now + seconds)
    over = {window for window in LENGTHS if starts(now + seconds)[window] > starts(now)[window]}
    assert seen.start == starts(now + seconds)
    assert seen.spent == {window: 0 if window in over else spent[window] for window in LENGTHS}
    assert seen.unreported == {window: 0 if window in over else unreported[window] for window in LENGTHS}
    assert seen.refreshed == (0 if "day" in over else 5)


@given(moments, st.integers(0, 2 * 86_400), amounts, amounts)
def test_a_clock_that_was_ahead_and_is_set_back_ends_no_window(now, seconds, spent, unreported):
    seen = quota_at(now, {}, spent, unreported, refreshed=5)
    seen.roll(now - seconds)
    assert seen == quota_at(now, {}, spent, unreported, refreshed=5)


@given(amounts, amounts, budgets)
def test_what_is_left_is_the_budget_less_all_that_was_spent_and_never_less_than_nothing(spent, unreported, budgets):
    seen = quota_at(MIDNIGHT, budgets, spent, unreported)
    for window in LENGTHS:
        overspent = max(0, spent[window] + unreported[window] - budgets[window])
        assert seen.left(window) + spent[window] + unreported[window] == budgets[window] + overspent
        assert seen.left(window) >= 0


@given(moments, amounts, amounts, budgets, st.sampled_from([0.5, 1, 7]))
def test_of_the_windows_without_room_for_a_weight_the_last_to_end_is_told(now, spent, unreported, budgets, weight):
    seen = quota_at(now, budgets, spent, unreported)
    empty = [window for window in LENGTHS if budgets[window] - spent[window] - unreported[window] < weight]
    if not empty:
        assert seen.denied_by_room(weight, now) is None
        return
    ends = {window: starts(now)[window] + LENGTHS[window] for window in empty}
    last = max(empty, key=ends.__getitem__)
    assert seen.denied_by_room(weight, now) == Denied(last, ceil(ends[last] - now))


@given(st.permutations([(30, 10), (45, 0), (60, 15)]), st.integers(25, 40))
def test_replies_may_come_in_any_order_and_count_once(replies, unreported):
    seen = quota_at(MIDNIGHT, {"minute": 600}, {"minute": 20}, {"minute": unreported})
    for spent, reported in replies:
        seen.learn("minute", MIDNIGHT, spent, reported)
    assert (seen.spent["minute"], seen.unreported["minute"]) == (60, unreported - 25)


def test_more_reported_than_known_leaves_nothing_to_report():
    seen = quota_at(MIDNIGHT, {"minute": 600}, unreported={"minute": 4})
    seen.learn("minute", MIDNIGHT, 9, 5)
    assert seen.unreported["minute"] == 0


@given(st.sampled_from([-3600, 3600]))
def test_a_reply_about_another_window_replaces_what_was_known(step):
    seen = quota_at(MIDNIGHT, {"hour": 600}, {"hour": 500}, {"hour": 7})
    seen.learn("hour", MIDNIGHT + step, 3, 0)
    assert (seen.start["hour"], seen.spent["hour"], seen.unreported["hour"]) == (MIDNIGHT + step, 3, 0)


# ── the day's line and the reserve ────────────────────────────────────────────────────────────────


@given(st.floats(0, 1))
def test_of_what_the_day_gave_so_far_the_line_leaves_a_fifth_less_and_less_to_cold_cells(t):
    assert t - day_line.line(t) == pytest.approx(t * (1 - t) / 5)


def test_the_line_gives_out_the_whole_day():
    assert (day_line.line(0), day_line.line(1)) == (0, 1)


@given(moments, amounts, budgets, st.sampled_from(list(LENGTHS)))
def test_cold_cells_may_have_what_four_fifths_of_the_coming_time_do_not_need(now, spent, budgets, window):
    seen = quota_at(now, budgets, spent)
    coming_seconds = LENGTHS[window] - (now - starts(now)[window])
    needed = budgets[window] * coming_seconds * 4 / 5 / LENGTHS[window]
    assert seen.left_for_cold(window, now) == pytest.approx(max(0, seen.left(window) - needed))


# ── the refreshes that are planned ────────────────────────────────────────────────────────────────

DAY = 86_400_000
PLENTY = {"minute": DAY, "hour": DAY, "day": DAY}


def planned(t: float, cold: float, refreshed: float, budgets=PLENTY) -> float:
    """The rate as parts of an even day's, at a time of the day from 0 to 1, and with such parts of the day spent."""
    day = budgets["day"]
    now = MIDNIGHT + t * 86_400
    seen = quota_at(now, budgets, {"day": int((cold + refreshed) * day)}, refreshed=int(refreshed * day))
    return seen.refresh_weight_per_second(now) / (day / 86_400)


rates = st.floats(0.251, 1.499)


@given(st.floats(3 / 24, 21 / 24), st.floats(0, 0.4), rates)
@example(t=0.875, cold=0.0, rate=1.0)
def test_after_three_hours_as_planned_refreshes_stand_on_the_line(t, cold, rate):
    then = min((1 - cold) * day_line.line(t + 3 / 24), 1 - cold - 1 / 100)
    refreshed = then - rate * 3 / 24
    assume(refreshed >= 0)
    assert planned(t, cold, refreshed) == pytest.approx(rate, abs=1e-6)


@given(st.floats(21.001 / 24, 0.9999), st.floats(0, 0.4), rates)
def test_across_midnight_they_stand_on_the_next_days_line_with_today_but_a_hundredth_spent(t, cold, rate):
    refreshed = 1 - cold - 1 / 100 + day_line.line(t + 3 / 24 - 1) - rate * 3 / 24
    assume(cold + refreshed <= 1)
    assert planned(t, cold, refreshed) == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize(("refreshed", "rate"), [(0.0, 1.5), (1.0, 0.25)])
def test_the_plan_is_at_most_half_more_than_an_even_day_and_at_least_a_quarter(refreshed, rate):
    assert planned(0.6, 0.0, refreshed) == pytest.approx(rate)


@pytest.mark.parametrize(("minute", "hour"), [(600, DAY), (DAY, 36_000)])
def test_the_plan_leaves_a_fifth_of_the_minute_and_the_hour(minute, hour):
    budgets = {"minute": minute, "hour": hour, "day": DAY}
    assert quota_at(MIDNIGHT, budgets).refresh_weight_per_second(MIDNIGHT) == pytest.approx(8)


# ── without Redis ─────────────────────────────────────────────────────────────────────────────────

#: Spender → the part of what is left that processes share.
PARTS = {"cold": 1, "refresh": 0.8, "late_refresh": 0.6}


@given(
    moments,
    budgets,
    amounts,
    st.integers(1, 9),
    st.sampled_from([*PARTS]),
    st.integers(1, 4),
)
def test_the_shares_of_all_processes_fit_and_each_is_used(now, budgets, spent, processes, spender, weight):
    alone = quota_at(now, budgets, spent)
    granted = 0
    while isinstance(got := alone.take_alone(weight, 1, spender, processes, now), Granted):
        assert 1 <= got.weight <= weight
        assert got.minute == starts(now)["minute"]
        granted += got.weight
    for_all = min(budgets[window] - spent[window] for window in LENGTHS) * PARTS[spender]
    assert granted == max(0, floor(round(for_all / processes, 6)))
    assert alone.unreported == dict.fromkeys(LENGTHS, granted)


@given(moments, budgets, amounts, amounts, st.integers(0, 20), st.integers(0, 20), st.integers(1, 3))
@example(MIDNIGHT, {"minute": 3, "hour": 5, "day": 300}, dict.fromkeys(LENGTHS, 0), dict.fromkeys(LENGTHS, 0), 6, 0, 1)
def test_who_gets_nothing_waits_for_the_last_window_that_lacks_room(
    now, budgets, spent, unreported, least, more, processes
):
    weight = max(1, least + more)
    alone = quota_at(now, budgets, spent, unreported)
    got = replace(alone, unreported=dict(unreported)).take_alone(weight, least, "cold", processes, now)
    rooms = {w: floor((budgets[w] - spent[w]) / processes) - unreported[w] for w in LENGTHS}
    lacking = [window for window in LENGTHS if rooms[window] < max(1, least)]
    if not lacking:
        assert got == Granted(min(weight, *rooms.values()))
        return
    ends = {window: starts(now)[window] + LENGTHS[window] for window in lacking}
    last = max(lacking, key=ends.__getitem__)
    assert got == Denied(last, ceil(ends[last] - now))


def test_a_share_begins_anew_with_its_window():
    alone = quota_at(MIDNIGHT, {"minute": 8, "hour": 80, "day": 800})
    assert alone.take_alone(9, 1, "cold", 2, MIDNIGHT + 59.5) == Granted(4)
    assert alone.take_alone(1, 1, "cold", 2, MIDNIGHT + 59.5) == Denied("minute", 1)
    assert alone.take_alone(9, 1, "cold", 2, MIDNIGHT + 60) == Granted(4)
    assert alone.unreported == {"minute": 4, "hour": 8, "day": 8}


@given(moments, st.integers(-80, 80), st.integers(-80, 80))
def test_a_refusal_or_a_row_of_failures_stops_its_dataset_until_it_ends(now, closed_eighths, paused_eighths):
    closed, paused = closed_eighths / 8, paused_eighths / 8
    stopped = quota_at(now, {"minute": 9, "hour": 9, "day": 9})
    stopped.closed_until, stopped.rows["weather"].paused_until = now + closed, now + paused
    expected = (
        Denied("closed", ceil(closed)) if closed > 0 else Denied("failures", ceil(paused)) if paused > 0 else None
    )
    assert stopped.refusal(now) == expected
    assert stopped.refusal(now, "air_quality") == (Denied("closed", ceil(closed)) if closed > 0 else None)
    assert stopped.take_alone(1, 1, "cold", 1, now) == (expected or Granted(1))


def test_each_region_this_one_too_is_left_a_fortieth_of_every_window_and_one_at_least():
    quota = Quota({"minute": 30, "hour": 400, "day": 10_000})
    quota.leave_to(2)
    assert quota.budgets == {"minute": 27, "hour": 370, "day": 9_250}
    quota.leave_to(0)
    assert quota.budgets == quota.whole == {"minute": 30, "hour": 400, "day": 10_000}


def test_what_is_given_back_may_be_taken_again():
    quota = Quota({"minute": 8, "hour": 8, "day": 8})
    assert quota.take_alone(4, 1, "cold", 2, 0.0) == Granted(4)
    quota.give_back(3)
    assert quota.unreported == {"minute": 1, "hour": 1, "day": 1}
    assert quota.take_alone(4, 1, "cold", 2, 0.0) == Granted(3)
