"""Threads that ask servers by themselves go on after an error that nobody expected, and tell it once."""

import threading

import pytest
from redis.connection import Connection

from tests.support.servers import eventually
from weathernote import redis
from weathernote.redis import Role
from weathernote.redis.connections.resolver import Resolver
from weathernote.redis.servers.slot_map import SlotMap

pytest_plugins = ["tests.support.redis.fixtures"]
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def test_a_cluster_s_map_is_asked_for_again(monkeypatch, caplog):
    asked = []

    def refresh(self):
        asked.append(threading.current_thread())
        raise AttributeError("odd")

    monkeypatch.setattr(SlotMap, "_refresh", refresh)
    slot_map = SlotMap(
        "redis+cluster://127.0.0.1:9",
        {},
        Resolver(),
        reads_replicas=False,
        is_any_down=lambda: False,
        on_new=lambda names: None,
    )
    try:
        eventually(lambda: len(asked) > 2)
    finally:
        slot_map.close()
        asked[0].join(10)
    assert caplog.text.count("asking for its map fails unexpectedly") == 1


def test_a_ping_that_raises_is_a_server_that_is_down(settings, here, use, valkey_server, monkeypatch, caplog):
    settings.RECORDS_REDIS_URL = f"{valkey_server.url}?db=1"
    use(valkey_server.url)

    def connect(self):
        raise AttributeError("odd")

    with monkeypatch.context() as broken:
        broken.setattr(Connection, "_connect", connect)
        for _ in range(2):
            assert redis.are_down(Role.OWN, Role.PRIMARY) == {Role.OWN: True, Role.PRIMARY: True}
    assert caplog.text.count("A PING of Redis redis fails unexpectedly") == 1
    assert redis.are_down(Role.OWN, Role.PRIMARY) == {Role.OWN: False, Role.PRIMARY: False}
