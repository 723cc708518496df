"""The table of areas is wrong: places follow another model than it says, until refreshes have shown it."""

from collections.abc import Callable, Iterator

import pytest
import redis as redis_py

from tests.support.clocks import MIDNIGHT, SetClock
from tests.support.staged.fetching import Fetching
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.runs.run_times import RunTimes
from weather.fetching.fetch_queue import Lease
from weather.runs.evidence import Evidence
from weather.runs.probes import Probes
from weather.runs.table import RunTable
from weather.simulator.server import OpenMeteoSimulator
from weather.upstream.client import OpenMeteo
from weather.upstream.run_times_client import RunTimesClient
from weathernote.telemetry import metrics

pytest_plugins = ["tests.support.redis.fixtures"]

HOUR, DAY = 3600, 86_400
#: Runs every three hours, and every hour.
GERMAN, BRITISH = "dwd_icon_d2", "ukmo_uk_deterministic_2km"
PLACES = {GERMAN: (Cell(525, 134), Cell(524, 131)), BRITISH: (Cell(535, -22), Cell(534, -30))}
STEP_SECONDS = 1200
#: How old a record grows in a tile that goes by refresh intervals.
INTERVAL_SECONDS = 2 * HOUR


class Fleet:
    """A poller, a refresher and probes, step by step: a record is refreshed when its model has a run that it lacks."""

    def __init__(self, simulator: OpenMeteoSimulator, clock: SetClock, model: str) -> None:
        assert WEATHER.areas is not None
        self.simulator = simulator
        self.clock = clock
        self.model = model
        self.places = PLACES[model]
        self.run_times = RunTimesClient(f"{simulator.url}/data", now=clock)
        self.table = RunTable([model])
        self.evidence = Evidence(WEATHER.areas, self.table, clock)
        self.probes = Probes(self.evidence, day_budget=10_000)
        self.fetching = Fetching(OpenMeteo(simulator.url, WEATHER, now=clock))
        self.fetching.round.now = clock
        self.fetching.round.evidence = self.evidence
        self.probed = 0

    def step(self) -> None:
        now = self.clock()
        newest = self.run_times.newest_run(self.model)
        times = self.table.times_of(self.model) or RunTimes(newest.interval_seconds, (), 0)
        self.table.write(self.model, times.with_run(newest.run, int(now)))
        held = {cell: series.fetched_at for cell, series in self.fetching.store.known.items()}
        probes = self.probes.cells_to_probe(held, held, now, most=10)
        self.probed += len(probes)
        due = [cell for cell in self.places if cell not in held or self._is_due(cell, held[cell], now)]
        if due or probes:
            self.fetching.round.run(Lease(0, "token", [], [*due, *probes]))
        self.evidence.flush()
        self.evidence.read()
        self.clock.seconds += STEP_SECONDS

    def _is_due(self, cell: Cell, fetched_at: int, now: float) -> bool:
        times = self.table.times_of(self.model)
        if times is None or not times.is_trusted(now) or self.evidence.contradicts(cell, self.model):
            return now - fetched_at >= INTERVAL_SECONDS
        return times.missing(fetched_at, now) > 0

    def hours_until(self, has_come: Callable[[], bool], most_hours: int) -> float | None:
        """How long it takes; None if it does not come within `most_hours`."""
        began = self.clock()
        while not has_come():
            if self.clock() - began > most_hours * HOUR:
                return None
            self.step()
        return (self.clock() - began) / HOUR

    def is_by_interval(self) -> bool:
        return self.evidence.contradicts(self.places[0], self.model)


@pytest.fixture
def fleet_of(here: redis_py.Redis) -> Iterator[Callable[[str], Fleet]]:
    """Makes the fleet of a model's places."""
    clock = SetClock(MIDNIGHT)
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, unlimited=True, model_runs=True, clock=clock) as simulator:
        yield lambda model: Fleet(simulator, clock, model)


@pytest.mark.parametrize(("model", "other"), [(GERMAN, "ncep_hrrr_conus"), (BRITISH, "ecmwf_ifs")])
def test_places_that_follow_another_model_go_by_intervals_within_two_days_and_return_when_that_is_mended(
    fleet_of: Callable[[str], Fleet], model: str, other: str
) -> None:
    """The one runs three times as often as the table says, which only probes can tell; the other once in six."""
    fleet = fleet_of(model)
    assert fleet.hours_until(fleet.is_by_interval, most_hours=24) is None
    fleet.simulator.settings(followed_models={model: other})
    assert fleet.hours_until(fleet.is_by_interval, most_hours=48) is not None
    assert metrics.TILES_BY_INTERVAL.labels(model)._value.get() == 1

    fleet.simulator.settings(followed_models={})
    assert fleet.hours_until(lambda: not fleet.is_by_interval(), most_hours=72) is not None
    assert metrics.TILES_BY_INTERVAL.labels(model)._value.get() == 0


def test_a_model_with_half_as_many_runs_costs_calls_and_no_freshness(fleet_of: Callable[[str], Fleet]) -> None:
    fleet = fleet_of(GERMAN)
    fleet.simulator.settings(followed_models={GERMAN: "ecmwf_ifs"})
    assert fleet.hours_until(fleet.is_by_interval, most_hours=4 * 24) is None


def test_where_the_table_is_right_late_runs_and_all_nothing_goes_by_intervals_and_probes_are_few(
    fleet_of: Callable[[str], Fleet],
) -> None:
    fleet = fleet_of(GERMAN)
    fleet.simulator.settings(run_lateness_seconds=900)
    assert fleet.hours_until(fleet.is_by_interval, most_hours=7 * 24) is None
    assert 5 <= fleet.probed <= 8
