"""Which server a command goes to, and what becomes of the others' commands while one is away."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.proxies.tcp_proxy import TcpProxy, later
from tests.support.redis.outage import all_down
from tests.support.servers import Valkey, eventually
from weathernote import redis
from weathernote.redis import Lookup, RedisDown, Role, ask, at, fetch, script
from weathernote.redis.servers.by_role import server as server_of_settings
from weathernote.redis.servers.cluster import Cluster
from weathernote.redis.servers.node import Node
from weathernote.redis.servers.roles import role_of

pytest_plugins = ["tests.support.redis.fixtures"]

#: settings.REDIS_TIMEOUT_SECONDS, which the tests' own settings raise.
PRODUCT_TIMEOUT_SECONDS = 0.08

WHO = {role: script("return redis.call('GET', KEYS[1])", role=role) for role in Role}


class Three(NamedTuple):
    own: Valkey
    primary: Valkey
    replica: Valkey


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[Three]:
    """Three servers, of which each says under the name `who` which role it has; the last is no real replica."""
    started = Three(*(Valkey(tmp_path_factory.mktemp(role.value)) for role in Role))
    yield started
    for server in started:
        server.stop()


@pytest.fixture
def three(servers, settings, use, forget) -> Iterator[Three]:
    for role, server in zip(Role, servers, strict=True):
        server.client.flushall()
        server.client.script_flush()
        server.client.set("who", role.value)
    settings.RECORDS_REDIS_URL, settings.RECORDS_REPLICA_URL = servers.primary.url, servers.replica.url
    use(servers.own.url)
    yield servers
    for server in servers:
        server.signal(signal.SIGCONT)


def fail(command: redis.Command) -> None:
    """Sends the command until its server counts as down."""
    for _ in range(3):
        assert all_down(ask(command))
    assert redis.refuses(command)


@pytest.mark.pure
def test_a_command_carries_its_role_and_a_plain_one_is_for_the_regions_own():
    assert at(Role.OWN, "GET", "a") == ("GET", "a") == at(Role.PRIMARY, "GET", "a")
    assert [role_of(at(role, "GET", "a")) for role in Role] == list(Role)
    assert role_of(("GET", "a")) is Role.OWN
    assert type(script("return 1")("key")) is tuple


def test_each_command_goes_to_the_server_of_its_role(three):
    assert ask(*(at(role, "GET", "who") for role in Role), ("GET", "who")) == [b"own", b"primary", b"replica", b"own"]
    assert ask(*(WHO[role]("who") for role in reversed(Role))) == [b"replica", b"primary", b"own"]


def test_a_script_that_a_server_has_forgotten_is_sent_in_full_to_the_same_one(three):
    assert ask(*(WHO[role]("who") for role in Role)) == [b"own", b"primary", b"replica"]
    for server in three:
        server.client.script_flush()
    assert ask(*(WHO[role]("who") for role in Role)) == [b"own", b"primary", b"replica"]


def test_lookups_of_several_servers_are_read_together(three):
    lookups = [Lookup(at(role, "GET", "who"), read=bytes.decode) for role in Role]
    assert fetch(*lookups) == ("own", "primary", "replica")


def test_all_servers_are_sent_to_before_one_is_waited_for(three, settings, use):
    with TcpProxy(three.primary.port) as far, TcpProxy(three.replica.port) as near:
        settings.RECORDS_REDIS_URL, settings.RECORDS_REPLICA_URL = far.url, near.url
        use(three.own.url)
        both = at(Role.PRIMARY, "GET", "who"), at(Role.REPLICA, "GET", "who")
        ask(*both)  # connects
        replied = threading.Barrier(2)

        def once_both_have(client: socket.socket, data: bytes) -> None:
            replied.wait(5)
            client.sendall(data)

        far.on_reply = near.on_reply = once_both_have
        assert ask(*both) == [b"primary", b"replica"]
        assert ask(*reversed(both)) == [b"replica", b"primary"]


def test_while_the_primary_is_waited_for_the_time_of_the_others_does_not_run_out(three, settings, use, lost):
    """With the timeouts of the product: the primary replies within its own, long after theirs."""
    text = "x" * 500_000  # more than a socket holds while nobody reads it
    three.replica.client.set("long", text)
    settings.REDIS_TIMEOUT_SECONDS = PRODUCT_TIMEOUT_SECONDS
    with TcpProxy(three.primary.port) as far:
        settings.RECORDS_REDIS_URL = far.url
        use(three.own.url)
        asked = at(Role.PRIMARY, "GET", "who"), ("GET", "who"), at(Role.REPLICA, "GET", "long")
        ask(*asked)  # connects
        far.on_reply = later(4 * PRODUCT_TIMEOUT_SECONDS)
        assert ask(*asked) == [b"primary", b"own", text.encode()]
        # A handshake with the primary comes between sending to the others and their replies.
        far.on_reply = None
        primary = redis.servers_by_role()[Role.PRIMARY]
        assert isinstance(primary, Node)
        primary._own.connection = None
        handshake = primary._new_connection

        def slow_handshake():
            time.sleep(4 * PRODUCT_TIMEOUT_SECONDS)
            return handshake()

        primary._new_connection = slow_handshake
        assert ask(*asked) == [b"primary", b"own", text.encode()]
    assert not lost


def test_a_slow_server_nearby_is_noticed_while_the_primary_is_waited_for(three, settings, use, lost):
    settings.REDIS_TIMEOUT_SECONDS = PRODUCT_TIMEOUT_SECONDS
    with TcpProxy(three.primary.port) as far, TcpProxy(three.replica.port) as near:
        settings.RECORDS_REDIS_URL, settings.RECORDS_REPLICA_URL = far.url, near.url
        use(three.own.url)
        asked = at(Role.PRIMARY, "GET", "who"), at(Role.REPLICA, "GET", "who")
        ask(*asked)  # connects
        near.on_reply, far.on_reply = later(2 * PRODUCT_TIMEOUT_SECONDS), later(4 * PRODUCT_TIMEOUT_SECONDS)
        primary, replica = ask(*asked)
        assert primary == b"primary" and isinstance(replica, RedisDown) and lost == ["timeout"]


def test_without_urls_of_their_own_all_roles_are_one_server(use, valkey_server):
    use(valkey_server.url)
    by_role = redis.servers_by_role()
    assert by_role[Role.OWN] is by_role[Role.PRIMARY] is by_role[Role.REPLICA] is server_of_settings()
    assert redis.is_one_server() and not redis.is_replicated()
    assert len(redis.breaker_states()) == 1


def test_roles_with_the_same_url_are_one_server(three, settings, use):
    settings.RECORDS_REPLICA_URL = ""
    use(three.own.url)
    by_role = redis.servers_by_role()
    assert by_role[Role.PRIMARY] is by_role[Role.REPLICA] is not by_role[Role.OWN]
    assert not redis.is_one_server() and not redis.is_replicated()
    assert len(redis.breaker_states()) == 2
    assert ask(at(Role.REPLICA, "GET", "who"), at(Role.PRIMARY, "GET", "who"), ("GET", "who")) == [
        b"primary",
        b"primary",
        b"own",
    ]


def test_a_server_that_is_away_costs_the_replies_of_its_own_commands(three, lost):
    three.primary.signal(signal.SIGSTOP)
    fail(at(Role.PRIMARY, "GET", "who"))
    own, primary, replica = ask(*(at(role, "GET", "who") for role in Role))
    assert (own, replica) == (b"own", b"replica") and isinstance(primary, RedisDown)
    assert redis.breaker_states() == [("redis", False), ("primary", True), ("replica", False)]
    assert redis.are_down(*Role) == {Role.OWN: False, Role.PRIMARY: True, Role.REPLICA: False}
    three.primary.signal(signal.SIGCONT)
    eventually(lambda: ask(at(Role.PRIMARY, "GET", "who")) == [b"primary"])


def test_what_is_for_a_replica_that_is_down_is_read_from_the_primary(three):
    three.replica.signal(signal.SIGSTOP)
    for _ in range(3):
        assert all_down(ask(at(Role.REPLICA, "GET", "who")))
    assert ask(at(Role.REPLICA, "GET", "who"), ("GET", "who")) == [b"primary", b"own"]
    assert not redis.refuses(at(Role.REPLICA, "GET", "who"))
    three.primary.signal(signal.SIGSTOP)
    fail(at(Role.PRIMARY, "GET", "who"))
    assert redis.refuses(at(Role.REPLICA, "GET", "who"))
    three.replica.signal(signal.SIGCONT)
    eventually(lambda: ask(at(Role.REPLICA, "GET", "who")) == [b"replica"])


def test_the_primary_is_waited_for_longer_than_the_region_s_own(three, settings, use):
    settings.RECORDS_REDIS_TIMEOUT_SECONDS = 5
    with TcpProxy(three.primary.port) as far:
        settings.RECORDS_REDIS_URL = far.url
        use(three.own.url)
        far.on_reply = later(1.0)  # twice what the own may take in tests
        assert ask(at(Role.PRIMARY, "GET", "who")) == [b"primary"]


def test_a_primary_that_became_a_replica_is_down_until_it_takes_writes_again(three, lost):
    three.primary.client.execute_command("REPLICAOF", "127.0.0.1", three.replica.port)
    try:
        fail(at(Role.PRIMARY, "SET", "a", "x"))
        assert "unusable" in lost
        assert ask(("SET", "a", "x"), at(Role.REPLICA, "GET", "who")) == [b"OK", b"replica"]
    finally:
        three.primary.client.execute_command("REPLICAOF", "NO", "ONE")
    eventually(lambda: ask(at(Role.PRIMARY, "SET", "a", "x")) == [b"OK"])


def test_info_is_told_of_each_role(three):
    ports = {role: redis.info(role)[0]["tcp_port"] for role in Role}
    assert ports == {role: str(server.port) for role, server in zip(Role, three, strict=True)}


def test_a_role_may_have_a_cluster(three, settings, use):
    settings.RECORDS_REDIS_URL = "redis+cluster://127.0.0.1:1"
    use(three.own.url)
    by_role = redis.servers_by_role()
    assert isinstance(by_role[Role.PRIMARY], Cluster) and isinstance(by_role[Role.OWN], Node)
    assert redis.is_cluster(Role.PRIMARY) and not redis.is_cluster() and not redis.is_cluster(Role.REPLICA)
    own, primary, replica = ask(*(at(role, "GET", "who") for role in Role))
    assert (own, replica) == (b"own", b"replica") and isinstance(primary, RedisDown)
