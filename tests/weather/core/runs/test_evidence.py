"""When a tile's evidence contradicts the table of areas, and when no longer; pure."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weather.core.cells import Cell
from weather.core.runs.evidence import LIFE_SECONDS, MOST_RUNS, TILE, Counts, TileEvidence, outcome_of, tile_of

pytestmark = pytest.mark.pure

HOUR, DAY = 3600, 86_400
START = 1_795_564_800
CHANGED, UNCHANGED = Counts(run_changed=1), Counts(run_unchanged=1)
CHANGED_WITHOUT, UNCHANGED_WITHOUT = Counts(changed_without_run=1), Counts(unchanged=1)
#: For each kind of evidence: what agrees with the table, and what speaks against it.
KINDS = [(CHANGED, UNCHANGED), (UNCHANGED_WITHOUT, CHANGED_WITHOUT)]


def after(outcomes: list[Counts], hours: float = 3, evidence: TileEvidence | None = None) -> TileEvidence:
    """The evidence with an outcome after each further run."""
    evidence = evidence or TileEvidence(run=START)
    for outcome in outcomes:
        evidence = evidence.with_refreshes(outcome, evidence.run + round(hours * HOUR))
    return evidence


def by_chance(number: random.Random, against: float, kind: tuple[Counts, Counts]) -> Iterator[Counts]:
    while True:
        yield kind[number.random() < against]


def runs_until_contradicted(evidence: TileEvidence, outcomes: Iterator[Counts], most: int, hours: float) -> int | None:
    for count in range(most):
        if evidence.is_contradicted:
            return count
        evidence = after([next(outcomes)], hours, evidence)
    return None


# Tiles


@pytest.mark.parametrize(("lat", "lon", "tile"), [
    (525, 134, "50:10"), (0, 0, "0:0"), (-1, -1, "-5:-5"), (515, -1, "50:-5"), (550, 0, "55:0"), (549, 49, "50:0"),
    (900, -1800, "85:-180"), (-900, 1799, "-90:175"), (-500, 50, "-50:5"),
])  # fmt: skip
def test_a_tile_is_named_by_its_south_western_corner(lat: int, lon: int, tile: str) -> None:
    assert tile_of(Cell(lat, lon)) == tile
    assert TILE.fullmatch(tile)


@pytest.mark.parametrize(("lacked", "changed", "outcome"), [
    (True, True, "run_changed"), (True, False, "run_unchanged"),
    (False, True, "changed_without_run"), (False, False, "unchanged"),
])  # fmt: skip
def test_each_of_the_four_outcomes_has_its_name_and_count(lacked: bool, changed: bool, outcome: str) -> None:
    assert outcome_of(lacked_run=lacked, has_changed=changed) == outcome
    assert outcome in Counts._fields


# Contradicted


@pytest.mark.parametrize("kind", KINDS)
def test_one_odd_refresh_or_two_odd_runs_contradict_nothing(kind: tuple[Counts, Counts]) -> None:
    agrees, against = kind
    for outcomes in ([against], [against] * 2, [agrees] * 20 + [against] * 2, [against, agrees, against, agrees]):
        assert not after(outcomes).is_contradicted


@pytest.mark.parametrize("kind", KINDS)
def test_however_many_cells_were_refreshed_after_it_an_odd_run_counts_once(kind: tuple[Counts, Counts]) -> None:
    many = kind[1].times(1000, 1000)
    evidence = TileEvidence(run=START)
    for _ in range(50):
        evidence = evidence.with_refreshes(many, START + 3 * HOUR)
    assert not evidence.is_contradicted
    assert max(evidence.weights_at(evidence.run).totals) == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_three_runs_in_a_row_contradict_a_table_that_nothing_spoke_for(kind: tuple[Counts, Counts]) -> None:
    assert after([kind[1]] * 3).is_contradicted


@pytest.mark.parametrize(("kind", "hours", "against"), [
    (KINDS[0], 1, 5 / 6), (KINDS[0], 3, 5 / 6), (KINDS[0], 6, 1), (KINDS[1], 1, 1 / 2), (KINDS[1], 3, 5 / 6),
    (KINDS[1], 6, 5 / 6),
])  # fmt: skip
def test_a_table_that_becomes_wrong_is_found_out_within_a_day_or_two(
    kind: tuple[Counts, Counts], hours: int, against: float
) -> None:
    right = after([kind[0]] * 100, hours)
    outcomes = [by_chance(random.Random(seed), against, kind) for seed in range(20)]
    taken = [runs_until_contradicted(right, wrong, 100, hours) for wrong in outcomes]
    assert sum(runs is not None and runs * hours <= 48 for runs in taken) >= 18


def test_where_every_second_run_changes_nothing_the_others_are_still_gone_by() -> None:
    """By intervals more would be missed at the same cost."""
    assert not any(after([UNCHANGED, CHANGED] * runs).is_contradicted for runs in range(1, 50))
    assert not after([UNCHANGED, CHANGED] * 20, evidence=after([UNCHANGED] * 20)).is_contradicted
    assert after([UNCHANGED_WITHOUT, CHANGED_WITHOUT] * 100).is_contradicted


@pytest.mark.parametrize("hours", [3, 6, 24])
def test_odd_runs_by_chance_leave_a_right_table_alone(hours: int) -> None:
    number = random.Random(17)
    tiles = [
        runs_until_contradicted(TileEvidence(run=START), by_chance(number, 0.02, KINDS[1]), 30 * 24 // hours, hours)
        for _ in range(100)
    ]
    assert tiles == [None] * 100


def test_cells_on_the_wrong_side_of_an_areas_edge_do_not_condemn_the_tile() -> None:
    assert not after([Counts(run_changed=8, run_unchanged=2, unchanged=9, changed_without_run=1)] * 100).is_contradicted


def test_refreshes_with_and_without_a_run_are_counted_apart() -> None:
    """A thousand that agree after runs say nothing about what comes between them."""
    assert after([Counts(run_changed=1000, changed_without_run=1)] * 10).is_contradicted


# Back to the table


@pytest.mark.parametrize(("kind", "runs"), [(KINDS[0], 7), (KINDS[1], 14)])
def test_a_tile_returns_once_what_speaks_against_the_table_is_outweighed(
    kind: tuple[Counts, Counts], runs: int
) -> None:
    agrees, against = kind
    wrong = after([against] * 30)
    assert after([agrees] * (runs - 1), evidence=wrong).is_contradicted
    assert not after([agrees] * runs, evidence=wrong).is_contradicted


def test_between_the_two_bounds_a_tile_stays_as_it_is() -> None:
    """Changes between three runs in ten would not contradict it, nor let it return."""
    agrees, against = KINDS[1]
    three_in_ten = ([agrees] * 2 + [against] + [agrees] * 2 + [against] + [agrees] * 3 + [against]) * 3
    right, wrong = after([agrees] * 10), after([against] * 10)
    assert not any(after(three_in_ten[:runs], evidence=right).is_contradicted for runs in range(30))
    assert after(three_in_ten, evidence=wrong).is_contradicted


def test_a_tile_that_nobody_refreshes_returns_as_its_evidence_fades() -> None:
    wrong = after([UNCHANGED] * 3)
    assert wrong.contradicts_at(wrong.run + 3 * DAY)
    assert not wrong.contradicts_at(wrong.run + LIFE_SECONDS)


def test_a_change_without_a_run_is_suspect_until_six_agree() -> None:
    seen = after([UNCHANGED_WITHOUT] * 10 + [CHANGED_WITHOUT])
    assert seen.is_suspect and after([UNCHANGED_WITHOUT] * 3, evidence=seen).is_suspect
    assert not after([UNCHANGED_WITHOUT] * 6, evidence=seen).is_suspect
    assert not after([UNCHANGED] * 10).is_suspect


# Numbers and texts

counts = st.builds(Counts, *(st.integers(0, 50) for _ in range(4)))
notes = st.lists(st.tuples(counts, st.integers(START - 2 * DAY, START + 20 * DAY)), max_size=40)


@given(notes)
def test_the_evidence_of_any_refreshes_is_bounded_and_read_back_from_its_text(
    given_notes: list[tuple[Counts, int]],
) -> None:
    evidence = TileEvidence()
    for added, run in given_notes:
        evidence = evidence.with_refreshes(added, run, run + 60)
    assert max(evidence.weights_at(evidence.run).totals) <= MOST_RUNS + 1 + 1e-9
    read = TileEvidence.read(evidence.text.encode())
    assert read is not None and read.text == evidence.text
    assert (read.run, read.probed_at, read.is_contradicted) == (
        evidence.run, evidence.probed_at, evidence.is_contradicted,
    )  # fmt: skip
    assert len(evidence.text) < 160


def test_refreshes_after_an_older_run_count_as_after_the_newest() -> None:
    newest = after([CHANGED])
    late = newest.with_refreshes(CHANGED, START)
    assert (late.run, late.recent.run_changed) == (newest.run, 2)


@pytest.mark.parametrize("text", [
    b"", b"{", b"1", b"null", b"[]", b"\xff", b'"run"', b"[1,[0,0,0,0],[0,0,0,0],0]", b"[1,[0,0,0,0],[0,0,0,0],0,0,0]",
    b"[1.5,[0,0,0,0],[0,0,0,0],0,0]", b"[-1,[0,0,0,0],[0,0,0,0],0,0]", b"[1,[0,0,0,0,0],[0,0,0,0],0,0]",
    b"[1,[NaN,0,0,0],[0,0,0,0],0,0]", b"[1,[0,0,0,0],[Infinity,0,0,0],0,0]", b"[1,[0,0,0,-1],[0,0,0,0],0,0]",
    b'[1,"0000",[0,0,0,0],0,0]', b"[1,[0,0,0,0],[0,0,0,0],true,0]", b"[1,[0,0,0,1e400],[0,0,0,0],0,0]",
    b"[9999999999999999,[0,0,0,0],[0,0,0,0],0,0]", b"[" * 100_000,
])  # fmt: skip
def test_any_other_text_is_no_evidence(text: bytes) -> None:
    assert TileEvidence.read(text) is None


def test_what_a_hand_wrote_weighs_no_more_than_what_refreshes_bring() -> None:
    read = TileEvidence.read(b"[%d,[0,0,0,0],[0,900000,0,0],0,1]" % START)
    assert read is not None and read.past.run_unchanged == pytest.approx(MOST_RUNS)


@pytest.mark.parametrize(("age", "is_current"), [
    (0, True), (LIFE_SECONDS - 1, True), (LIFE_SECONDS, False), (-3600, True), (-3601, False),
])  # fmt: skip
def test_evidence_is_forgotten_after_its_life_and_void_if_from_the_future(age: int, is_current: bool) -> None:
    assert TileEvidence(run=START).is_current_at(START + age) is is_current
