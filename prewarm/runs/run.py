"""A run of prewarm, for `manage.py prewarm`, and a refresh of chosen cities, for the admin."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import django.db

from prewarm.cities.models import City
from prewarm.runs import lock, plan, run_history, schedule
from prewarm.runs.models import PrewarmRun
from prewarm.runs.outcome import NO_REDIS, RefreshOutcome
from prewarm.runs.plan import Plan
from prewarm.runs.planning import plan_run, tighter_window
from prewarm.runs.retry import with_retries
from prewarm.runs.survey import survey
from prewarm.runs.work import Advance, Tally, Work
from weather.api.composition import BATCH_CELLS
from weather.api.service import service
from weathernote.redis import RedisDown

__all__ = ["CannotRun", "Options", "RunResult", "refresh_now", "run"]

#: A run stops after this many seconds, so that it ends a minute before the next.
MOST_SECONDS = plan.PERIOD_SECONDS - 60
#: A refresh by staff, of at most a hundred cities, stops after this many seconds.
MOST_SECONDS_NOW = 120
#: Why a region's run refreshes nothing: what another refreshes is refreshed for all.
REFRESHED_ELSEWHERE = "another region's prewarm refreshes"
ALREADY_RUNNING = "another prewarm is running: nothing to do here"
LOST = "the lock is lost: Redis does not answer, or another run has it"
STOPPED = "stopped by a signal"

#: Called with the name and the size of a step; returns a context manager, whose value is called with the number of
#: cells just done.
Progress = Callable[[str, int], AbstractContextManager[Advance]]


class CannotRun(Exception):
    """The run cannot begin; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `manage.py prewarm`; `limit` and `batch_size` are in cells, `pause_seconds` is for each cell."""

    dry_run: bool = False
    force: bool = False
    limit: int | None = None
    pause_seconds: float = 0.1
    batch_size: int = 20


@dataclass(slots=True)
class RunResult:
    """The exit code and the summary of a run, or with `dry_run` of what it would do."""

    exit_code: int
    summary: dict[str, Any] = field(default_factory=dict)


def run(
    options: Options,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress = lambda what, total: nullcontext(lambda done: None),
    lock_seconds: float = lock.LIFE_SECONDS,
) -> RunResult:
    """Runs once, unless another run holds the lock. Raises CannotRun if the database or Redis is down at the start."""
    cities, suspects = _from_database()
    if should_stop():
        raise CannotRun(f"{STOPPED} before anything was done.")
    try:
        if options.dry_run:
            return RunResult(0, _dry_run_summary(_planned(options, cities, suspects)))
        with lock.of_run(lock_seconds) as held:
            if held is None:
                return RunResult(0, {"message": ALREADY_RUNNING, "exit_code": 0})
            row = run_history.begin(forced=options.force)
            work = Work(
                service(),
                force=options.force,
                pause_seconds=options.pause_seconds,
                stop_reason=_stop_reason(should_stop, held, MOST_SECONDS),
            )
            _rederive_and_refresh(work, options, cities, suspects, progress, held)
            work.tally.is_broken |= held.is_lost
    except RedisDown:
        if not options.dry_run:
            run_history.end(run_history.begin(forced=options.force), Tally(reasons={NO_REDIS: None}, is_broken=True))
        raise CannotRun(f"{NO_REDIS}.") from None
    if runs := service().runs:
        runs.known.evidence.flush()  # what is not certain by now is lost with this process
    if work.tally.exit_code == 0:
        schedule.record_good_run()
    # After the lock's release: a database that hangs by now delays no other run.
    run_history.end(row, work.tally)
    return RunResult(work.tally.exit_code, run_history.summary(row))


def refresh_now(cities: Iterable[City], *, should_stop: Callable[[], bool] = lambda: False) -> RefreshOutcome:
    """Fetches these cities now, whatever their refresh interval and the budget's pace, and returns what it did.

    It saves a row like any run, from its beginning. It takes no lock: if it did, a cron run in that time would exit and
    all other cities would wait ten minutes. It raises nothing for Redis or Open-Meteo; other errors are saved
    in the row and raised.
    """
    cities = list(cities)
    began = time.monotonic()
    row = run_history.begin(forced=True, by_staff=True)
    work = Work(
        service(),
        force=True,
        stop_reason=lambda: STOPPED if should_stop() else _timeout_reason(began, MOST_SECONDS_NOW),
    )
    is_redis_down = False
    try:
        named = survey(work.service, cities)
        work.refresh(plan.batches(named, BATCH_CELLS, force=True), lambda done: None)
    except RedisDown:
        is_redis_down = work.tally.is_broken = True
        work.tally.reasons[NO_REDIS] = None
    except Exception as error:
        work.tally.reasons[f"a fault: {type(error).__name__}"] = None
        work.tally.is_broken = True
        raise
    finally:
        run_history.end(row, work.tally)
    return RefreshOutcome(
        refreshed=work.tally.refreshed,
        cells=len({city.cell for city in cities}),
        calls=work.tally.calls,
        failed=tuple(candidate.name for candidate in work.tally.failed),
        reasons=tuple(work.tally.reasons),
        is_redis_down=is_redis_down,
    )


def _from_database() -> tuple[list[City], frozenset[str]]:
    """The active cities, and the suspects: those that failed in the last run by cron, if that was a partial failure.

    A partial failure has exit code 1. Raises CannotRun without the database.
    """
    try:
        last = PrewarmRun.objects.filter(exit_code__isnull=False, by_staff=False).first()
        suspects = frozenset(last.failed_cities if last and last.exit_code == 1 else ())
        return list(City.objects.active()), suspects
    except django.db.Error as error:
        reason = run_history.one_line(error)
        raise CannotRun(f"The database does not answer, so there is no list of cities: {reason}") from None


def _rederive_and_refresh(
    work: Work,
    options: Options,
    cities: list[City],
    suspects: frozenset[str],
    progress: Progress,
    held: lock.Lock,
) -> None:
    try:
        # Saving the row may have taken long, if the database hangs.
        if work.check_stop():
            return
        with_retries(schedule.begin)
        planned = _planned(options, cities, suspects)
        work.tally.skipped += planned.past_limit
        work.tally.cities_in_order = planned.cities_in_order
        with progress("re-derived", len(planned.rederivations)) as advance:
            work.rederive(planned.rederivations, advance)
        with lock.of_refreshes(held) as of_refreshes:
            if of_refreshes is None:
                work.tally.skipped += len(planned.refresh) + len(planned.unpaid)
                work.tally.reasons[REFRESHED_ELSEWHERE] = None
                return
            _refresh(work, options, planned, progress, of_refreshes)
            work.tally.is_broken |= of_refreshes.is_lost
    except RedisDown:
        work.tally.reasons["Redis does not answer any more"] = None
        work.tally.is_broken = True


def _refresh(work: Work, options: Options, planned: Plan, progress: Progress, held: lock.Lock) -> None:
    of_run = work.stop_reason
    work.stop_reason = lambda: of_run() or (LOST if held.is_lost else "")
    work.tally.leave_unpaid(planned.unpaid, tighter_window(service().budget.remaining()))
    size = min(options.batch_size, BATCH_CELLS)
    with progress("refreshed", len(planned.refresh)) as advance:
        work.refresh(plan.batches(planned.refresh, size, force=options.force), advance)


def _planned(options: Options, cities: list[City], suspects: frozenset[str]) -> Plan:
    return plan_run(cities, suspects, force=options.force, limit=options.limit, notes_models=not options.dry_run)


def _dry_run_summary(planned: Plan) -> dict[str, Any]:
    return {
        "dry_run": True,
        "would_work_out_anew": sum(len(one.questions) for one in planned.rederivations),
        "would_refresh": [candidate.name for candidate in planned.refresh],
        "would_skip": planned.left_out,
    }


def _stop_reason(should_stop: Callable[[], bool], held: lock.Lock, most_seconds: float) -> Callable[[], str]:
    began = time.monotonic()

    def reason() -> str:
        if should_stop():
            return STOPPED
        if held.is_lost:
            return LOST
        return _timeout_reason(began, most_seconds)

    return reason


def _timeout_reason(began: float, most_seconds: float) -> str:
    return f"stopped after {most_seconds} s" if time.monotonic() - began > most_seconds else ""
