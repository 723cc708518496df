"""How far a replica is behind that follows all the while: by a heartbeat, in seconds of the primary's clock."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.regions.test_telling import lines_of
from tests.regions.test_writes import follow, looked, shown
from tests.support.proxies.far_line import FarLine
from tests.support.servers import Valkey, eventually
from weathernote import redis
from weathernote.redis import Role
from weathernote.redis.replication import heartbeat
from weathernote.redis.replication.regions import Severity

pytest_plugins = ["tests.support.redis.fixtures"]

HOUR = 3600
LAG = "weathernote_records_replica_lag_seconds"


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[tuple[Valkey, Valkey, Valkey, FarLine]]:
    """The region's own Redis, the primary, its replica, and the line that this one follows over."""
    with ExitStack() as stack:

        def started(name: str) -> Valkey:
            server = Valkey(tmp_path_factory.mktemp(name), "--repl-diskless-sync-delay", "0")
            stack.callback(server.stop)
            return server

        own, primary, replica = started("own"), started("primary"), started("replica")
        line = stack.enter_context(FarLine(primary.port))
        follow(replica, line)
        yield own, primary, replica, line


@pytest.fixture
def region(api, servers, settings, use):
    own, primary, replica, line = servers
    settings.REGION = "far"
    settings.RECORDS_REDIS_URL, settings.RECORDS_REPLICA_URL = primary.url, replica.url
    use(own.url)
    yield servers
    line.heal()
    primary.client.delete(heartbeat.KEY)
    eventually(lambda: not replica.client.exists(heartbeat.KEY))


def fall_behind(servers, seconds: float) -> None:
    """The replica has what was written so long ago, and is still sent what came next."""
    _, primary, replica, line = servers
    primary.client.set(heartbeat.KEY, float(primary.client.time()[0]) - seconds)
    eventually(lambda: replica.client.exists(heartbeat.KEY))
    line.hold_replies()
    heartbeat.beat()


def metric(api) -> float:
    return float(lines_of(api, LAG)[0].split()[-1])


def test_an_hour_of_lag_shows_as_an_hour_everywhere(api, region):
    """Fault 83."""
    fall_behind(region, HOUR)
    assert metric(api) == pytest.approx(HOUR, abs=60)
    code, servers, complained = shown()
    behind = int(servers.split(" s behind")[0].split()[-1])
    assert code == Severity.WORSE and behind == pytest.approx(HOUR, abs=60)
    assert f"{behind} s behind" in complained
    assert looked(api) == {"status": "degraded", "redis": "ok", "primary": "ok", "replica": "behind", "upstream": "ok"}
    region[3].heal()
    eventually(lambda: looked(api)["replica"] == "ok" and metric(api) < 60)
    assert shown()[0] == 0


def test_it_is_told_while_the_primary_is_away_as_if_that_went_on(api, region):
    fall_behind(region, HOUR)
    region[1].kill()
    try:
        for _ in range(3):
            redis.ask(redis.at(Role.PRIMARY, "PING"))
        assert metric(api) == pytest.approx(HOUR, abs=60)
        # Who is away is the primary: nobody knows what the replica lacks.
        told = looked(api)
        assert (told["primary"], told["replica"]) == ("down", "ok")
    finally:
        region[1].start()
        region[3].heal()
        follow(region[2], region[3])


def test_without_a_heartbeat_nothing_is_told(api, region):
    assert heartbeat.known_lag_seconds() is None and not lines_of(api, LAG)
    assert looked(api)["replica"] == "ok"


def test_many_processes_write_one_heartbeat_a_second_that_ends(api, region):
    primary = region[1].client
    heartbeat.beat()
    first, writes = primary.get(heartbeat.KEY), primary.info("commandstats")["cmdstat_set"]["calls"]
    for _ in range(5):
        heartbeat.beat()
    written = primary.info("commandstats")["cmdstat_set"]["calls"] - writes
    assert written <= 1 and float(first) == pytest.approx(primary.time()[0], abs=30)
    assert 0 < primary.ttl(heartbeat.KEY) <= heartbeat.LIFE_SECONDS


def test_a_promoted_server_whose_clock_is_behind_goes_on_with_its_own_time(api, region):
    primary = region[1].client
    primary.set(heartbeat.KEY, primary.time()[0] + HOUR)
    heartbeat.beat()
    assert float(primary.get(heartbeat.KEY)) == pytest.approx(primary.time()[0], abs=60)


def test_a_region_alone_has_no_heartbeat(api, valkey):
    heartbeat.beat()
    assert not valkey.exists(heartbeat.KEY)
