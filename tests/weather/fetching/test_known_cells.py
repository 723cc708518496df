"""What is known of cells before a call, where this region's replica may be behind."""

from dataclasses import replace
from typing import Any, cast

import pytest

from tests.support.staged.fetching import CELLS, NoStore
from tests.support.weather.series import a_series
from weather.fetching.known_cells import KnownCells
from weather.upstream.errors import NoWeatherHere
from weathernote import redis
from weathernote.redis import Lookup

pytestmark = pytest.mark.pure

CELL = CELLS[0]
NOW = a_series().fetched_at + 3600.0
FRESH_SECONDS = 600


def known(*, seen=0, is_due=False, fresh_seconds=FRESH_SECONDS, now=NOW):
    store = NoStore()
    store.known[CELL] = a_series()
    store.seen_at = lambda cell: Lookup(read=lambda: seen)  # type: ignore[method-assign]
    cells = KnownCells(cast(Any, store), is_due=lambda *_: is_due)
    outcomes, held = cells.of([CELL], fresh_seconds, now)
    assert held == {CELL: a_series()}
    return CELL in outcomes


@pytest.fixture
def replicated(monkeypatch):
    monkeypatch.setattr(redis, "is_replicated", lambda: True)


def test_a_record_that_was_fetched_a_moment_ago_is(replicated):
    assert known(is_due=True, now=NOW - 3600 + FRESH_SECONDS - 1)


@pytest.mark.parametrize("is_due", [True, False])
def test_a_record_that_the_region_lacked_is_unless_it_is_due(replicated, is_due):
    assert known(is_due=is_due) is not is_due


def test_a_record_that_the_region_had_is_not(replicated):
    """Whoever had it queued knew how old it is."""
    assert not known(seen=a_series().fetched_at)


def test_without_a_replica_it_is_by_its_age_alone():
    assert not known()


def test_whoever_wants_all_asked_anew_has_it(replicated):
    assert not known(fresh_seconds=0)


def test_whether_it_is_due_is_asked_with_its_requests(replicated):
    store, told = NoStore(), []
    store.known[CELL] = a_series()

    def is_due(*given):
        told.append(given)
        return True

    cells = KnownCells(cast(Any, store), is_due=is_due, rate_of=lambda _: Lookup(read=lambda: 0.5))
    cells.of([CELL], FRESH_SECONDS, NOW)
    assert told == [(CELL, a_series().fetched_at, 0.5, NOW)]


def test_a_cell_without_data_stays_so_beside_a_record_that_is_too_old():
    store = NoStore()
    store.rejected.append(CELL)
    store.known[CELL] = replace(a_series(), fetched_at=1)
    outcomes, _ = KnownCells(cast(Any, store)).of([CELL], FRESH_SECONDS, NOW)
    assert isinstance(outcomes[CELL], NoWeatherHere)
