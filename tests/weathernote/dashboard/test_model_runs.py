"""The dashboard's table of weather models."""

from datetime import UTC, datetime

import pytest

from tests.support.redis.outage import take_redis_away
from weather.core.runs.run_times import Run, RunTimes
from weather.runs.table import RunTable
from weathernote.dashboard.model_runs import ModelRuns, model_runs

NOON = 1_764_072_000
EVERY = 3 * 3600
RUN = Run(NOON, NOON + 4200)
NOW = NOON + 5000
MODELS = ("dwd_icon_d2", "ecmwf_ifs")


@pytest.fixture
def table(monkeypatch):
    """A process' table, whose models are both in use."""
    take_redis_away(monkeypatch)
    table = RunTable(MODELS)
    table.note_used(MODELS, NOW)
    return table


def test_a_model_has_its_newest_run_and_when_the_next_is_expected(table):
    table.write("dwd_icon_d2", RunTimes(EVERY, (RUN,), NOW))
    row, _ = model_runs(table, NOW)
    assert row == ModelRuns(
        "dwd_icon_d2",
        datetime(2025, 11, 25, 12, 0, tzinfo=UTC),
        datetime(2025, 11, 25, 13, 10, tzinfo=UTC),
        datetime(2025, 11, 25, 16, 20, tzinfo=UTC),
        is_trusted=True,
    )


def test_a_model_of_which_no_run_is_known_goes_by_interval(table):
    assert list(model_runs(table, NOW)) == [ModelRuns("dwd_icon_d2"), ModelRuns("ecmwf_ifs")]


def test_a_run_that_is_not_believed_is_shown_and_no_next_one(table):
    table.write("dwd_icon_d2", RunTimes(EVERY, (RUN,), NOW + 86_400))
    row, _ = model_runs(table, NOW + 86_400)
    assert row.initialised == datetime(2025, 11, 25, 12, 0, tzinfo=UTC)
    assert (row.next_expected, row.is_trusted) == (None, False)


def test_a_time_that_no_calendar_has_is_left_out(table):
    table.write("dwd_icon_d2", RunTimes(EVERY, (Run(2**39, 2**39),), NOW))
    row, _ = model_runs(table, NOW)
    assert (row.initialised, row.is_trusted) == (None, False)
