"""What a round's refreshes tell: the evidence that it notes, and that it notes none where none is wanted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.support.staged.fetching import CELLS, Fetching, Upstream
from tests.support.weather.series import a_series
from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, WEATHER
from weather.core.series import Series
from weather.fetching.fetch_queue import Lease
from weather.runs.evidence import Evidence

pytestmark = pytest.mark.pure

NEW = a_series()
HELD_AT = NEW.fetched_at - 7200


class Noted:
    """Evidence that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[tuple[Cell, int, int, bool]] = []

    def note(self, cell: Cell, held_at: int, new_at: int, *, has_changed: bool) -> None:
        self.notes.append((cell, held_at, new_at, has_changed))


@pytest.fixture
def noted() -> Noted:
    return Noted()


def held(temperature: float | None = None) -> Series:
    """A record of two hours before, with this temperature throughout or with the same values as the new one."""
    series = a_series() if temperature is None else a_series(temperature_2m=[temperature] * 336)
    return replace(series, fetched_at=HELD_AT)


def run_round(noted: Noted | None, known: Mapping[Cell, Series], upstream: Any = None) -> None:
    one = Fetching(upstream or Upstream())
    one.round.evidence = cast(Evidence | None, noted)
    one.store.known.update(known)
    one.round.run(Lease(0, "token", [], CELLS[:3]))


def test_each_refreshed_cell_is_noted_with_both_fetches_and_whether_it_changed(noted: Noted) -> None:
    run_round(noted, {CELLS[0]: held(), CELLS[1]: held(temperature=-40.0)})
    assert sorted(noted.notes, key=lambda note: CELLS.index(note[0])) == [
        (CELLS[0], HELD_AT, NEW.fetched_at, False),
        (CELLS[1], HELD_AT, NEW.fetched_at, True),
    ]


def test_a_cell_of_which_nothing_was_held_tells_nothing(noted: Noted) -> None:
    run_round(noted, {})
    assert noted.notes == []


def test_nothing_is_noted_of_what_did_not_come(noted: Noted) -> None:
    run_round(noted, {CELLS[0]: held()}, Upstream(bad=CELLS[:1]))
    assert noted.notes == []


def test_records_of_another_source_are_not_compared(noted: Noted) -> None:
    run_round(noted, {CELLS[0]: replace(held(), source="simulator")})
    assert noted.notes == []


def test_a_round_without_evidence_notes_nothing_and_fetches_as_ever() -> None:
    upstream = Upstream()
    run_round(None, {CELLS[0]: held()}, upstream)
    assert upstream.calls == [CELLS[:3]]


def test_evidence_is_kept_of_the_dataset_whose_runs_are_known() -> None:
    assert WEATHER.areas is not None and AIR_QUALITY.areas is None
