"""Which model and run a record comes from, by its cell and the time of its fetch."""

import pytest

from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, WEATHER
from weather.core.runs.model_run import UNKNOWN, ModelRun, model_run_of
from weather.core.runs.run_times import UNSEEN_SECONDS, Run, RunTimes

pytestmark = pytest.mark.pure

BERLIN = Cell(525, 134)
NOON = 1_764_072_000
EVERY = 3 * 3600
RUNS = (Run(NOON + EVERY, NOON + EVERY + 4200), Run(NOON, NOON + 4200))
TIMES = {"dwd_icon_d2": RunTimes(EVERY, RUNS, RUNS[0].settled)}


def of_berlin(fetched_at, times=TIMES, areas=WEATHER.areas):
    return model_run_of(areas, times.get, BERLIN, fetched_at)


def test_a_record_comes_from_the_run_that_was_settled_when_it_was_fetched():
    assert of_berlin(RUNS[0].settled) == ModelRun("dwd_icon_d2", NOON + EVERY)
    assert of_berlin(RUNS[0].settled - 1) == ModelRun("dwd_icon_d2", NOON)


def test_without_run_times_the_model_alone_is_known():
    assert of_berlin(RUNS[0].settled, times={}) == ModelRun("dwd_icon_d2", None)


@pytest.mark.parametrize("fetched_at", [RUNS[1].settled - 1, RUNS[0].settled + UNSEEN_SECONDS + 1])
def test_a_run_that_is_not_certain_is_not_named(fetched_at):
    assert of_berlin(fetched_at) == ModelRun("dwd_icon_d2", None)


def test_of_a_dataset_without_areas_neither_is_known():
    assert of_berlin(RUNS[0].settled, areas=AIR_QUALITY.areas) == UNKNOWN
