"""Fault 61 in a region: /health while servers hang, with the timeouts of the product."""

import signal
import time
from collections.abc import Callable, Iterator

import pytest
import redis as redis_py

from tests.support.proxies.tcp_proxy import TcpProxy, later
from tests.support.redis.cluster import RedisCluster
from tests.support.servers import Valkey
from tests.weathernote.redis.servers.test_roles import PRODUCT_TIMEOUT_SECONDS
from weather.budget.budget import Budget
from weathernote import redis
from weathernote.redis import Role, ask, at
from weathernote.redis.servers.node import WRITING_PROBE
from weathernote.site import health

pytest_plugins = ["tests.support.redis.fixtures"]

#: What a check may take, by FAULTS 61.
MOST_SECONDS = 0.1


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[dict[Role, Valkey]]:
    """A server for each role that wants a password, so that a connection to one that hangs is not made."""
    started = {role: Valkey(tmp_path_factory.mktemp(role.value), "--requirepass", "x") for role in Role}
    yield started
    for server in started.values():
        server.stop()


@pytest.fixture
def region(api, servers, settings, use) -> Iterator[Callable[..., None]]:
    """Has this process use these servers for the records, as it does when it has just started."""

    def entered(*, replica: Role = Role.REPLICA, replica_port: int = 0) -> None:
        urls = {role: server.url.replace("//", "//:x@") for role, server in servers.items()}
        settings.REDIS_TIMEOUT_SECONDS = PRODUCT_TIMEOUT_SECONDS
        settings.RECORDS_REDIS_URL, settings.RECORDS_REPLICA_URL = urls[Role.PRIMARY], urls[replica]
        if replica_port:
            settings.RECORDS_REPLICA_URL = f"redis://:x@127.0.0.1:{replica_port}/0"
        use(urls[Role.OWN])

    yield entered
    for server in servers.values():
        server.signal(signal.SIGCONT)


def looks(api) -> tuple[dict[str, str], float]:
    """What /health says, and the least that one of three looks takes: a busy machine takes the rest."""
    took = []
    for _ in range(3):  # the fourth would find the breakers open
        health.state.forget()
        began = time.perf_counter()
        response = api.get("/health")
        took.append(time.perf_counter() - began)
        assert response.status_code == 200
    return response.json(), min(took)


@pytest.mark.parametrize("is_connected", [True, False])
def test_two_servers_that_hang_cost_one_timeout(api, region, servers, is_connected):
    region()
    if is_connected:
        assert ask(("PING",), at(Role.REPLICA, "PING")) == [b"PONG"] * 2
    for role in (Role.OWN, Role.REPLICA):
        servers[role].signal(signal.SIGSTOP)
    told, seconds = looks(api)
    assert told == {"status": "degraded", "redis": "down", "primary": "ok", "replica": "down", "upstream": "ok"}
    assert seconds <= MOST_SECONDS


@pytest.mark.parametrize("hangs", [[Role.PRIMARY], [Role.OWN, Role.PRIMARY]])
def test_a_primary_that_hangs_is_not_waited_for_where_it_is_read_too(api, region, servers, hangs):
    region(replica=Role.PRIMARY)
    for role in hangs:
        servers[role].signal(signal.SIGSTOP)
    told, seconds = looks(api)
    assert set(told) == {"status", "redis", "primary", "upstream"}
    assert told["redis"] == ("down" if Role.OWN in hangs else "ok")
    assert seconds <= MOST_SECONDS


def test_looks_use_the_connections_of_the_first(api, region, servers):
    region()
    looks(api)
    clients = [redis_py.Redis(port=servers[role].port, password="x") for role in (Role.OWN, Role.REPLICA)]
    before = [client.info("stats")["total_connections_received"] for client in clients]
    looks(api)
    assert [client.info("stats")["total_connections_received"] for client in clients] == before


def test_a_handshake_that_takes_several_timeouts_is_not_begun_anew_at_each_look(region, servers):
    with TcpProxy(servers[Role.REPLICA].port) as slow:
        slow.on_reply = later(0.8 * PRODUCT_TIMEOUT_SECONDS)
        region(replica_port=slow.port)
        states = []
        for _ in range(4):
            states.append(redis.are_down(Role.OWN, Role.REPLICA)[Role.REPLICA])
            time.sleep(PRODUCT_TIMEOUT_SECONDS)
        assert states[0] and not states[-1]


def test_whether_calls_fail_is_not_asked_of_a_replica_which_may_be_behind(api, region, monkeypatch):
    region()
    monkeypatch.setattr(Budget, "read_pause", None)
    health.state.forget()
    assert api.get("/health").json()["upstream"] == "ok"


def test_each_node_of_a_cluster_tells_whether_it_takes_writes(tmp_path):
    with RedisCluster(tmp_path) as cluster:
        for node in cluster.masters():
            assert node.client.execute_command(*WRITING_PROBE) == 1
            node.client.config_set("min-replicas-to-write", 9)
            with pytest.raises(redis_py.ResponseError, match="NOREPLICAS"):
                node.client.execute_command(*WRITING_PROBE)
