"""The rows that runs leave in the database."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.utils import timezone

from prewarm.runs import run_history
from prewarm.runs.models import PrewarmRun
from prewarm.runs.work import Tally

pytestmark = pytest.mark.django_db


def test_rows_are_cleared_after_30_days_and_those_of_axes_too():
    for days in (29, 31):
        moment = timezone.now() - timedelta(days=days)
        PrewarmRun.objects.create(started=moment)
        for model in (AccessAttempt, AccessLog, AccessFailureLog):
            count = {"failures_since_start": 1} if model is AccessAttempt else {}
            row = model.objects.create(username="staff", user_agent=str(days), path_info="/", **count)
            model.objects.filter(pk=row.pk).update(attempt_time=moment)
    run_history.end(run_history.begin(forced=False), Tally())
    assert PrewarmRun.objects.count() == 2
    assert [model.objects.count() for model in (AccessAttempt, AccessLog, AccessFailureLog)] == [1, 1, 1]
