"""Faults 82 to 84: a region without its primary or its replica, or behind it, and a primary that changes."""

import signal

import pytest

from tests.regions.steps import back, is_away, lose, new_places
from tests.regions.test_requests import FORECAST, RECORD, WEATHER, later
from tests.support.clocks import around_noon
from tests.support.servers import eventually
from weather.api.service import service
from weathernote.redis import Role

pytest_plugins = ["tests.support.redis.fixtures"]


def test_without_the_primary_what_is_held_is_served_and_refreshes_wait(regions, enter, simulator):
    """Fault 82."""
    far = regions["far"]
    with around_noon(simulator):
        api = enter(far)
        first = api.get(WEATHER).json()
        regions.wait_until_in_step()
        api = enter(far)  # another process of the region, which has nothing in memory
        far.cut_off()
        with later(simulator, 12):
            lose(Role.PRIMARY)
            far.own.client.delete("weather:lat:40.7:lon:-74.0")
            answers = [api.get(path) for path in (WEATHER, FORECAST) * 10]
            assert {answer.status_code for answer in answers} == {200}
            assert {answer.json()["fetched_at"] for answer in answers} == {first["fetched_at"]}
            assert all(answer.json()["stale"] for answer in answers)
            assert simulator.state()["calls"] == 1 and service().workers.is_idle
            told = api.get("/health").json()
            assert told == {"status": "degraded", "redis": "ok", "primary": "down", "replica": "ok", "upstream": "ok"}
            far.heal()
            back(Role.PRIMARY)
            far.own.client.flushall()
            api.get(WEATHER)
            eventually(lambda: simulator.state()["calls"] == 2 and service().workers.is_idle)
            far.own.client.flushall()
            assert not api.get(WEATHER).json()["stale"]


def test_without_the_primary_even_what_is_old_keeps_nobody_waiting(regions, enter, simulator):
    far = regions["far"]
    with around_noon(simulator):
        enter(far).get(WEATHER)
        regions.wait_until_in_step()
        api = enter(far)
        far.cut_off()
        with later(simulator, 5 * 60):
            lose(Role.PRIMARY)
            assert api.get(FORECAST).json()["stale"]
    assert simulator.state()["calls"] == 1


def test_a_region_that_is_cut_off_remembers_that_calls_fail(regions, enter):
    """Fault 82: the replica knows nothing of it, and /health reads that one."""
    far = regions["far"]
    api = enter(far)
    api.get(WEATHER)
    regions.wait_until_in_step()
    far.cut_off()
    lose(Role.PRIMARY)
    for _ in range(7):
        service().budget.failed()
    assert api.get("/health").json()["upstream"] == "down"
    assert service().budget.is_failing() and service().budget.pause_seconds() > 0


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_without_the_replica_the_region_serves_and_refreshes(regions, enter, simulator, number):
    """Fault 83: from its answers, from what its processes remember, and from the primary."""
    far = regions["far"]
    with around_noon(simulator):
        enter(regions.writer).get(WEATHER)
        regions.wait_until_in_step()
        api = enter(far)
        far.records.signal(number)
        try:
            lose(Role.REPLICA)
            assert not is_away(Role.PRIMARY)
            answer = api.get(WEATHER)
            assert answer.status_code == 200 and answer.json()["cached"] and not answer.json()["stale"]
            assert api.get("/health").json()["replica"] == "down"
            with later(simulator, 15):
                far.own.client.flushall()
                assert api.get(WEATHER).json()["stale"]
                eventually(lambda: simulator.state()["calls"] == 2 and service().workers.is_idle)
                far.own.client.flushall()
                assert not api.get(WEATHER).json()["stale"]
        finally:
            far.records.signal(signal.SIGCONT) if number == signal.SIGSTOP else far.records.start()
    assert simulator.state()["calls"] == 2


def test_without_primary_and_replica_a_process_answers_from_memory(regions, enter, simulator):
    far = regions["far"]
    with around_noon(simulator):
        api = enter(far)
        api.get(WEATHER)
        far.cut_off()
        far.records.signal(signal.SIGSTOP)
        try:
            lose(Role.REPLICA)
            lose(Role.PRIMARY)
            assert api.get(WEATHER).json()["cached"]
            with later(simulator, 15):
                far.own.client.flushall()
                assert api.get(FORECAST).json()["stale"]
        finally:
            far.records.signal(signal.SIGCONT)
    assert simulator.state()["calls"] == 1


def test_without_its_own_redis_a_region_counts_nobody_and_answers_from_the_records(regions, enter, simulator, settings):
    far = regions["far"]
    settings.RATE_LIMIT_REQUESTS = 2
    enter(regions.writer).get(WEATHER)
    regions.wait_until_in_step()
    api = enter(far)
    far.own.kill()
    lose(Role.OWN)
    answers = [api.get(WEATHER) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any(answer.json()["stale"] for answer in answers)
    assert new_places(api, 0, 1) == [200]
    assert regions.primary.client.exists("upstream:lat:0.0:lon:10.0")  # fetched by the fleet's queue, and held for all
    assert simulator.state()["calls"] == 2
    assert api.get("/health").json()["redis"] == "down"


def test_a_process_that_writes_to_a_demoted_primary_treats_it_as_away(regions, enter, simulator):
    """Fault 84, before the name has moved."""
    far = regions["farthest"]
    api = enter(far)
    api.get(WEATHER)
    regions.wait_until_in_step()
    old = regions["home"].records
    regions["far"].records.client.execute_command("REPLICAOF", "NO", "ONE")
    old.client.execute_command("REPLICAOF", "127.0.0.1", regions["far"].records.port)
    assert new_places(api, 0, 3) == [200] * 3
    eventually(lambda: is_away(Role.PRIMARY))
    assert api.get(WEATHER).status_code == 200
    far.to_primary.move(regions["far"].records.port)
    back(Role.PRIMARY)
    assert new_places(api, 10, 1) == [200]
    regions.settle()
    assert regions["far"].records.client.exists("upstream:lat:10.0:lon:10.0")
    assert regions["far"].records.client.exists(RECORD)


def test_without_its_own_redis_and_its_replica_a_region_answers_from_the_primary(regions, enter, simulator):
    """A region's whole Redis is gone at once, and comes back empty."""
    far = regions["far"]
    first = enter(regions.writer).get(WEATHER).json()
    api = enter(far)
    far.lose_servers()
    lose(Role.OWN)
    lose(Role.REPLICA)
    answers = [api.get(path) for path in (WEATHER, FORECAST) * 3]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["fetched_at"] for answer in answers} == {first["fetched_at"]}
    assert new_places(api, 0, 1) == [200]
    assert regions.primary.client.exists("upstream:lat:0.0:lon:10.0")
    assert simulator.state()["calls"] == 2
    told = api.get("/health").json()
    assert (told["redis"], told["primary"], told["replica"]) == ("down", "ok", "down")
    far.own.start()
    far.records.start()
    regions.return_as_replica("far")
    regions.wait_until_in_step()
    back(Role.OWN)
    back(Role.REPLICA)
    assert not api.get(FORECAST).json()["stale"] and far.own.client.keys("forecast:*")
    assert simulator.state()["calls"] == 2


def test_an_hour_behind_no_older_answer_replaces_a_newer_one(regions, enter, simulator):
    """Fault 83: a process remembers what is newer than its replica, and one that holds a slot looks at the primary."""
    far = regions["far"]

    def shown(minutes: int) -> str:
        with later(simulator, minutes):
            answer = process.get(WEATHER).json()
            eventually(lambda: service().workers.is_idle)
            return answer["fetched_at"]

    with around_noon(simulator):
        process = enter(far)
        process.get(WEATHER)
        regions.wait_until_in_step()
        far.replication.hold_replies()
        of_one = [shown(minutes) for minutes in range(0, 63, 3)]
        assert of_one == sorted(of_one) and len(set(of_one)) >= 4
        calls = simulator.state()["calls"]
        process = enter(far)  # which knows nothing but what the replica says
        far.own.client.flushall()
        shown(63)
        assert shown(65) >= of_one[-1]
        assert simulator.state()["calls"] == calls
        far.replication.heal()
        regions.wait_until_in_step()
        process = enter(far)
        far.own.client.flushall()
        assert shown(66) >= of_one[-1]
    assert simulator.state()["calls"] == calls


def test_once_there_is_one_writer_again_all_regions_show_what_that_one_has(regions, enter, simulator):
    """Fault 84: two wrote, and each held a forecast of its own for the same place."""
    shown = set()
    with around_noon(simulator):
        enter(regions.writer).get(WEATHER)
        regions.wait_until_in_step()
        old = regions.promote_beside("far")
        with later(simulator, 15):
            enter(old).get(WEATHER)
            eventually(lambda: simulator.state()["calls"] == 2 and service().workers.is_idle)
        with later(simulator, 16):
            enter(regions.writer).get(WEATHER)
            eventually(lambda: simulator.state()["calls"] == 3 and service().workers.is_idle)
            regions.lead_to_writer(old)
            regions.return_as_replica(old.name)
            regions.wait_until_in_step()
            kept = regions.primary.client.dump(RECORD)
            for region in regions:
                region.own.client.flushall()
                assert region.records.client.dump(RECORD) == kept
                shown.add(enter(region).get(WEATHER).json()["fetched_at"])
            assert len(shown) == 1
            assert simulator.state()["calls"] == 3
