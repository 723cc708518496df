"""Fault 83 for live processes: while the replica is gone they hear the primary, and go back."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.regions.test_writes import follow
from tests.support.servers import Valkey
from tests.weathernote.redis.test_subscription import CHANNEL, Listener
from weathernote.redis import subscription

pytest_plugins = ["tests.support.redis.fixtures"]


@pytest.fixture
def records(tmp_path, valkey_server, settings, use) -> Iterator[tuple[Valkey, Valkey]]:
    """A primary and its replica, which this process uses."""
    with ExitStack() as stack:

        def started(name: str) -> Valkey:
            server = Valkey(tmp_path / name, "--repl-diskless-sync-delay", "0")
            stack.callback(server.stop)
            return server

        primary, replica = started("primary"), started("replica")
        follow(replica, primary)
        settings.RECORDS_REDIS_URL, settings.RECORDS_REPLICA_URL = primary.url, replica.url
        use(valkey_server.url)
        yield primary, replica


def listeners(server: Valkey) -> int:
    return int(server.client.pubsub_numsub(CHANNEL)[0][1])


def test_a_replica_that_is_gone_is_stood_in_for_by_the_primary_until_it_is_back(records, monkeypatch):
    monkeypatch.setattr(subscription, "RETURN_SECONDS", 0.2)
    primary, replica = records

    async def story(listener: Listener) -> None:
        await listener.until(lambda: listener.begun == 1)
        assert (listeners(primary), listeners(replica)) == (0, 1)
        replica.kill()
        await listener.until(lambda: listeners(primary) == 1)
        primary.client.publish(CHANNEL, "without the replica")
        await listener.until(lambda: len(listener.heard) == 1)
        replica.start()
        follow(replica, primary)
        await listener.until(lambda: listeners(replica) == 1)
        await listener.until(lambda: listeners(primary) == 0)
        primary.client.publish(CHANNEL, "with it")
        await listener.until(lambda: len(listener.heard) == 2)
        assert listener.begun == 3  # what was missed is looked for each time

    assert Listener().run(story).heard == [b"without the replica", b"with it"]


def test_a_replica_that_is_cut_off_is_stood_in_for_too(records, monkeypatch):
    monkeypatch.setattr(subscription, "RETURN_SECONDS", 0.2)
    monkeypatch.setattr(subscription, "SILENT_SECONDS", 0.2)
    primary, replica = records

    async def story(listener: Listener) -> None:
        await listener.until(lambda: listener.begun == 1)
        replica.client.execute_command("REPLICAOF", "127.0.0.1", 9)  # where nobody listens
        await listener.until(lambda: listeners(primary) == 1)
        replica.client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
        await listener.until(lambda: listeners(replica) == 1)
        primary.client.publish(CHANNEL, "news")
        await listener.until(lambda: listener.heard)

    assert Listener().run(story).heard == [b"news"]


def test_while_both_are_gone_both_are_tried(records, monkeypatch):
    monkeypatch.setattr(subscription, "RETURN_SECONDS", 0.2)
    primary, replica = records

    async def story(listener: Listener) -> None:
        await listener.until(lambda: listener.begun == 1)
        replica.kill()
        primary.kill()
        await listener.until(lambda: not listener.subscription.is_hearing)
        primary.start()
        await listener.until(lambda: listeners(primary) == 1)
        primary.client.publish(CHANNEL, "news")
        await listener.until(lambda: listener.heard)

    assert Listener().run(story).heard == [b"news"]
