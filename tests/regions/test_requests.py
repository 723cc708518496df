"""Requests in a region: which servers they ask, and what one region has of what another fetched."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from tests.support.clocks import around_noon
from tests.support.servers import eventually
from weather.api.service import service
from weather.core.cells import Cell
from weather.fetching.store import Store
from weathernote.redis.servers.node import Node

pytest_plugins = ["tests.support.redis.fixtures"]

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"
FORECAST = "/api/v1/forecast?lat=40.7128&lon=-74.0060"
RECORD = "upstream:lat:40.7:lon:-74.0"
CELL = Cell(407, -740)


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The names of the servers that were sent commands, in their order."""
    names: list[str] = []
    send = Node._send  # by which both short calls and others leave

    def noted(node, *call):
        names.append(node.name)
        return send(node, *call)

    monkeypatch.setattr(Node, "_send", noted)
    return names


@contextmanager
def later(simulator, minutes: float) -> Iterator[None]:
    """So many minutes later, for this process and the simulator."""
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=True):
        simulator.settings(clock_offset_seconds=minutes * 60)
        yield


def test_a_hit_asks_the_regions_own_once_and_nobody_else(regions, enter, asked):
    api = enter(regions["farthest"])
    api.get(WEATHER)
    asked.clear()
    answer = api.get(WEATHER)
    assert (answer.status_code, asked) == (200, ["redis"])
    assert answer["Cache-Status"] == "weathernote; hit; ttl=600; detail=farthest"


def test_what_is_derived_waits_for_the_replica_and_not_for_the_primary(regions, enter, asked, simulator):
    enter(regions.writer).get(WEATHER)
    regions.wait_until_in_step()
    api = enter(regions["farthest"])
    asked.clear()
    assert api.get(WEATHER).json()["cached"]
    assert asked.count("replica") == 1 and "primary" not in asked
    assert simulator.state()["calls"] == 1


def test_a_cell_that_one_region_fetched_is_held_in_all(regions, enter, simulator):
    first = enter(regions["farthest"]).get(WEATHER).json()
    assert not first["cached"]
    assert regions.primary.client.exists(RECORD)
    regions.wait_until_in_step()
    for region in regions:
        assert enter(region).get(FORECAST).json()["fetched_at"] == first["fetched_at"]
    assert simulator.state()["calls"] == 1


def test_a_cold_cell_takes_three_exchanges_with_the_primary(regions, enter, asked, simulator):
    """The allowance; then the queue, the lease, the look at the record and the budget at once; at last the record."""
    api = enter(regions["farthest"])
    api.get("/api/v1/weather?lat=1&lon=1")  # from now on the primary knows the scripts
    regions.settle()
    asked.clear()
    assert not api.get(WEATHER).json()["cached"]
    regions.settle()
    assert asked.count("primary") == 3
    assert simulator.state()["cells"] == 2 == int(regions.primary.client.hget("budget:open-meteo", "day:spent"))


def test_a_phone_does_not_wait_until_its_record_is_stored(regions, enter, settings, monkeypatch):
    settings.RECORDS_REDIS_TIMEOUT_SECONDS = 60
    api, line, holding = enter(regions["far"]), regions["far"].to_primary, Store.holding

    def cut_then_hold(*given, **named):
        line.cut()
        return holding(*given, **named)

    monkeypatch.setattr(Store, "holding", cut_then_hold)
    answer = api.get(WEATHER)
    assert (answer.status_code, answer.json()["cached"]) == (200, False)
    assert not service().workers.is_idle
    # This process has it already.
    assert api.get(FORECAST).json()["fetched_at"] == answer.json()["fetched_at"]
    line.heal()


def test_answers_and_counts_stay_in_their_region(regions, enter):
    enter(regions["far"]).get(WEATHER)
    assert sorted(key.split(":")[0] for key in regions["far"].own.client.keys()) == ["rate_limit", "weather"]
    assert regions["home"].own.client.keys() == []
    assert not [key for key in regions.primary.client.keys() if key.startswith(("weather:", "rate_limit"))]


def test_a_process_reads_what_it_wrote_before_the_replica_has_it(regions, enter, simulator):
    far = regions["far"]
    api = enter(far)
    far.replication.hold_replies()
    first = api.get(WEATHER).json()
    assert not far.records.client.exists(RECORD)
    assert api.get(FORECAST).json()["fetched_at"] == first["fetched_at"]
    assert simulator.state()["calls"] == 1


def test_a_region_that_lags_takes_what_others_fetched_and_does_not_fetch_it_again(regions, enter, simulator):
    """Fault 83, an hour behind: what is due by the old copy is looked at where it is written."""
    far = regions["far"]
    with around_noon(simulator):
        enter(far).get(WEATHER)
        regions.wait_until_in_step()
        far.replication.hold_replies()
        with later(simulator, 40):
            enter(regions.writer).get(WEATHER)  # due: served stale, refreshed behind it
            eventually(lambda: simulator.state()["calls"] == 2 and service().workers.is_idle)
        with later(simulator, 60):
            for _ in range(3):  # processes of the region that lags
                api = enter(far)
                shown = [_shown_anew(api, far) for _ in range(3)]
                assert shown[0]["stale"] and not shown[-1]["stale"]
    # What was fetched at 40 minutes is due too at 60: the first to see it had it refreshed, and the others took that.
    assert simulator.state()["calls"] == 3


def _shown_anew(api, region):
    """The answer that is derived now, once what it has fetched is there."""
    shown = api.get(FORECAST).json()
    eventually(lambda: service().workers.is_idle)
    region.own.client.delete("forecast:lat:40.7:lon:-74.0:days:7")
    return shown


def test_one_who_waits_gets_the_record_that_its_region_lacks(regions, enter, simulator):
    with around_noon(simulator), lacking(regions, enter, simulator) as (api, first):
        service().price.value = 8 * 3600.0  # at which records may be older
        assert api.get(WEATHER).json()["fetched_at"] == first
    assert simulator.state()["calls"] == 1


def test_a_record_that_the_region_lacks_is_fetched_anew_if_it_is_due(regions, enter, simulator):
    """Fault 83: the replica lost it. However new the primary's is to the region, it counts by its age."""
    with around_noon(simulator), lacking(regions, enter, simulator) as (api, first):
        assert api.get(WEATHER).json()["fetched_at"] > first
    assert simulator.state()["calls"] == 2


@contextmanager
def lacking(regions, enter, simulator) -> Iterator[tuple[Any, str]]:
    """A region that lacks a record of an hour ago: its API, and when the record was fetched."""
    far = regions["far"]
    far.replication.hold_replies()
    first = enter(regions.writer).get(WEATHER).json()["fetched_at"]
    with later(simulator, 60):
        yield enter(far), first
