"""Which cells follow the runs of their model, and what is expected of them; pure, with run times set by hand."""

from unittest.mock import Mock

import pytest

from tests.support.clocks import MIDNIGHT
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.runs.model_run import UNKNOWN
from weather.core.runs.rate_shape import RateShape
from weather.core.runs.run_times import Run, RunTimes
from weather.runs.evidence import Evidence
from weather.runs.known import HALF_LIFE_SECONDS, KnownRuns
from weather.runs.local_hours import LocalHours
from weather.runs.table import RunTable

pytestmark = pytest.mark.pure

HOUR = 3600
MODEL = "dwd_icon_d2"
BERLIN, DENVER = Cell(525, 134), Cell(397, -1050)
NOW = MIDNIGHT + 14 * HOUR
EVERY = 3 * HOUR
TIMES = RunTimes(EVERY, tuple(Run(NOW - 2 * HOUR - n * EVERY, NOW - HOUR - n * EVERY) for n in range(8)), NOW)
#: When the next run is settled.
NEXT = NOW + 2 * HOUR + 600


def _known(times: RunTimes | None = TIMES, *, contradicts: bool = False, counted_seconds: float = 1e9) -> KnownRuns:
    assert WEATHER.areas is not None
    table = RunTable(WEATHER.areas.models)
    table._times = {MODEL: times} if times else {}
    evidence = Mock(Evidence, contradicts=lambda cell, model: contradicts)
    hours = Mock(LocalHours, shape=RateShape.flat())
    return KnownRuns(WEATHER.areas, table, hours, evidence, lambda now: counted_seconds)


def test_a_cell_follows_the_runs_of_its_model() -> None:
    assert _known().times_for(BERLIN, NOW) == TIMES and _known().times_for(DENVER, NOW) is None


@pytest.mark.parametrize("known", [_known(None), _known(contradicts=True)])
def test_without_run_times_or_where_refreshes_contradict_it_does_not(known: KnownRuns) -> None:
    assert known.times_for(BERLIN, NOW) is None


def test_a_run_that_is_overdue_counts_for_records_but_is_not_known_for_certain() -> None:
    late = int(TIMES.overdue_at) + 1
    known = _known(RunTimes(TIMES.interval_seconds, TIMES.runs, late))
    times = known.times_for(BERLIN, late)
    assert times is not None and len(times.runs) == len(TIMES.runs) + 1
    assert known.believed(late) == {MODEL: times} and known.trusted(late) == {}


@pytest.mark.parametrize("now", [NOW - HOUR, NOW + 2 * HOUR])
def test_run_times_of_the_future_or_of_long_ago_are_not_believed(now: float) -> None:
    assert _known().times_for(BERLIN, now) is None and _known().trusted(now) == {}


def test_an_answer_says_no_model_where_refreshes_contradict_the_table() -> None:
    assert _known().model_run(BERLIN, NOW).model == MODEL
    assert _known(contradicts=True).model_run(BERLIN, NOW) == UNKNOWN


def test_requests_are_expected_until_the_next_run_is_settled() -> None:
    assert _known().expected_requests(BERLIN, 0.01, TIMES, NOW) == pytest.approx(0.01 * (NEXT - NOW))


def test_a_city_that_nobody_asks_for_has_the_level_that_it_is_given() -> None:
    known = _known(counted_seconds=HOUR)
    assert known.expected_requests(BERLIN, 0.0, TIMES, NOW, 0.01) == pytest.approx(0.01 * (NEXT - NOW))
    assert known.expected_requests(BERLIN, 9.0, TIMES, NOW, 0.01) > 9 * (NEXT - NOW)


def test_a_day_after_counting_began_a_rate_is_taken_for_three_quarters_of_the_level() -> None:
    known = _known(counted_seconds=2 * HALF_LIFE_SECONDS)
    assert known.level(BERLIN, 0.75, NOW) == pytest.approx(1)


def test_run_times_that_somebody_wrote_expect_a_run_in_a_thousand_years_and_break_nothing() -> None:
    strange = RunTimes(EVERY, (Run(NOW - 2 * HOUR, NOW - HOUR), Run(9, NOW - 2 * HOUR), Run(8, NOW - 3 * HOUR)), NOW)
    assert strange.is_trusted(NOW) and strange.next_expected(NOW) > 2 * NOW - EVERY
    assert _known(strange).expected_requests(BERLIN, 1.0, strange, NOW) == pytest.approx(7 * 86_400)
