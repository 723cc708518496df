"""What Redis knows of cells, in a real Redis and without one."""

from time import time

import pytest

from tests.support.servers import free_port
from tests.support.weather.series import a_series, fetched
from weather.api.service import service
from weather.core.cells import Cell
from weather.fetching.cell_state import CellState, states_of
from weathernote import redis

NEW_YORK, ELSEWHERE = Cell(407, -740), Cell(515, -1)


def states():
    one = service()
    return states_of([NEW_YORK, ELSEWHERE], one.store, one.popularity, one.queue)


def test_a_cell_that_nobody_knows(api):
    assert states() == dict.fromkeys([NEW_YORK, ELSEWHERE], CellState(None, 0.0, 0, False))


def test_each_cell_has_its_own(api):
    one, series = service(), fetched(a_series(), time())
    redis.fetch(one.store.holding({NEW_YORK: series}), one.store.rejections.adding([ELSEWHERE]))
    one.queue.enqueue([ELSEWHERE], 6)
    one.popularity.record(NEW_YORK, 3)
    one.popularity.flush()
    known, unknown = states().values()
    assert known.rate == pytest.approx(3 * one.popularity.rate_of_one, rel=0.01)
    assert known == CellState(series, known.rate, 0, False)
    assert (unknown.held, unknown.rate, unknown.is_queued) == (None, 0.0, True)
    assert 590 < unknown.rejected_seconds <= 600


def test_without_redis_it_is_what_this_process_remembers(api, settings, forget):
    settings.CACHES["default"]["LOCATION"] = [f"redis://127.0.0.1:{free_port()}/0"]
    forget()
    series = fetched(a_series(), time())
    service().store.hold({NEW_YORK: series})
    service().store.rejections.add_here([ELSEWHERE])
    known, unknown = states().values()
    assert known == CellState(series, 0.0, 0, False)
    assert unknown == CellState(None, 0.0, 600, False)


def test_a_cluster_is_asked_whether_a_cell_is_rejected_or_queued_only_if_nothing_is_held(api, monkeypatch):
    """Two more shards have these names: one that hangs would delay answers that need none of it."""
    one, series = service(), fetched(a_series(), time())
    redis.fetch(one.store.holding({NEW_YORK: series}), one.store.rejections.adding([NEW_YORK, ELSEWHERE]))
    for cell in (NEW_YORK, ELSEWHERE):
        one.queue.enqueue([cell], 6)
    monkeypatch.setattr(redis, "is_cluster", lambda role: True)
    known, unknown = states().values()
    assert known == CellState(series, known.rate, 0, False)
    assert unknown.held is None and unknown.is_queued and 590 < unknown.rejected_seconds <= 600
