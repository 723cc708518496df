"""Which run of a model a record comes from, by the time of its fetch."""

import pytest

from weather.core.runs.model_run import ModelRun
from weather.core.runs.run_times import UNSEEN_SECONDS, Run, RunTimes

pytestmark = pytest.mark.pure

NOON = 1_764_072_000
EVERY = 3 * 3600
RUNS = (Run(NOON + EVERY, NOON + EVERY + 4200), Run(NOON, NOON + 4200))
TIMES = RunTimes(EVERY, RUNS, RUNS[0].settled)


def of_berlin(fetched_at: int, times: RunTimes | None = TIMES) -> ModelRun:
    return ModelRun.of("dwd_icon_d2", times, fetched_at)


def test_a_record_comes_from_the_run_that_was_settled_when_it_was_fetched() -> None:
    assert of_berlin(RUNS[0].settled) == ("dwd_icon_d2", NOON + EVERY)
    assert of_berlin(RUNS[0].settled - 1) == ("dwd_icon_d2", NOON)


def test_without_run_times_the_model_alone_is_known() -> None:
    assert of_berlin(RUNS[0].settled, None) == ("dwd_icon_d2", None)


@pytest.mark.parametrize("fetched_at", [RUNS[1].settled - 1, RUNS[0].settled + UNSEEN_SECONDS + 1])
def test_a_run_that_is_not_certain_is_not_named(fetched_at: int) -> None:
    assert of_berlin(fetched_at) == ("dwd_icon_d2", None)
