"""A cluster whose replicas are in another region: there they are read, and heard."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.redis.cluster import RedisCluster
from tests.support.servers import eventually
from weathernote import redis
from weathernote.redis import Role, ask, at
from weathernote.redis.servers.cluster import Cluster
from weathernote.redis.servers.node import Node
from weathernote.redis.subscription import Subscription, listening_connection

pytest_plugins = ["tests.support.redis.fixtures"]

KEYS = [f"key:{number}" for number in range(20)]
CHANNEL = "held:weather"


@pytest.fixture
def cluster(tmp_path, settings, here, use, valkey_server) -> Iterator[RedisCluster]:
    with RedisCluster(tmp_path) as made:
        replicas = [node for node in made.nodes if node not in made.masters()]
        settings.RECORDS_REDIS_URL = made.url
        settings.RECORDS_REPLICA_URL = "redis+cluster://" + ",".join(f"localhost:{node.port}" for node in replicas)
        use(valkey_server.url)
        eventually(lambda: all(ask(at(Role.PRIMARY, "SET", key, "x"))[0] == b"OK" for key in KEYS))
        eventually(lambda: ask(*(at(Role.REPLICA, "GET", key) for key in KEYS)) == [b"x"] * len(KEYS))
        eventually(lambda: _reads(replicas))
        yield made


def _reads(replicas) -> bool:
    """Whether the map names all replicas: a new one is listed once it has told its master how far it is."""
    server = redis.servers_by_role()[Role.REPLICA]
    assert isinstance(server, Cluster)
    server.note_stale()
    return {node.name for node in server.masters()} == names_of(replicas)


@pytest.fixture
def asked(monkeypatch) -> set[str]:
    """The names of the nodes that were sent commands."""
    names: set[str] = set()
    send = Node.send

    def noted(node, commands):
        names.add(node.name)
        return send(node, commands)

    monkeypatch.setattr(Node, "send", noted)
    return names


def names_of(nodes) -> set[str]:
    return {f"127.0.0.1:{node.port}" for node in nodes}


def test_what_is_for_the_replica_is_read_from_the_nodes_that_the_url_names(cluster, asked):
    masters = names_of(cluster.masters())
    assert ask(*(at(Role.REPLICA, "GET", key) for key in KEYS)) == [b"x"] * len(KEYS)
    assert asked == names_of(cluster.nodes) - masters
    asked.clear()
    ask(*(at(Role.PRIMARY, "GET", key) for key in KEYS))
    assert asked == masters
    assert redis.are_down(Role.REPLICA) == {Role.REPLICA: False} and len(redis.info(Role.REPLICA)) == 3


def test_a_slot_whose_replica_is_gone_is_read_from_its_master(cluster, asked):
    gone = cluster.replica_of(cluster.master_of(KEYS[0]))
    cluster.kill(gone)
    eventually(lambda: ask(at(Role.REPLICA, "GET", KEYS[0])) == [b"x"])
    asked.clear()
    ask(at(Role.REPLICA, "GET", KEYS[0]))
    assert asked == names_of([cluster.master_of(KEYS[0])])


def test_what_is_published_at_the_primary_is_heard_at_the_replica(cluster):
    heard: list[bytes] = []

    async def story() -> None:
        subscription = Subscription(CHANNEL, heard.append, lambda: None)
        task = asyncio.create_task(subscription.run())
        async with asyncio.timeout(60):
            while not heard:
                await asyncio.to_thread(ask, at(Role.PRIMARY, "SPUBLISH", CHANNEL, "news"))
                await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(story())
    assert set(heard) == {b"news"}
    (_, connection) = listening_connection(CHANNEL, Role.REPLICA)
    assert connection.port == cluster.replica_of(cluster.master_of(CHANNEL)).port  # type: ignore[attr-defined]
