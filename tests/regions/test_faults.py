"""Faults 82 to 84: a region without its primary or its replica, a primary that changes, and what it costs."""

import signal

import pytest

from tests.regions.test_requests import FORECAST, RECORD, WEATHER, later
from tests.support.clocks import around_noon, wait_for_room
from tests.support.servers import eventually
from weather.api.service import service
from weathernote import redis
from weathernote.redis import Role
from weathernote.telemetry import metrics

pytest_plugins = ["tests.support.redis_fixtures"]

NEW = "/api/v1/weather?lat={}&lon=10"
REFUSED = 503


def new_places(api, first: int, number: int) -> list[int]:
    """The statuses of answers about places that nobody has asked for."""
    return [api.get(NEW.format(first + place)).status_code for place in range(number)]


def spent_of_the_hour(regions) -> int:
    return int(regions.primary.client.hget("budget:open-meteo", "hour:spent") or 0)


def is_away(role: Role) -> bool:
    return redis.refuses(redis.at(role, "PING"))


def lose(api, role: Role) -> None:
    """Asks until this process knows that a server is away."""
    for _ in range(3):
        redis.ask(redis.at(role, "PING"))
    assert is_away(role)


def back(role: Role) -> None:
    eventually(lambda: not is_away(role))


@pytest.fixture
def lost_writes():
    before = metrics.REDIS_LOST_WRITES._value.get()
    return lambda: metrics.REDIS_LOST_WRITES._value.get() - before


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
            lose(api, Role.PRIMARY)
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
            lose(api, Role.PRIMARY)
            assert api.get(FORECAST).json()["stale"]
    assert simulator.state()["calls"] == 1


def test_new_places_are_fetched_within_the_share_and_answered_from_the_regions_own(regions, enter, simulator, settings):
    """Fault 82: what was spent meanwhile is reported when the primary is back, and the budget is kept to."""
    wait_for_room("hour", seconds=60)
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 40, 8
    far = regions["far"]
    api = enter(far)
    assert new_places(api, 0, 1) == [200]
    far.cut_off()
    lose(api, Role.PRIMARY)
    got = new_places(api, 1, 10)
    served = got.count(200)
    assert got == [200] * served + [REFUSED] * (10 - served) and 1 <= served <= 39 // 8
    assert simulator.state()["cells"] == 1 + served
    assert spent_of_the_hour(regions) == 1
    other = enter(far)  # another process of the region
    assert other.get(NEW.format(1)).json()["cached"] and simulator.state()["cells"] == 1 + served
    assert not regions.primary.client.exists("upstream:lat:1.0:lon:10.0")


def test_regions_that_are_cut_off_and_those_that_are_not_keep_to_one_budget(regions, enter, simulator, settings):
    """Fault 82: all of them ask for new places without end."""
    wait_for_room("hour", seconds=90)
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 40, 4
    for number, region in enumerate(regions):
        assert new_places(enter(region), number, 1) == [200]
    regions.wait_until_in_step()
    regions.writer.own.client.flushall()
    for number, region in enumerate(regions.far):
        region.cut_off()
        for process in range(2):
            api = enter(region)
            lose(api, Role.PRIMARY)
            assert REFUSED in new_places(api, 10 + 20 * number + 10 * process, 5)
    alone = simulator.state()["cells"] - 3
    assert alone == 2  # each region has a fortieth of the budget for itself, however many processes it has
    assert REFUSED in new_places(enter(regions.writer), -60, 45)
    assert simulator.state()["cells"] <= 40
    assert spent_of_the_hour(regions) == simulator.state()["cells"] - alone


def test_a_region_without_primary_and_own_redis_keeps_to_its_part(regions, enter, simulator, settings):
    """Fault 82: nobody counts what its processes spend, so each has its share of the region's part."""
    wait_for_room("hour", seconds=60)
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 400, 4
    far = regions["far"]
    assert new_places(enter(far), 0, 1) == [200]
    regions.wait_until_in_step()
    far.cut_off()
    far.own.kill()
    for process in range(2):
        api = enter(far)
        lose(api, Role.PRIMARY)
        lose(api, Role.OWN)
        assert new_places(api, 10 + 20 * process, 5).count(200) == 400 // 40 // 4
    assert simulator.state()["cells"] == 5


def test_a_region_that_is_cut_off_remembers_that_calls_fail(regions, enter):
    """Fault 82: the replica knows nothing of it, and /health reads that one."""
    far = regions["far"]
    api = enter(far)
    api.get(WEATHER)
    regions.wait_until_in_step()
    far.cut_off()
    lose(api, Role.PRIMARY)
    for _ in range(7):
        service().budget.failed()
    assert api.get("/health").json()["upstream"] == "down"
    assert service().budget.is_failing() and service().budget.pause_seconds() > 0


def test_what_was_spent_without_the_primary_is_reported_to_it(regions, enter, simulator, settings):
    wait_for_room("hour", seconds=60)
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 400, 8
    far = regions["far"]
    api = enter(far)
    assert new_places(api, 0, 1) == [200]
    far.cut_off()
    lose(api, Role.PRIMARY)
    assert new_places(api, 1, 3) == [200] * 3
    assert spent_of_the_hour(regions) == 1
    far.heal()
    back(Role.PRIMARY)
    assert new_places(api, 10, 1) == [200]
    assert spent_of_the_hour(regions) == simulator.state()["cells"] == 5


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
            lose_replica()
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


def lose_replica() -> None:
    for _ in range(3):
        redis.ask(redis.at(Role.REPLICA, "PING"))
    assert redis.breakers_by_role() == {Role.OWN: False, Role.PRIMARY: False, Role.REPLICA: True}


def test_without_primary_and_replica_a_process_answers_from_memory(regions, enter, simulator):
    far = regions["far"]
    with around_noon(simulator):
        api = enter(far)
        api.get(WEATHER)
        far.cut_off()
        far.records.signal(signal.SIGSTOP)
        try:
            lose_all_records()
            assert api.get(WEATHER).json()["cached"]
            with later(simulator, 15):
                far.own.client.flushall()
                assert api.get(FORECAST).json()["stale"]
        finally:
            far.records.signal(signal.SIGCONT)
    assert simulator.state()["calls"] == 1


def lose_all_records() -> None:
    for role in (Role.REPLICA, Role.PRIMARY):
        for _ in range(3):
            redis.ask(redis.at(role, "PING"))
    assert is_away(Role.REPLICA)


def test_without_its_own_redis_a_region_counts_nobody_and_answers_from_the_records(regions, enter, simulator, settings):
    far = regions["far"]
    settings.RATE_LIMIT_REQUESTS = 2
    enter(regions.writer).get(WEATHER)
    regions.wait_until_in_step()
    api = enter(far)
    far.own.kill()
    lose(api, Role.OWN)
    answers = [api.get(WEATHER) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any(answer.json()["stale"] for answer in answers)
    assert new_places(api, 0, 1) == [200]
    assert regions.primary.client.exists("upstream:lat:0.0:lon:10.0")  # fetched by the fleet's queue, and held for all
    assert simulator.state()["calls"] == 2
    assert api.get("/health").json()["redis"] == "down"


def test_a_promoted_replica_takes_over_and_the_old_primary_comes_back_as_its_replica(
    regions, enter, simulator, settings
):
    """Fault 84: one truth, and nothing is spent past the budget."""
    wait_for_room("hour", seconds=60)
    settings.UPSTREAM_HOUR_BUDGET = 40
    api = enter(regions["farthest"])
    assert new_places(api, 0, 5) == [200] * 5
    regions.wait_until_in_step()
    regions.promote("far")
    # The process of before goes on, by the names that it knows.
    eventually(lambda: api.get(NEW.format(20)).status_code == 200)
    back(Role.PRIMARY)
    assert new_places(api, 30, 5) == [200] * 5
    regions.wait_until_in_step()
    for name in ("home", "far"):
        there = enter(regions[name])
        assert all(there.get(NEW.format(30 + place)).json()["cached"] for place in range(5))
    spent = spent_of_the_hour(regions)
    assert simulator.state()["cells"] <= spent <= 40
    assert spent == int(regions["home"].records.client.hget("budget:open-meteo", "hour:spent"))


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
