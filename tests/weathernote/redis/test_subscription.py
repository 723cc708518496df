"""A channel is heard over a connection that is made again, also in a cluster, where a channel has one shard."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis.crc import key_slot

from tests.support.redis.cluster import RedisCluster
from tests.support.servers import Valkey
from weather.api.service import service
from weather.core.cells import Cell
from weathernote import redis
from weathernote.redis import Role, subscription
from weathernote.redis.servers.node import Node
from weathernote.redis.subscription import Subscription

pytest_plugins = ["tests.support.redis.fixtures"]

CHANNEL, CELL = "held:weather", Cell(407, -740)
PATIENCE_SECONDS = 60


class Listener:
    """Hears the channel, and keeps what it heard; `begun` is how often it began to."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.begun = 0
        self.subscription = Subscription(CHANNEL, self.heard.append, self._begin)

    def _begin(self) -> None:
        self.begun += 1

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await asyncio.sleep(0.01)

    def run(self, story: Callable[["Listener"], Any]) -> "Listener":
        async def told() -> None:
            hearing = asyncio.create_task(self.subscription.run())
            try:
                await story(self)
            finally:
                hearing.cancel()

        asyncio.run(told())
        return self


def announce() -> None:
    redis.fetch_one(service().store.announcing([CELL]))


def test_it_begins_once_what_is_looked_up_then_comes_from_redis(here):
    """A server that has just come back is heard before a probe has found it."""
    states = []
    node = redis.servers_by_role()[Role.OWN]
    assert isinstance(node, Node)
    for _ in range(3):
        node._failed(TimeoutError())
    assert redis.breakers_by_role()[Role.OWN]
    listener = Listener()
    listener.subscription.on_begin = lambda: states.append(redis.breakers_by_role()[Role.OWN])
    listener.run(lambda listener: listener.until(lambda: states))
    assert states == [False]


def test_what_a_round_announces_is_heard_once_in_its_order(here):
    async def story(listener: Listener) -> None:
        await listener.until(lambda: listener.begun)
        here.publish("held:air_quality", "another")
        for cell in (CELL, Cell(1, 1)):
            redis.fetch_one(service().store.announcing([cell]))
        await listener.until(lambda: len(listener.heard) == 2)

    listener = Listener().run(story)
    assert listener.heard == [b"lat:40.7:lon:-74.0", b"lat:0.1:lon:0.1"] and listener.begun == 1


def test_a_server_that_was_gone_is_heard_again_and_that_is_said(own):
    async def story(listener: Listener) -> None:
        await listener.until(lambda: listener.begun == 1)
        server.kill()
        await listener.until(lambda: not listener.subscription.is_hearing)
        await asyncio.to_thread(server.start)
        await listener.until(lambda: listener.begun == 2)
        server.client.publish(CHANNEL, "news")
        await listener.until(lambda: listener.heard)

    server: Valkey = own()
    assert Listener().run(story).heard == [b"news"]


def test_a_connection_that_says_nothing_is_asked_and_a_silent_one_is_left(proxied, valkey, monkeypatch):
    monkeypatch.setattr(subscription, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(subscription, "_REPLY_SECONDS", 1)

    async def story(listener: Listener) -> None:
        await listener.until(lambda: listener.begun == 1)
        await asyncio.sleep(0.5)  # some questions are answered
        assert listener.begun == 1 and listener.subscription.is_hearing
        proxied.silence()
        await listener.until(lambda: not listener.subscription.is_hearing)
        await listener.until(lambda: listener.begun == 2)

    Listener().run(story)


@pytest.fixture
def cluster(tmp_path, use):
    made = RedisCluster(tmp_path)
    use(made.url)
    yield made
    made.stop()


def test_in_a_cluster_the_shard_of_the_channel_is_heard_and_after_a_failover_its_replica(cluster):
    async def story(listener: Listener) -> None:
        await listener.until(lambda: listener.begun == 1)
        await asyncio.to_thread(announce)
        await listener.until(lambda: listener.heard == [CELL.key.encode()])
        cluster.kill(cluster.master_of(CHANNEL))
        await listener.until(lambda: listener.begun == 2)
        while len(listener.heard) < 2:
            await asyncio.to_thread(announce)
            await asyncio.sleep(0.1)

    assert set(Listener().run(story).heard) == {CELL.key.encode()}


def test_in_a_cluster_the_shard_is_heard_that_the_channel_has_moved_to(cluster, monkeypatch):
    monkeypatch.setattr(subscription, "SILENT_SECONDS", 600)  # it is not by its silence that the move is noticed

    async def story(listener: Listener) -> None:
        await listener.until(lambda: listener.begun == 1)
        source = cluster.master_of(CHANNEL)
        target = next(master for master in cluster.masters() if master is not source)
        await asyncio.to_thread(cluster.move, key_slot(CHANNEL.encode()), source, target)
        await listener.until(lambda: listener.begun > 1)
        while not listener.heard:
            await asyncio.to_thread(announce)
            await asyncio.sleep(0.1)

    assert set(Listener().run(story).heard) == {CELL.key.encode()}
