"""A primary that answers and takes no writes: one that became a replica, or has no replica left that takes part."""

import io
import signal
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from django.core.management import call_command

from tests.support.proxies.far_line import FarLine
from tests.support.servers import Valkey, eventually
from weather.budget.budget import Budget, Granted
from weathernote import redis
from weathernote.redis import RedisDown, Role, ask, at, script
from weathernote.redis.replication.regions import Severity
from weathernote.site import health

pytest_plugins = ["tests.support.redis.fixtures"]

COUNT = script("redis.call('GET', KEYS[1]) return redis.call('INCR', KEYS[1])", role=Role.PRIMARY)
READ = at(Role.REPLICA, "GET", "held")
WRITES = at(Role.PRIMARY, "SET", "a", 1, "EX", 60), COUNT("n")


class Records(NamedTuple):
    own: Valkey
    primary: Valkey
    replica: Valkey


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[Records]:
    """The region's own Redis, and a primary of the records that may lose its one replica."""
    started: list[Valkey] = []
    try:
        for name in Records._fields:
            quickly = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
            started.append(Valkey(tmp_path_factory.mktemp(name), *quickly))
        records = Records(*started)
        follow(records.replica, records.primary)
        yield records
    finally:
        for server in started:
            server.stop()


def follow(server: Valkey, primary: Valkey | FarLine) -> None:
    server.client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
    eventually(lambda: server.client.info("replication")["master_link_status"] == "up")


@pytest.fixture
def records(api, servers, settings, use) -> Iterator[Records]:
    """This process is one of the region that writes; its records' server has a record."""
    settings.REGION = "home"
    settings.RECORDS_REDIS_URL = settings.RECORDS_REPLICA_URL = servers.primary.url
    servers.primary.client.set("held", "record")
    use(servers.own.url)
    yield servers
    servers.primary.client.config_set("min-replicas-to-write", 0)
    servers.primary.client.execute_command("REPLICAOF", "NO", "ONE")
    follow(servers.replica, servers.primary)


def shown() -> tuple[int, str, str]:
    """The exit code of `manage.py regions`, what it shows, and what it complains of."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("regions", stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def looked(api) -> dict[str, str]:
    health.state.forget()
    return api.get("/health").json()


def assert_it_is_read_alone(api) -> None:
    """Records are read, and what would be written is known not to be."""
    assert all(isinstance(reply, RedisDown) for reply in ask(*WRITES))
    assert all(map(redis.refuses, WRITES)) and not redis.refuses(READ)
    for _ in range(5):
        read, written, counted, own = ask(READ, *WRITES, ("PING",))
        assert (read, own) == (b"record", b"PONG")
        assert isinstance(written, RedisDown) and isinstance(counted, RedisDown)
    assert ask(READ) == [b"record"]
    assert redis.breakers_by_role() == {Role.OWN: False, Role.PRIMARY: True, Role.REPLICA: False}
    assert looked(api) == {"status": "degraded", "redis": "ok", "primary": "down", "upstream": "ok"}


def assert_it_is_written_again(api) -> None:
    eventually(lambda: not redis.refuses(WRITES[0]))
    assert not any(isinstance(reply, Exception) for reply in ask(*WRITES))
    assert looked(api)["primary"] == "ok"


def good_replicas(primary: Valkey) -> int:
    return int(primary.client.info("replication")["min_slaves_good_slaves"])


def demote(records: Records) -> None:
    records.replica.client.execute_command("REPLICAOF", "NO", "ONE")
    follow(records.primary, records.replica)


def test_a_demoted_primary_is_read_until_it_takes_writes_again(api, records, lost):
    """Fault 84, in the region that wrote: both of its URLs lead to the server that is a replica by now."""
    assert not any(isinstance(reply, Exception) for reply in ask(*WRITES))
    demote(records)
    assert_it_is_read_alone(api)
    assert "unusable" in lost
    code, _, complained = shown()
    assert code == Severity.NO_WRITER and "is a replica of" in complained
    records.primary.client.execute_command("REPLICAOF", "NO", "ONE")
    follow(records.replica, records.primary)
    assert_it_is_written_again(api)


def test_a_region_with_one_server_tells_that_it_became_a_replica(api, records, settings, use):
    settings.RECORDS_REDIS_URL = settings.RECORDS_REPLICA_URL = ""
    use(records.primary.url)
    demote(records)
    assert all(isinstance(reply, RedisDown) for reply in ask(*WRITES))
    assert ask(READ, ("GET", "held")) == [b"record"] * 2
    assert redis.breakers_by_role() == {Role.OWN: True} and looked(api)["redis"] == "down"
    records.primary.client.execute_command("REPLICAOF", "NO", "ONE")
    eventually(lambda: not any(isinstance(reply, Exception) for reply in ask(*WRITES)))
    assert redis.breakers_by_role() == {Role.OWN: False} and looked(api)["redis"] == "ok"


def test_a_primary_that_lost_its_replicas_takes_no_writes_and_the_budget_falls_to_the_share(api, records, lost):
    """Fault 84: cut off from all others it might be the old one, while somebody has promoted another."""
    records.primary.client.config_set("min-replicas-max-lag", 1)
    records.primary.client.config_set("min-replicas-to-write", 1)
    eventually(lambda: good_replicas(records.primary) == 1)
    budget = Budget(minute=400, hour=400, day=400, fleet_processes=4)
    assert budget.charge(1, "cold") == Granted(1, budget.minute())
    records.replica.signal(signal.SIGSTOP)
    try:
        eventually(lambda: good_replicas(records.primary) == 0)
        assert_it_is_read_alone(api)
        assert set(lost) == {"unusable", "breaker_open"}
        spent = records.primary.client.hget("budget:open-meteo", "day:spent")
        granted = [isinstance(budget.charge(1, "cold"), Granted) for _ in range(12)]
        assert granted == sorted(granted, reverse=True) and 1 <= sum(granted) <= 400 // 40  # a region's part
        assert records.primary.client.hget("budget:open-meteo", "day:spent") == spent == "1"
        code, servers, complained = shown()
        assert code == Severity.NO_WRITER and "master, 1 connected replica, takes no writes" in servers
        assert "NOREPLICAS" in complained and "min-replicas-to-write" in complained
    finally:
        records.replica.signal(signal.SIGCONT)
    assert_it_is_written_again(api)
