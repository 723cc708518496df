"""What the dashboard reads from Redis, and in how many round trips."""

import pytest

from weather.api.service import service
from weather.core.cells import Cell
from weathernote.dashboard.redis_snapshot import take_snapshot

pytestmark = pytest.mark.django_db


def fetch(valkey, cell: Cell, *, hours_ago: float = 0) -> None:
    """Has the cell's forecast held, as if it had come so long ago."""
    service().workers.submit({cell: "cold"})[cell].future.result(60)
    valkey.expire(f"upstream:{cell.key}", int(service().store.hold_seconds - hours_ago * 3600))


def ask_for(cell: Cell, times: int) -> None:
    service().popularity.record(cell, times)
    service().popularity.flush()


def many(count: int) -> list[Cell]:
    return [Cell(number // 3600 * 10 - 800, number % 3600 - 1800) for number in range(count)]


def test_five_thousand_cities_are_looked_at_in_one_round_trip(api, round_trips):
    cells = many(5_000)
    service()
    round_trips.clear()
    assert len(take_snapshot(cells).cities) == 5_000
    (commands,) = filter(None, round_trips)
    assert len(commands) > 5_000


def test_of_more_cities_no_part_is_large_and_none_is_unknown(api, round_trips, valkey):
    cells = many(34_000)
    fetch(valkey, cells[0])
    fetch(valkey, cells[-1], hours_ago=5)
    ask_for(cells[-1], 300)
    round_trips.clear()
    snapshot = take_snapshot(cells)
    assert list(snapshot.cities) == cells and not snapshot.is_redis_down
    told = [snapshot.cities[cell].state for cell in cells]
    assert (told[0], told[-1], set(told[1:-1])) == ("fresh", "stale", {"cold"})
    assert (snapshot.cities[cells[-1]].requests_per_hour or 0) > 0
    large = [len(commands) for commands in round_trips if len(commands) > 100]
    assert len(large) == 34 and max(large) < 1_020
