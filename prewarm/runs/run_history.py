"""Rows about runs in the database: written at begin and end, and deleted after 30 days."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django.db
from django.apps import apps
from django.utils import timezone

from prewarm.runs.models import PrewarmRun
from prewarm.runs.work import Tally

log = logging.getLogger(__name__)

RETENTION_DAYS = 30
#: Tables of django-axes, which records every login; their rows are deleted with those of runs.
AXES_MODELS = ("AccessAttempt", "AccessLog", "AccessFailureLog")


def begin(*, forced: bool, by_staff: bool = False) -> PrewarmRun:
    """Saves and returns a row, which has no end if the run is killed."""
    row = PrewarmRun(forced=forced, by_staff=by_staff)
    write_or_log(row.save)
    return row


def end(row: PrewarmRun, tally: Tally) -> None:
    """Completes the row and deletes old ones. A database that does not answer costs the row, not the run."""
    row.finished = timezone.now()
    row.took_seconds = round((row.finished - row.started).total_seconds(), 3)
    row.refreshed, row.rederived, row.skipped = tally.refreshed, tally.rederived, tally.skipped
    row.failed, row.failed_cities = len(tally.failed), [name for candidate in tally.failed for name in candidate.cities]
    row.calls, row.weight = tally.calls, tally.weight
    row.exit_code, row.message = tally.exit_code, tally.message
    if write_or_log(row.save):
        write_or_log(clear)


def clear() -> None:
    """Deletes rows of runs and logins older than RETENTION_DAYS."""
    oldest = timezone.now() - timedelta(days=RETENTION_DAYS)
    PrewarmRun.objects.older_than(oldest).delete()
    if apps.is_installed("axes"):
        for name in AXES_MODELS:
            apps.get_model("axes", name)._default_manager.filter(attempt_time__lt=oldest).delete()


def summary(row: PrewarmRun) -> dict[str, Any]:
    """The values of a row as `manage.py prewarm` prints them."""
    names = ("refreshed", "rederived", "skipped", "failed", "calls", "weight", "took_seconds", "exit_code", "forced")
    values = {"started": row.started.isoformat(timespec="seconds")} | {name: getattr(row, name) for name in names}
    return values | {"failed_cities": row.failed_cities, "message": row.message}


def one_line(error: Exception) -> str:
    """The message of an error on one line of at most 300 characters."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def write_or_log(write: Callable[[], object]) -> bool:
    """Whether `write` succeeded; a database error is only logged."""
    try:
        write()
    except django.db.Error as error:
        log.error("The database does not answer: %s", one_line(error))
        return False
    return True
