"""Which cells a fleet probes: one in each tile a day, the doubtful tiles first, within a hundredth of the budget."""

import pytest

from tests.support.clocks import SetClock
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.runs.evidence import Counts, TileEvidence
from weather.core.runs.run_times import Run, RunTimes
from weather.runs.evidence import Evidence, Tile
from weather.runs.probes import LOOK_SECONDS, Probes
from weather.runs.table import RunTable

pytestmark = pytest.mark.pure

HOUR = 3600
NOON = 1_795_564_800
NOW = NOON + 5 * HOUR
MODEL = "ecmwf_ifs"
#: Ten tiles of the southern oceans, which no regional model knows, with three cells each.
CELLS = [Cell(-420 - step, 51 + 50 * tile) for tile in range(10) for step in range(3)]
#: All but one in each tile were fetched after the newest run, and that one long before.
FETCHED_AT = {cell: NOON + HOUR - 10 * HOUR * (index % 3 == 2) for index, cell in enumerate(CELLS)}


def times_at(now: float) -> RunTimes:
    """A run each six hours up to `now`, which is when they were seen."""
    newest = int(now // (6 * HOUR)) * 6 * HOUR
    came = range(newest, newest - 24 * HOUR, -6 * HOUR)
    return RunTimes(6 * HOUR, tuple(Run(time - 6 * HOUR, time) for time in came), int(now))


@pytest.fixture
def evidence() -> Evidence:
    assert WEATHER.areas is not None
    table = RunTable([MODEL])
    table._times = {MODEL: times_at(NOW)}
    return Evidence(WEATHER.areas, table, SetClock(NOW))


@pytest.fixture
def probes(evidence: Evidence) -> Probes:
    """Those of a large budget of which an hour's is left."""
    probes = Probes(evidence, day_budget=1_000_000)
    probes.allowance.left = probes.allowance.per_day / 24
    return probes


def tiles_of(evidence: Evidence, cells: list[Cell]) -> set[Tile]:
    return {evidence.tile_of(cell) for cell in cells}


def test_each_tile_has_one_cell_probed_and_none_that_lacks_a_run(evidence: Evidence, probes: Probes) -> None:
    chosen = probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=100)
    assert len(chosen) == len(tiles_of(evidence, chosen)) == 10
    assert all(FETCHED_AT[cell] > NOON for cell in chosen)


def test_a_tile_is_not_chosen_again_while_its_evidence_is_on_the_way(probes: Probes) -> None:
    assert len(probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=7)) == 7
    assert len(probes.cells_to_probe(CELLS, FETCHED_AT, NOW + LOOK_SECONDS, most=7)) == 3
    assert probes.cells_to_probe(CELLS, FETCHED_AT, NOW + 2 * LOOK_SECONDS, most=7) == []


def test_a_day_of_probes_costs_a_hundredth_of_the_budget(evidence: Evidence) -> None:
    probes = Probes(evidence, day_budget=400)
    chosen = []
    for minutes in range(0, 24 * 60, 5):
        now = NOON + minutes * 60
        times = times_at(now)
        evidence.table._times = {MODEL: times}
        chosen += probes.cells_to_probe(CELLS, dict.fromkeys(CELLS, times.runs[0].settled + 60), now, most=100)
    assert 3 <= len(chosen) <= 0.01 * 400 + 1


def test_a_suspect_tile_comes_first_and_a_contradicted_one_not_at_all(evidence: Evidence, probes: Probes) -> None:
    suspect, contradicted = evidence.tile_of(CELLS[15]), evidence.tile_of(CELLS[0])
    doubts = TileEvidence(run=NOON, recent=Counts(changed_without_run=1), probed_at=NOON - 2 * HOUR)
    evidence.tiles = {
        suspect: doubts,
        contradicted: TileEvidence(run=NOON, past=Counts(changed_without_run=8), is_contradicted=True),
    }
    chosen = probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=100)
    assert evidence.tile_of(chosen[0]) == suspect
    assert contradicted not in tiles_of(evidence, chosen) and len(chosen) == 9


def test_a_tile_that_was_probed_today_can_wait(evidence: Evidence, probes: Probes) -> None:
    probed = evidence.tile_of(CELLS[0])
    evidence.tiles = {probed: TileEvidence(run=NOON, recent=Counts(unchanged=1), probed_at=NOON - 2 * HOUR)}
    chosen = probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=100)
    assert probed not in tiles_of(evidence, chosen)


@pytest.mark.parametrize("seconds", [8 * HOUR, -6 * HOUR])
def test_without_run_times_to_trust_nothing_is_probed(probes: Probes, seconds: int) -> None:
    """They were read too long ago, or lie in the future."""
    assert probes.cells_to_probe(CELLS, FETCHED_AT, NOW + seconds, most=100) == []


def test_all_cells_are_looked_at_once_a_minute(probes: Probes) -> None:
    probes.cells_to_probe([], {}, NOW, most=100)
    assert probes.cells_to_probe(CELLS, FETCHED_AT, NOW + LOOK_SECONDS - 1, most=100) == []
    assert probes.cells_to_probe(CELLS, FETCHED_AT, NOW + LOOK_SECONDS, most=0) == []
    assert len(probes.cells_to_probe(CELLS, FETCHED_AT, NOW + LOOK_SECONDS, most=100)) == 10
