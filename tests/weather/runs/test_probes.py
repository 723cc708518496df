"""Which cells a fleet probes: one in each tile a day, the doubtful tiles first, within a hundredth of the budget."""

import pytest
import redis as redis_py

from tests.support.clocks import SetClock
from tests.support.redis.outage import take_redis_away
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.runs.evidence import Counts, TileEvidence
from weather.core.runs.run_times import Run, RunTimes
from weather.runs.evidence import Evidence, Tile
from weather.runs.probes import KEY, Probes
from weather.runs.table import RunTable

pytest_plugins = ["tests.support.redis.fixtures"]

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
def evidence(here: redis_py.Redis) -> Evidence:
    assert WEATHER.areas is not None
    table = RunTable([MODEL])
    table._times = {MODEL: times_at(NOW)}
    return Evidence(WEATHER.areas, table, SetClock(NOW))


@pytest.fixture
def probes(evidence: Evidence) -> Probes:
    """Those of a large budget."""
    return Probes(evidence, day_budget=1_000_000)


def tiles_of(evidence: Evidence, cells: list[Cell]) -> set[Tile]:
    return {evidence.tile_of(cell) for cell in cells}


def test_each_tile_has_one_cell_probed_and_none_that_lacks_a_run(evidence: Evidence, probes: Probes) -> None:
    chosen = probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=100)
    assert len(chosen) == len(tiles_of(evidence, chosen)) == 10
    assert all(FETCHED_AT[cell] > NOON for cell in chosen)


def test_a_tile_is_not_chosen_again_while_its_evidence_is_on_the_way(probes: Probes) -> None:
    assert len(probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=7)) == 7
    assert len(probes.cells_to_probe(CELLS, FETCHED_AT, NOW + 60, most=7)) == 3
    assert probes.cells_to_probe(CELLS, FETCHED_AT, NOW + 120, most=7) == []


def test_what_one_process_probes_another_does_not(evidence: Evidence, probes: Probes) -> None:
    another = Probes(Evidence(evidence.areas, evidence.table), day_budget=1_000_000)
    assert len(probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=6)) == 6
    assert len(another.cells_to_probe(CELLS, FETCHED_AT, NOW + 1, most=6)) == 4


def test_a_fleets_day_of_probes_costs_a_hundredth_of_the_budget(evidence: Evidence) -> None:
    """Though nothing comes of them, so that all tiles stay due."""
    fleet = [Probes(evidence, day_budget=400) for _ in range(5)]
    chosen = []
    for minutes in range(0, 24 * 60, 10):
        now = NOON + minutes * 60
        times = times_at(now)
        evidence.table._times = {MODEL: times}
        fetched_at = dict.fromkeys(CELLS, times.runs[0].settled + 60)
        chosen += fleet[minutes // 10 % 5].cells_to_probe(CELLS, fetched_at, now, most=100)
    assert len(chosen) == 4


def test_the_log_of_probes_has_a_life_and_forgets_what_counts_no_more(here: redis_py.Redis, probes: Probes) -> None:
    here.zadd(KEY, {"ecmwf_ifs:0:0@1": NOW - 2 * 86_400})
    probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=1)
    assert here.zcard(KEY) == 1
    assert 86_000 < here.ttl(KEY) <= 86_400


def test_without_redis_nothing_is_probed(probes: Probes, monkeypatch: pytest.MonkeyPatch) -> None:
    take_redis_away(monkeypatch)
    assert probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=100) == []


def test_a_key_of_another_type_is_replaced(here: redis_py.Redis, probes: Probes) -> None:
    here.set(KEY, "what is this")
    assert len(probes.cells_to_probe(CELLS, FETCHED_AT, NOW, most=3)) == 3
    assert here.zcard(KEY) == 3


def test_a_budget_of_nothing_is_no_fault(evidence: Evidence) -> None:
    assert len(Probes(evidence, day_budget=0).cells_to_probe(CELLS, FETCHED_AT, NOW, most=100)) <= 1


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
