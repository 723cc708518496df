"""What `ask` makes of one Redis server: replies, ways to connect, and what it makes of refusals."""

import logging
import shutil
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache

from tests.support.proxies.tcp_proxy import TcpProxy
from tests.support.redis.outage import all_down, is_open, open_the_breaker
from tests.support.servers import eventually
from weathernote import redis
from weathernote.redis import RedisDown, Role, ask, at, script
from weathernote.redis.servers import by_role
from weathernote.redis.servers.node import Node

pytest_plugins = ["tests.support.redis.fixtures"]

COUNT = script("local n = redis.call('INCR', KEYS[1]) redis.call('EXPIRE', KEYS[1], ARGV[1]) return n")


# ── replies ───────────────────────────────────────────────────────────────────────────────────────


def test_each_command_gets_its_reply_in_one_round_trip(here):
    here.set("b", "ü")
    assert ask(("SET", "a", 1), ("GET", "a"), ("GET", "b"), ("GET", "c"), ("LRANGE", "d", 0, -1)) == [
        b"OK",
        b"1",
        "ü".encode(),
        None,
        [],
    ]
    assert ask() == []


def test_large_commands_and_replies_pass(here):
    text = b"x" * 3_000_000
    assert ask(("SET", "large", text), *[("STRLEN", "large")] * 500)[1:] == [3_000_000] * 500
    assert ask(("GET", "large"))[0] == text


def test_a_reply_that_came_in_time_is_read_however_late_its_thread_goes_on(here):
    here.set("a", 1)
    ask(("PING",))
    node = by_role.server()
    assert isinstance(node, Node)
    link = node.send([("GET", "a")])
    time.sleep(0.3)  # as in a process whose other threads are busy
    assert node.receive(link, 1) == [b"1"]


def test_an_error_of_one_command_is_its_own(here, lost):
    here.set("text", "x")
    answers = ask(("GET", "text"), ("LPUSH", "text", 1), ("GET", "text"))
    assert (answers[0], answers[2]) == (b"x", b"x")
    with pytest.raises(RedisDown):
        redis.value(answers[1])
    for _ in range(5):
        ask(("LPUSH", "text", 1))
    assert not is_open() and set(lost) == {"refused"}


def test_a_script_runs_where_the_server_has_forgotten_it(here):
    assert ask(COUNT("n", 60), ("GET", "other")) == [1, None]
    here.script_flush()
    assert ask(("SET", "other", "x"), COUNT("n", 60), COUNT("n", 60)) == [b"OK", 2, 3]
    assert (here.get("n"), here.ttl("n")) == ("3", 60)


def test_a_script_of_two_keys(here):
    assert ask(script("return {KEYS[1], KEYS[2], ARGV[1]}")(("{a}:1", "{a}:2"), 3)) == [[b"{a}:1", b"{a}:2", b"3"]]


def test_many_threads_get_their_own_replies(here):
    def work(number: int) -> bool:
        return all(ask(("SET", f"k{number}", turn), ("GET", f"k{number}"))[1] == b"%d" % turn for turn in range(200))

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(work, range(32)))


def test_what_is_no_command_is_raised_and_nothing_is_sent(here):
    with pytest.raises(Exception, match="must be str"):
        ask(("SET", "a", "x"), ("SET", "b", None))  # type: ignore[arg-type]
    assert here.keys() == [] and not is_open()


# ── ways to connect ───────────────────────────────────────────────────────────────────────────────


def test_a_unix_socket(own, use, tmp_path):
    path = tmp_path / "redis.sock"
    own("--unixsocket", str(path))
    use(f"unix://{path}?db=3")
    assert ask(("SET", "a", "x"), ("GET", "a")) == [b"OK", b"x"]
    assert cache.get("a") == "x"


def test_a_user_and_password_with_odd_letters(own, use):
    server = own()
    server.client.execute_command("ACL", "SETUSER", "weather", "on", ">p@ss/w:rd", "~*", "+@all")
    server.client.execute_command("ACL", "SETUSER", "default", "off")
    use(f"redis://weather:p%40ss%2Fw%3Ard@127.0.0.1:{server.port}/2")
    assert ask(("SET", "a", "x"), ("GET", "a")) == [b"OK", b"x"]
    assert cache.get("a") == "x"


@pytest.mark.skipif(not shutil.which("openssl"), reason="a certificate is made with openssl")
def test_tls(here, use, valkey_server, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with TcpProxy(valkey_server.port, tls=context) as proxy:
        use(f"{proxy.url}?ssl_ca_certs={certificate}")
        large = b"x" * 1_000_000
        for _ in range(20):
            assert ask(("SET", "a", large), ("GET", "a")) == [b"OK", large]
        assert proxy.accepted == 1
        use(proxy.url)  # nobody vouches for this certificate
        assert all_down(ask(("GET", "a")))


# ── refusing ──────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_password_is_told_once(own, use, caplog, lost):
    server = own()
    server.client.config_set("requirepass", "right")
    use(f"redis://:wrong@127.0.0.1:{server.port}/0")
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            assert all_down(ask(("GET", "a")))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "AuthenticationError" in caplog.text and "wrong@" not in caplog.text
    assert is_open() and set(lost) == {"unusable", "breaker_open"}


def test_a_missing_password_is_told_once(own, caplog):
    own().client.config_set("requirepass", "right")
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            assert all_down(ask(("GET", "a"), ("GET", "b")))
    assert len(caplog.records) == 1 and is_open()


def test_a_user_who_may_not_write_still_reads(own, use):
    server = own()
    server.client.execute_command("ACL", "SETUSER", "reader", "on", ">word", "~*", "+@read", "+@connection")
    server.client.set("a", "x")
    use(f"redis://reader:word@127.0.0.1:{server.port}/0")
    for _ in range(5):
        got, refused = ask(("GET", "a"), ("SET", "a", "y"))
        assert got == b"x"
        with pytest.raises(RedisDown):
            redis.value(refused)
    assert not is_open()


def test_a_replica_is_read_and_not_written(own):
    master = own("--repl-diskless-sync-delay", "0")
    master.client.set("a", "x")
    replica = own("--replicaof", f"127.0.0.1 {master.port}")
    eventually(lambda: replica.client.get("a") == "x")
    for _ in range(5):
        got, refused = ask(("GET", "a"), COUNT("n", 60))
        assert got == b"x"
        with pytest.raises(RedisDown):
            redis.value(refused)
    # It counts as down for records alone: what is meant for the region's own is sent all the same.
    assert is_open() and redis.refuses(at(Role.PRIMARY, "GET", "a"))
    assert not redis.refuses(at(Role.REPLICA, "GET", "a"))


def test_a_replica_that_lost_its_master_is_down(own):
    own("--replicaof", "127.0.0.1 1", "--replica-serve-stale-data", "no")
    for _ in range(3):
        assert all_down(ask(("GET", "a")))
    assert is_open()


def test_a_server_that_loads_its_data_is_down_and_then_back(own, tmp_path):
    server = own("--enable-debug-command", "yes")
    server.client.execute_command("DEBUG", "POPULATE", 20_000, "key", 100)
    server.client.save()
    server.kill()
    server.options = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
    server._answers = lambda: True
    server.start()
    eventually(lambda: server.client.info("persistence")["loading"] == 1)
    assert all_down(ask(("GET", "key:1")))
    open_the_breaker()
    assert server.client.info("persistence")["loading"] == 1
    server.client.config_set("key-load-delay", 0)
    eventually(lambda: ask(("EXISTS", "key:1")) == [1])


def test_a_full_server_is_read_and_its_lost_writes_are_counted(own, lost):
    server = own("--maxmemory-policy", "noeviction")
    server.client.set("a", "x")
    server.client.config_set("maxmemory", 1)
    for _ in range(5):
        got, refused = ask(("GET", "a"), ("SET", "b", "x"))
        assert got == b"x"
        with pytest.raises(RedisDown):
            redis.value(refused)
    assert not is_open() and lost == ["refused"] * 5


def test_a_server_that_takes_no_more_clients_fails_fast_and_is_told_once(own, caplog, lost):
    server = own("--maxclients", "1")
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            ask(("GET", "a"))
    assert is_open() and len(caplog.records) == 1 and lost[3:] == ["breaker_open"] * 97
    server.client.connection_pool.disconnect()
    eventually(lambda: ask(("GET", "a")) == [None])


def test_the_fields_of_a_reply_are_read_by_name():
    reply = b"# Memory\r\nused_memory:1024\r\nos:Linux 6.1: x86\r\n\r\nbroken\xff line\r\n"
    assert redis.info_fields(reply) == {"used_memory": "1024", "os": "Linux 6.1: x86"}
