"""Faults 2, 3, 6, 8, 10, 11, 16 and 61: a Redis server hangs, slows down, babbles, dies and comes back."""

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.core.cache import cache
from django_redis import get_redis_connection
from redis.connection import Connection

from tests.support.proxies import tcp_proxy
from tests.support.redis.outage import all_down, is_open, open_the_breaker
from tests.support.servers import eventually
from weathernote import redis
from weathernote.redis import ask
from weathernote.redis.connections.resolver import NamedConnection, Resolver

pytest_plugins = ["tests.support.redis.fixtures"]


# ── a name server that hangs ──────────────────────────────────────────────────────────────────────

NAME = "redis.example"


@pytest.fixture
def name_server(monkeypatch):
    """Knows NAME; while its event is clear a resolver hears nothing for many seconds, and then gives up."""
    answers = threading.Event()
    answers.set()
    whole = socket.getaddrinfo

    def looked_up(host, *others, **options):
        if host != NAME:
            return whole(host, *others, **options)
        if not answers.wait(20):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return whole("127.0.0.1", *others, **options)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    yield answers
    answers.set()


def test_a_name_that_was_known_is_used_while_the_name_server_hangs(here, use, valkey_server, name_server, settings):
    use(f"redis://{NAME}:{valkey_server.port}/0")
    assert ask(("SET", "a", 1)) == [b"OK"]
    name_server.clear()
    for _ in range(3):
        here.client_kill_filter(_type="normal", skipme=True)
        assert ask(("GET", "a")) == [b"1"]


def test_a_name_that_nobody_knows_yet_is_looked_up_once_and_nobody_waits_for_the_end(
    here, use, valkey_server, name_server, lost
):
    name_server.clear()
    use(f"redis://{NAME}:{valkey_server.port}/0")
    with ThreadPoolExecutor(32) as pool:
        assert all(all_down(replies) for replies in pool.map(lambda _: ask(("GET", "a")), range(200)))
    assert is_open() and lost.count("breaker_open") > 100
    assert sum(thread.name == "names" for thread in threading.enumerate()) == 1  # it still waits for the name server
    name_server.set()
    eventually(lambda: ask(("GET", "a")) == [None], within_seconds=5)


def test_a_server_that_moved_is_found_at_its_new_address(monkeypatch):
    names, told = Resolver(), iter(["192.0.2.1", "192.0.2.2"])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [(0, 0, 0, "", (next(told), 0))])
    assert [names.addresses(NAME, 5), names.addresses(NAME, 5)] == [["192.0.2.1"], ["192.0.2.2"]]


def test_a_lookup_that_gets_no_thread_fails_and_the_next_is_made_anew(monkeypatch):
    names = Resolver()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(OSError, match="new thread"):
            names.addresses(NAME, 5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [(0, 0, 0, "", ("192.0.2.1", 0))])
    assert names.addresses(NAME, 5) == ["192.0.2.1"]


def no_thread(thread):
    raise RuntimeError("can't start new thread")


@pytest.fixture
def dial(monkeypatch):
    """Connects within 2 s to a name with four addresses, of which the first are dead; the addresses that were tried."""
    now, tried, found = [0.0], [], [f"192.0.2.{at}" for at in range(4)]
    monkeypatch.setattr("weathernote.redis.connections.resolver.monotonic", lambda: now[0])
    monkeypatch.setattr(Resolver, "addresses", lambda names, host, within_seconds: found)

    def dialled(dead: int, late: float = 1) -> tuple[list[str], float]:
        def connect(connection):
            tried.append(connection.host)
            if connection.host in found[:dead]:
                now[0] += connection.socket_connect_timeout * late
                raise TimeoutError

        monkeypatch.setattr(Connection, "_connect", connect)
        with suppress(TimeoutError):
            NamedConnection(resolver=Resolver(), host=NAME, socket_connect_timeout=2)._connect()
        return [address.rpartition(".")[2] for address in tried], now[0]

    return dialled


def test_dead_addresses_leave_time_for_one_that_lives(dial):
    tried, lasted_seconds = dial(dead=3)
    assert tried == ["0", "1", "2", "3"] and lasted_seconds < 2


def test_dead_addresses_take_one_connect_timeout_in_all(dial):
    assert dial(dead=4)[1] <= 2


def test_no_further_address_is_tried_once_the_connect_timeout_is_over(dial):
    assert dial(dead=4, late=4)[0] == ["0"]


def test_a_cluster_whose_names_hang_keeps_requests_waiting_no_longer_than_for_its_first_map(use, name_server, lost):
    name_server.clear()
    use(f"redis+cluster://{NAME}:7000,{NAME}:7001")
    assert all_down(ask(("GET", "a")))
    began = time.monotonic()
    assert all(all_down(ask(("GET", "a"))) for _ in range(10))
    assert time.monotonic() - began < 5  # else each waits for a second
    assert sum(thread.name == "names" for thread in threading.enumerate()) == 1


# ── slow and silent ───────────────────────────────────────────────────────────────────────────────


def test_a_server_that_hangs_costs_three_timeouts_and_then_nothing(own, lost):
    server = own()
    ask(("PING",))
    server.signal(signal.SIGSTOP)
    for _ in range(3):
        ask(("GET", "a"))
    assert is_open() and lost == ["timeout"] * 3
    # Over two pauses of the breaker: no request is the one that finds out whether it is back.
    asked, until = 0, time.monotonic() + 1.2
    while time.monotonic() < until:
        ask(("GET", "a"))
        asked += 1
    assert lost[3:] == ["breaker_open"] * asked
    server.signal(signal.SIGCONT)
    eventually(lambda: ask(("GET", "a")) == [None])


def test_of_many_threads_none_waits_more_than_once(own, lost):
    server = own()
    server.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(lambda _: all_down(ask(("GET", "a"))), range(200)))
    assert is_open() and len(lost) == 200
    assert lost.count("timeout") <= 32 + 3 and lost.count("breaker_open") == 200 - lost.count("timeout")


def test_a_slow_server_opens_the_breaker(proxied, settings):
    proxied.on_reply = tcp_proxy.later(3 * settings.REDIS_TIMEOUT_SECONDS)
    open_the_breaker()
    proxied.on_reply = None
    eventually(lambda: ask(("PING",)) == [b"PONG"])


def test_a_reply_that_stops_halfway_is_none(proxied, here):
    here.set("a", "x" * 1000)
    proxied.on_reply = tcp_proxy.only_first(500)
    assert all_down(ask(("SET", "b", 1), ("GET", "a")))
    proxied.on_reply = None
    assert ask(("GET", "a"), ("GET", "b")) == [b"x" * 1000, b"1"]


def test_a_dripping_reply_ends_with_the_timeout(proxied, here, lost):
    here.set("a", "x" * 1000)
    came_whole = threading.Event()

    def drip(client, data):
        for at in range(len(data)):
            client.sendall(data[at : at + 1])
            time.sleep(0.01)
        came_whole.set()

    proxied.on_reply = drip
    assert all_down(ask(("GET", "a"))) and lost == ["timeout"]
    assert not came_whole.is_set()
    proxied.cut()


def test_a_count_whose_reply_is_lost_is_counted_once(proxied, here):
    proxied.on_reply = tcp_proxy.lost
    assert all_down(ask(("INCR", "n")))
    proxied.on_reply = tcp_proxy.reset_after(0)
    assert all_down(ask(("INCR", "n")))
    proxied.on_reply = None
    assert ask(("INCR", "n")) == [3]


# ── garbled ───────────────────────────────────────────────────────────────────────────────────────


def test_a_reply_that_cannot_be_parsed_is_counted_as_invalid(proxied, lost):
    proxied.on_reply = tcp_proxy.instead(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert all_down(ask(("GET", "a"))) and lost == ["invalid_reply"]


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\xfe\x00\r\n",
        b"-\xff\xfe\r\n",
        b"-MOVED nowhere\r\n",
        b"*9999999\r\n",
    ],
)
def test_a_server_that_speaks_garbage_is_down(proxied, here, said):
    proxied.on_reply = tcp_proxy.instead(said)
    for _ in range(3):
        assert all_down(ask(("GET", "a"), ("GET", "b")))
    assert is_open()
    proxied.on_reply = None
    eventually(lambda: ask(("GET", "a")) == [None])


def test_a_stray_reply_reaches_nobody(proxied, here):
    here.mset({"mine": "mine", "other": "other"})
    assert ask(("GET", "mine")) == [b"mine"]
    proxied.push(b"$5\r\nstray\r\n")
    for _ in range(10):
        assert ask(("GET", "mine"), ("GET", "other")) == [b"mine", b"other"]
    assert proxied.accepted == 2


def test_a_reply_too_many_spoils_the_batch_it_came_with(proxied, here):
    here.set("mine", "mine")
    ask(("GET", "mine"))
    proxied.on_reply = lambda client, data: client.sendall(b"$5\r\nstray\r\n" + data)
    assert all_down(ask(("GET", "mine")))
    proxied.on_reply = None
    assert ask(("GET", "mine")) == [b"mine"]


def test_a_reply_that_comes_after_its_time_reaches_nobody(proxied, here, settings):
    here.mset({"mine": "mine", "other": "other"})
    proxied.on_reply = tcp_proxy.later(3 * settings.REDIS_TIMEOUT_SECONDS)
    assert all_down(ask(("GET", "other")))
    proxied.on_reply = None
    until = time.monotonic() + 4 * settings.REDIS_TIMEOUT_SECONDS
    while time.monotonic() < until:
        assert ask(("GET", "mine")) == [b"mine"]


def test_a_reset_in_mid_reply_costs_one_exchange(proxied, here):
    here.set("a", "x" * 1000)
    proxied.on_reply = tcp_proxy.reset_after(500)
    assert all_down(ask(("GET", "a")))
    proxied.on_reply = None
    assert ask(("GET", "a")) == [b"x" * 1000] and not is_open()


def test_an_exchange_that_was_interrupted_leaves_nothing_for_the_next(here, monkeypatch):
    here.mset({"mine": "mine", "other": "other"})
    ask(("GET", "mine"))
    with monkeypatch.context() as patched:
        patched.setattr(
            "weathernote.redis.connections.connection.Connection.receive",
            lambda link, count: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            ask(("GET", "other"))
    assert ask(("GET", "mine")) == [b"mine"]


# ── gone and back ─────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_died_is_found_again_by_every_thread(own, caplog):
    server = own()
    barrier = threading.Barrier(8)
    with ThreadPoolExecutor(8, initializer=barrier.wait) as pool:

        def all_threads():
            together = threading.Barrier(8)
            return list(pool.map(lambda _: together.wait() + 1 and ask(("INCR", "n"))[0], range(8)))

        assert sorted(all_threads()) == list(range(1, 9))
        server.kill()
        assert all_down(all_threads()) and is_open()
        server.start()
        eventually(lambda: not is_open())
        assert sorted(all_threads()) == list(range(1, 9))
    assert [record.message.split(" (")[0] for record in caplog.records] == [
        "Redis redis is down",
        "Redis redis is back.",
    ]


def test_probes_that_fail_unexpectedly_do_not_keep_a_server_away(own, monkeypatch, caplog):
    server = own()
    ask(("PING",))
    server.kill()
    with monkeypatch.context() as broken:
        broken.setattr("weathernote.redis.servers.node.PROBE", (object(),))  # which cannot be packed
        for _ in range(5):
            ask(("PING",))
        server.start()
        eventually(lambda: "fails unexpectedly" in caplog.text)
        assert is_open()
    eventually(lambda: not is_open())
    assert ask(("PING",)) == [b"PONG"] and caplog.text.count("fails unexpectedly") == 1


def test_a_server_that_hung_up_on_an_idle_connection_costs_nothing(here):
    ask(("PING",))
    here.client_kill_filter(_type="normal", skipme=True)
    assert ask(("PING",)) == [b"PONG"]


def test_is_down_says_so_at_once(own):
    server = own()
    assert not redis.are_down(redis.Role.OWN)[redis.Role.OWN]
    server.kill()
    assert redis.are_down(redis.Role.OWN)[redis.Role.OWN]


def test_threads_that_ended_leave_no_connections(here):
    for _ in range(300):
        thread = threading.Thread(target=ask, args=(("PING",),))
        thread.start()
        thread.join()
    assert ask(("PING",)) == [b"PONG"]
    eventually(lambda: here.info("clients")["connected_clients"] < 20)


def test_the_cache_of_django_waits_for_one_timeout_too(proxied, settings):
    assert cache.get("a") is None
    asked = []
    proxied.on_reply = lambda client, data: asked.append(data)
    with pytest.raises(Exception, match="Timeout"):
        cache.get("a")
    assert len(asked) == 1 and proxied.accepted == 1
    options = get_redis_connection("default").connection_pool.connection_kwargs
    assert options["socket_timeout"] == settings.REDIS_TIMEOUT_SECONDS
