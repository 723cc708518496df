"""The evidence of a fleet's refreshes in a real Redis: several processes, one with another's memory, none."""

from collections.abc import Callable
from typing import Any

import pytest
import redis as redis_py

from tests.support.clocks import SetClock
from tests.support.redis.outage import take_redis_away
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.runs.evidence import LIFE_SECONDS, Counts, TileEvidence
from weather.core.runs.run_times import Run, RunTimes
from weather.runs import evidence as module
from weather.runs.evidence import KEY, Evidence, Tile
from weather.runs.table import RunTable
from weathernote.telemetry import metrics

pytest_plugins = ["tests.support.redis.fixtures"]

HOUR = 3600
NOON = 1_795_564_800
BERLIN, POTSDAM = Cell(525, 134), Cell(524, 131)
MODEL = "dwd_icon_d2"
TILE = Tile(MODEL, "50:10")


class Fleet:
    """One table of run times, and processes that note refreshes by it."""

    def __init__(self, clock: SetClock) -> None:
        assert WEATHER.areas is not None
        self.areas = WEATHER.areas
        self.clock = clock
        self.table = RunTable([MODEL])
        self.run_comes()

    def run_comes(self, every: int = 3 * HOUR) -> None:
        """A run comes; half an hour later it has been seen."""
        now = int(self.clock())
        times = self.table.times_of(MODEL) or RunTimes(every, (), now)
        self.clock.seconds += 1800
        self.table._times = {MODEL: times.with_run(Run(now - HOUR, now), now + 1800)}

    def process(self) -> Evidence:
        return Evidence(self.areas, self.table, self.clock)

    def refresh(self, process: Evidence, *, changed: bool, cell: Cell = BERLIN) -> None:
        """A record from before the newest run is replaced now."""
        run = self.newest_run
        process.note(cell, run.available - 2 * HOUR, int(self.clock()), has_changed=changed)

    def probe(self, process: Evidence, *, changed: bool, cell: Cell = BERLIN) -> None:
        """A record from after the newest run is replaced now."""
        process.note(cell, self.newest_run.settled, int(self.clock()), has_changed=changed)

    def is_seen(self) -> None:
        """The poller reads the run times again: there is nothing new."""
        times = self.table.times_of(MODEL)
        assert times is not None
        self.table._times = {MODEL: times.with_run(times.runs[0], int(self.clock()))}

    @property
    def newest_run(self) -> Run:
        times = self.table.times_of(MODEL)
        assert times is not None
        return times.runs[0]

    def contradict(self, process: Evidence, runs: int = 3) -> None:
        """Runs come that change nothing."""
        for _ in range(runs):
            self.clock.seconds = self.newest_run.available + 3 * HOUR
            self.run_comes()
            self.refresh(process, changed=False)
            process.flush()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def fleet(here: redis_py.Redis, clock: SetClock) -> Fleet:
    return Fleet(clock)


def counted(outcome: str) -> float:
    return metrics.RUN_EVIDENCE.labels(MODEL, outcome)._value.get()


def held(here: redis_py.Redis, tile: Tile = TILE) -> TileEvidence | None:
    text: Any = here.hget(KEY, str(tile))
    return None if text is None else TileEvidence.read(text)


# What is noted


@pytest.mark.parametrize(("lacked", "changed", "outcome"), [
    (True, True, "run_changed"), (True, False, "run_unchanged"),
    (False, True, "changed_without_run"), (False, False, "unchanged"),
])  # fmt: skip
def test_a_refresh_is_counted_by_what_it_lacked_and_what_it_brought(
    fleet: Fleet, here: redis_py.Redis, lacked: bool, changed: bool, outcome: str
) -> None:
    before, process = counted(outcome), fleet.process()
    (fleet.refresh if lacked else fleet.probe)(process, changed=changed)
    process.flush()
    evidence = held(here)
    assert evidence is not None and evidence.recent == Counts(**{outcome: 1})
    assert counted(outcome) == before + 1


def test_a_refresh_without_a_known_run_waits_until_the_run_times_are_read_again(
    fleet: Fleet, here: redis_py.Redis, clock: SetClock
) -> None:
    process = fleet.process()
    clock.seconds += 600
    fleet.probe(process, changed=True)
    process.flush()
    assert held(here) is None
    fleet.is_seen()
    process.flush()
    evidence = held(here)
    assert evidence is not None and evidence.recent == Counts(changed_without_run=1)
    assert evidence.probed_at == clock()


def test_a_run_that_is_seen_after_the_refresh_explains_what_changed(
    fleet: Fleet, here: redis_py.Redis, clock: SetClock
) -> None:
    """The poller asks rarely where it expects nothing; the run had come by then."""
    process = fleet.process()
    held_at = fleet.newest_run.settled
    came = int(clock()) + 60
    clock.seconds += 700
    process.note(BERLIN, held_at, int(clock()), has_changed=True)
    times = fleet.table.times_of(MODEL)
    assert times is not None
    fleet.table._times = {MODEL: times.with_run(Run(came - HOUR, came), int(clock()) + 60)}
    process.flush()
    evidence = held(here)
    assert evidence is not None and evidence.recent == Counts(run_changed=1)


def test_what_is_never_known_is_not_counted(fleet: Fleet, here: redis_py.Redis, clock: SetClock) -> None:
    process = fleet.process()
    clock.seconds += 600
    fleet.probe(process, changed=True)
    clock.seconds += module.WAIT_SECONDS + 1
    process.flush()
    fleet.is_seen()
    process.flush()
    assert held(here) is None


def test_a_refresh_while_open_meteos_servers_get_the_run_tells_nothing(fleet: Fleet, here: redis_py.Redis) -> None:
    process = fleet.process()
    came = fleet.newest_run.available
    process.note(BERLIN, came - HOUR, came + 60, has_changed=False)
    process.flush()
    assert held(here) is None


def test_without_run_times_to_trust_nothing_is_noted(fleet: Fleet, here: redis_py.Redis, clock: SetClock) -> None:
    process = fleet.process()
    clock.seconds += 5 * HOUR  # nobody has seen any since
    fleet.refresh(process, changed=True)
    process.note(Cell(0, 0), NOON - HOUR, NOON, has_changed=True)  # a model without run times
    process.flush()
    fleet.is_seen()
    process.flush()
    assert not here.exists(KEY)


# The fleet


def test_what_one_process_finds_out_another_acts_on(fleet: Fleet) -> None:
    one, another = fleet.process(), fleet.process()
    fleet.contradict(one)
    assert one.contradicts(BERLIN, MODEL) and one.contradicts(POTSDAM, MODEL)
    assert not another.contradicts(BERLIN, MODEL)
    another.read()
    assert another.contradicts(BERLIN, MODEL)
    assert another.contradicted == {TILE}


def test_another_tile_and_another_model_in_it_are_not_contradicted(fleet: Fleet) -> None:
    process = fleet.process()
    fleet.contradict(process)
    assert not process.contradicts(Cell(475, 134), MODEL)
    assert not process.contradicts(BERLIN, "dwd_icon_eu")


def test_processes_that_note_by_turns_add_up(fleet: Fleet, here: redis_py.Redis) -> None:
    one, another = fleet.process(), fleet.process()
    for process in (one, another, one):
        fleet.refresh(process, changed=True)
        process.flush()
    evidence = held(here)
    assert evidence is not None and evidence.recent.run_changed == 3


def test_a_process_that_another_was_faster_than_adds_its_own_the_next_time(
    fleet: Fleet, here: redis_py.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, another = fleet.process(), fleet.process()
    fleet.refresh(one, changed=True)
    fleet.refresh(another, changed=False)
    add: Callable[..., TileEvidence] = one._with_unwritten

    def overtaken(*arguments: Any) -> TileEvidence:
        another.flush()
        return add(*arguments)

    monkeypatch.setattr(one, "_with_unwritten", overtaken)
    one.flush()
    evidence = held(here)
    assert evidence is not None and evidence.recent == Counts(run_unchanged=1)
    one.flush()
    evidence = held(here)
    assert evidence is not None and evidence.recent == Counts(run_changed=1, run_unchanged=1)


def test_flushing_is_two_round_trips_and_asking_is_none(fleet: Fleet, round_trips: list[Any]) -> None:
    process = fleet.process()
    for cell in (BERLIN, POTSDAM, Cell(475, 134)):
        fleet.refresh(process, changed=True, cell=cell)
    round_trips.clear()
    process.flush()
    process.contradicts(BERLIN, MODEL)
    assert [trip[0][0] for trip in round_trips] == ["HMGET", "EVALSHA"]
    process.flush()
    assert len(round_trips) == 2


def test_a_text_is_parsed_once_and_again_when_it_has_changed(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    one, another = fleet.process(), fleet.process()
    fleet.contradict(one)
    parsed: list[Tile] = []
    read = another._read

    def noted(at: Tile, text: bytes) -> TileEvidence | None:
        parsed.append(at)
        return read(at, text)

    monkeypatch.setattr(another, "_read", noted)
    another.read()
    another.read()
    assert parsed == [TILE] and another.contradicts(BERLIN, MODEL)
    fleet.contradict(one, runs=1)
    another.read()
    assert parsed == [TILE, TILE] and another.tiles[TILE].text == one.tiles[TILE].text


def test_the_gauge_tells_how_many_tiles_of_each_model_go_by_intervals(fleet: Fleet) -> None:
    process = fleet.process()
    fleet.contradict(process)
    assert metrics.TILES_BY_INTERVAL.labels(MODEL)._value.get() == 1
    assert metrics.TILES_BY_INTERVAL.labels("ecmwf_ifs")._value.get() == 0


# Bounds and lives


def test_the_key_has_a_life_that_each_flush_renews(fleet: Fleet, here: redis_py.Redis) -> None:
    process = fleet.process()
    for _ in range(2):
        fleet.refresh(process, changed=True)
        process.flush()
        assert LIFE_SECONDS - 10 < here.ttl(KEY) <= LIFE_SECONDS
        here.expire(KEY, 10)


def test_there_is_room_for_so_many_tiles_and_those_that_are_there_go_on(
    fleet: Fleet, here: redis_py.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TILES", 1)
    process = fleet.process()
    for cell in (BERLIN, Cell(475, 134), BERLIN):
        fleet.refresh(process, changed=True, cell=cell)
        process.flush()
    assert here.hkeys(KEY) == [str(TILE)]
    evidence = held(here)
    assert evidence is not None and evidence.recent.run_changed == 2


def test_evidence_that_nobody_added_to_is_removed_and_forgotten(
    fleet: Fleet, here: redis_py.Redis, clock: SetClock
) -> None:
    process = fleet.process()
    fleet.contradict(process)
    clock.seconds += LIFE_SECONDS
    process.read()
    assert not process.contradicts(BERLIN, MODEL)
    process.flush()
    assert held(here) is None


def test_what_is_not_legible_is_passed_over_and_replaced_by_what_is_noted(fleet: Fleet, here: redis_py.Redis) -> None:
    process = fleet.process()
    wrong = TileEvidence(run=NOON, past=Counts(run_unchanged=8), is_contradicted=True).text
    fields: dict[Any, Any] = {str(TILE): "{", "unheard_of:50:10": wrong, f"{MODEL}:anywhere": wrong, b"\xff": b"\xff"}
    here.hset(KEY, mapping=fields)
    process.read()
    assert process.contradicted == set() and not process.tiles
    fleet.refresh(process, changed=True)
    process.flush()
    evidence = held(here)
    assert evidence is not None and evidence.recent.run_changed == 1


def test_evidence_from_the_future_is_void(fleet: Fleet, here: redis_py.Redis, clock: SetClock) -> None:
    process = fleet.process()
    here.hset(KEY, str(TILE), TileEvidence(run=NOON + 30 * 86_400, past=Counts(0, 8), is_contradicted=True).text)
    process.read()
    assert not process.contradicts(BERLIN, MODEL)
    fleet.refresh(process, changed=True)
    process.flush()
    evidence = held(here)
    assert evidence is not None and evidence.run == fleet.newest_run.available


def test_a_key_of_another_type_is_replaced(fleet: Fleet, here: redis_py.Redis) -> None:
    process = fleet.process()
    here.set(KEY, "what is this")
    process.read()
    fleet.refresh(process, changed=True)
    process.flush()
    assert held(here) is not None


# Without Redis


def test_without_redis_what_is_known_stays_and_what_is_noted_is_added_later(
    fleet: Fleet, here: redis_py.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = fleet.process()
    fleet.contradict(process)
    with monkeypatch.context() as gone:
        take_redis_away(gone)
        fleet.probe(process, changed=False)
        process.flush()
        process.read()
        assert process.contradicts(BERLIN, MODEL)
    process.flush()
    evidence = held(here)
    assert evidence is not None and evidence.recent.unchanged == 1


def test_a_redis_that_has_forgotten_is_told_by_the_processes_that_have_not(fleet: Fleet, here: redis_py.Redis) -> None:
    process = fleet.process()
    fleet.contradict(process)
    here.flushall()
    process.read()
    assert process.contradicts(BERLIN, MODEL)
    fleet.refresh(process, changed=False)
    process.flush()
    evidence = held(here)
    assert evidence is not None and evidence.is_contradicted
