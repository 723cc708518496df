"""What a record lacks of a model's runs, when the next one is expected, and when run times are not to be believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.core.runs.run_times import (
    KEPT_SECONDS,
    MOST_RUNS,
    SETTLED_SECONDS,
    SOON_SECONDS,
    UNSEEN_SECONDS,
    Run,
    RunTimes,
    is_interval,
)

pytestmark = pytest.mark.pure

HOUR = 3600
MINUTE = 60
#: A run of a model that runs every three hours, 70 minutes after the time that it starts from.
NOON = 1_764_072_000  # 2025-11-25T12:00Z
DELAY = 70 * MINUTE
EVERY = 3 * HOUR


def _run(number: int, late: int = 0) -> Run:
    """The run that starts `number` intervals after noon, and comes after the usual delay or `late` seconds more."""
    return Run(NOON + number * EVERY, NOON + number * EVERY + DELAY + late)


def _times(*runs: Run, seen_at: int | None = None) -> RunTimes:
    return RunTimes(EVERY, runs, runs[0].settled if seen_at is None and runs else seen_at or NOON)


THREE = _times(_run(2), _run(1), _run(0))


# ── what a record has ─────────────────────────────────────────────────────────────────────────────


def test_a_record_fetched_after_the_newest_run_was_settled_lacks_nothing_however_old_it_is() -> None:
    fetched_at = _run(2).settled
    assert THREE.missing(fetched_at, now=fetched_at + 40 * HOUR) == 0
    assert THREE.missed_seconds(fetched_at, now=fetched_at + 40 * HOUR) == 0


def test_a_record_fetched_while_a_run_went_from_server_to_server_may_lack_it() -> None:
    fetched_at = _run(2).available + SETTLED_SECONDS - 1
    assert THREE.missing(fetched_at, now=_run(2).settled) == 1


def test_a_run_that_is_not_settled_yet_is_not_missed() -> None:
    fetched_at = _run(1).settled
    assert THREE.missing(fetched_at, now=_run(2).settled - 1) == 0
    assert THREE.missing(fetched_at, now=_run(2).settled) == 1
    assert THREE.missed_seconds(fetched_at, now=_run(2).settled - 1) == 0


def test_the_missed_time_counts_from_the_first_run_that_the_record_lacks() -> None:
    fetched_at, now = _run(0).settled, _run(2).settled + 5 * MINUTE
    assert THREE.missing(fetched_at, now) == 2
    assert THREE.missed_seconds(fetched_at, now) == now - _run(1).settled


def test_runs_before_the_known_ones_are_counted_by_the_interval() -> None:
    now = _run(2).settled
    assert THREE.missing(_run(0).settled - 1, now) == 3
    assert THREE.missing(_run(-1).settled, now) == 3
    assert THREE.missing(_run(-1).settled - 1, now) == 4
    assert THREE.missed_seconds(_run(-2).settled, now) == now - _run(-1).settled


def test_without_runs_nothing_is_known_to_be_missing() -> None:
    assert _times().missing(0, now=NOON) == 0
    assert _times().missed_seconds(0, now=NOON) == 0
    assert _times().run_of(NOON) is None


def test_a_record_is_from_the_newest_run_that_was_settled_when_it_was_fetched() -> None:
    assert THREE.run_of(_run(1).settled) == _run(1)
    assert THREE.run_of(_run(2).settled - 1) == _run(1)
    assert THREE.run_of(_run(2).settled + 100 * HOUR) == _run(2)
    assert THREE.run_of(_run(0).settled - 1) is None


def test_the_run_of_a_record_is_known_if_a_later_one_came_after_the_fetch() -> None:
    late = _times(_run(3, late=EVERY - 1), _run(2), _run(1))
    assert late.knows_run_of(_run(3, late=EVERY - 1).settled - 1)
    assert not THREE.knows_run_of(_run(0).settled - 1)
    assert not _times().knows_run_of(NOON)


def test_the_run_of_a_record_is_not_known_if_the_next_was_overdue_when_it_was_fetched() -> None:
    overdue = _run(3).available + EVERY // 2
    still = _times(_run(2), _run(1), _run(0), seen_at=overdue + 10 * HOUR)
    assert still.knows_run_of(overdue)
    assert not still.knows_run_of(overdue + 1)


def test_the_run_of_a_record_is_not_known_where_the_history_has_a_gap() -> None:
    gap = _times(_run(9), _run(2), _run(1), _run(0))
    assert gap.knows_run_of(_run(2).settled)
    assert not gap.knows_run_of(_run(6).settled)


def test_the_run_of_a_record_is_not_known_if_nobody_looked_for_runs_in_the_hour_before_or_since() -> None:
    assert THREE.knows_run_of(THREE.seen_at + UNSEEN_SECONDS)
    assert not THREE.knows_run_of(THREE.seen_at + UNSEEN_SECONDS + 1)


@given(
    st.lists(st.integers(0, 2 * HOUR), min_size=1, max_size=12), st.integers(0, 60 * HOUR), st.integers(0, 60 * HOUR)
)
def test_a_record_lacks_no_run_exactly_when_it_has_missed_no_time(late: list[int], fetched: int, waited: int) -> None:
    runs = [_run(number, late_seconds) for number, late_seconds in enumerate(late)]
    times = _times(*reversed(runs))
    fetched_at = NOON - 10 * HOUR + fetched
    now = fetched_at + waited
    missed_seconds = times.missed_seconds(fetched_at, now)
    # A run that was settled this very second is missed, for no time yet.
    assert missed_seconds >= 0
    assert (times.missing(fetched_at, now) > 0) == (
        missed_seconds > 0 or now in {run.settled for run in runs} - {fetched_at}
    )
    assert missed_seconds <= now - fetched_at


# ── what is to come ───────────────────────────────────────────────────────────────────────────────


def test_the_next_run_is_expected_an_interval_after_the_newest_with_the_usual_delay() -> None:
    assert THREE.next_expected(now=_run(2).settled) == _run(3).settled


def test_one_late_run_does_not_change_what_is_usual() -> None:
    times = _times(_run(2, late=HOUR), _run(1), _run(0))
    assert times.next_expected(now=_run(2).settled + HOUR) == _run(3).settled


def test_a_late_run_is_expected_soon_and_later_the_later_it_is() -> None:
    expected = _run(3).settled
    assert THREE.next_expected(now=expected) == expected + SOON_SECONDS
    assert THREE.next_expected(now=expected + 20 * MINUTE) == expected + 40 * MINUTE


def test_a_run_that_is_there_and_not_yet_settled_is_the_next_one() -> None:
    assert THREE.next_expected(now=THREE.runs[0].available) == THREE.runs[0].settled
    assert THREE.next_expected(now=THREE.runs[0].settled) == THREE.runs[0].settled + EVERY


def test_a_run_that_does_not_come_at_all_is_expected_with_the_one_that_follows() -> None:
    assert THREE.next_expected(now=_run(4).settled - HOUR) == _run(4).settled


@given(st.integers(-10 * HOUR, 100 * HOUR))
def test_the_next_run_is_never_expected_in_the_past(after: int) -> None:
    now = _run(2).settled + after
    assert now < THREE.next_expected(now)
    assert _times().next_expected(now) == now + EVERY


# ── whether they are to be believed ───────────────────────────────────────────────────────────────


def _at(times: RunTimes, now: int) -> RunTimes:
    """These, read this minute."""
    return RunTimes(times.interval_seconds, times.runs, now)


def _is_trusted(times: RunTimes, now: int) -> bool:
    """Whether they are trusted if they were read this minute."""
    return _at(times, now).is_trusted(now)


def test_runs_that_come_at_their_times_are_trusted() -> None:
    assert _is_trusted(THREE, _run(2).available)
    assert _is_trusted(THREE, _run(3).available)


def test_runs_that_stand_still_are_trusted_until_half_an_interval_after_the_next_was_due() -> None:
    overdue = _run(3).available + EVERY // 2
    assert _is_trusted(THREE, overdue)
    assert not _is_trusted(THREE, overdue + 1)


def test_a_run_may_be_as_late_as_one_before_it_was() -> None:
    times = _times(_run(3), _run(2, late=2 * HOUR), _run(1), _run(0))
    assert _is_trusted(times, _run(4).available + 2 * HOUR)
    assert not _is_trusted(times, _run(4).available + 2 * HOUR + 1)


def test_however_late_runs_were_one_is_overdue_after_another_interval() -> None:
    times = _times(_run(9), _run(2), _run(1), _run(0))
    assert _is_trusted(times, _run(10).available + EVERY)
    assert not _is_trusted(times, _run(10).available + EVERY + 1)


def test_runs_that_nobody_has_looked_for_in_an_hour_are_not_trusted() -> None:
    assert THREE.is_trusted(THREE.seen_at + UNSEEN_SECONDS)
    assert not THREE.is_trusted(THREE.seen_at + UNSEEN_SECONDS + 1)


def test_runs_of_the_future_and_runs_seen_in_the_future_are_not_trusted() -> None:
    assert not _is_trusted(THREE, _run(2).available - HOUR)
    assert not THREE.is_trusted(THREE.seen_at - HOUR)


def test_runs_usually_come_an_interval_after_each_other() -> None:
    usual = _run(3).settled
    assert THREE.usual_after(usual - 1) == usual and THREE.usual_after(usual) == usual + EVERY
    assert THREE.usual_after(usual + 3 * EVERY + 5) == usual + 4 * EVERY
    assert _times(seen_at=NOON).usual_after(NOON) == NOON + EVERY


def test_a_run_that_is_overdue_is_taken_to_have_come_at_its_usual_time() -> None:
    overdue = _run(3).available + EVERY // 2
    assert _at(THREE, overdue).believed(overdue) == _at(THREE, overdue)
    believed = _at(THREE, overdue + 1).believed(overdue + 1)
    assert believed is not None and believed.runs == (_run(3), *THREE.runs)
    assert believed.missing(_run(3).available, overdue + 1) == 1 and believed.missing(_run(3).settled, overdue + 1) == 0


def test_when_the_run_after_an_overdue_one_is_overdue_too_nothing_is_believed() -> None:
    second = _run(4).available + EVERY // 2
    assert _at(THREE, second).believed(second)
    assert _at(THREE, second + 1).believed(second + 1) is None


def test_nothing_is_believed_of_runs_that_nobody_looks_for_or_that_lie_in_the_future() -> None:
    overdue = _run(3).available + EVERY // 2 + 1
    assert THREE.believed(overdue) is None
    assert _at(THREE, _run(2).available - HOUR).believed(_run(2).available - HOUR) is None
    assert _times(seen_at=NOON).believed(NOON) is None


def test_no_runs_are_not_trusted() -> None:
    assert not _times(seen_at=NOON).is_trusted(NOON)


# ── new ones, and the text in Redis ───────────────────────────────────────────────────────────────


def test_a_new_run_comes_first() -> None:
    times = THREE.with_run(_run(3), seen_at=_run(3).settled)
    assert times.runs == (_run(3), _run(2), _run(1), _run(0))
    assert times.seen_at == _run(3).settled


def test_a_known_run_only_tells_when_somebody_looked() -> None:
    assert THREE.with_run(_run(2), seen_at=_run(3).available).runs == THREE.runs
    assert THREE.with_run(_run(2), seen_at=_run(3).available).seen_at == _run(3).available


def test_a_run_of_which_more_came_is_as_new_as_its_last_part() -> None:
    times = THREE.with_run(_run(2, late=HOUR), seen_at=_run(3).available)
    assert times.runs == (_run(2, late=HOUR), _run(1), _run(0))
    assert times.with_run(_run(2), seen_at=_run(3).available).runs == times.runs


def test_a_server_that_lags_behind_takes_no_run_away() -> None:
    assert THREE.with_run(_run(1), seen_at=_run(3).available).runs == THREE.runs


def test_a_run_of_the_future_is_forgotten_as_soon_as_another_is_seen() -> None:
    poisoned = _times(_run(900), _run(1), _run(0))
    assert poisoned.with_run(_run(2), seen_at=_run(2).settled).runs == THREE.runs


def test_runs_of_52_hours_are_kept_and_64_at_most() -> None:
    times = RunTimes(EVERY, (), NOON)
    for number in range(100):
        times = times.with_run(_run(number), _run(number).settled)
    assert times.runs[-1].available >= times.seen_at - KEPT_SECONDS
    assert len(times.runs) == 1 + KEPT_SECONDS // EVERY
    quick = RunTimes(900, (), NOON)
    for number in range(100):
        quick = quick.with_run(Run(NOON + number * 900, NOON + number * 900), NOON + number * 900)
    assert len(quick.runs) == MOST_RUNS


def test_what_is_written_is_what_is_read() -> None:
    assert RunTimes.read(THREE.text.encode()) == THREE
    assert RunTimes.read(_times().text.encode()) == _times()


@pytest.mark.parametrize("interval_seconds", [900, 2 * 86_400])
def test_a_model_may_run_every_quarter_of_an_hour_or_every_other_day(interval_seconds: int) -> None:
    assert is_interval(interval_seconds)
    assert RunTimes.read(RunTimes(interval_seconds, (), NOON).text.encode()) is not None
    assert is_interval(interval_seconds - 1) != is_interval(interval_seconds + 1)


def test_as_many_runs_as_are_kept_are_read() -> None:
    most = RunTimes(900, tuple(Run(NOON - at, NOON) for at in range(MOST_RUNS)), NOON)
    assert RunTimes.read(most.text.encode()) == most


def _text(**changes: object) -> bytes:
    return json.dumps({**json.loads(THREE.text), **changes}).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        _text(runs=None),
        _text(runs=[[1]]),
        _text(runs=[[1, 2, 3]]),
        _text(runs=[[NOON, "later"]]),
        _text(runs=[[NOON, NOON + 0.5]]),
        _text(runs=[[NOON, True]]),
        _text(runs=[[NOON, NOON - 1]]),
        _text(runs=[[NOON, NOON], [NOON, NOON]]),
        _text(runs=[[NOON, NOON], [NOON + 1, NOON + 1]]),
        _text(runs=[[NOON - at, NOON - at] for at in range(MOST_RUNS + 1)]),
        _text(runs=[[NOON, 10**30]]),
        _text(seen_at=-1),
        _text(seen_at=0),
        _text(seen_at=None),
        _text(interval_seconds=0),
        _text(interval_seconds=60),
        _text(interval_seconds=10**9),
        _text(interval_seconds="10800"),
        _text(seen_at=float("nan")),
    ],
)
def test_a_text_that_is_anything_else_is_none(text: bytes) -> None:
    assert RunTimes.read(text) is None
