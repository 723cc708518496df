"""Faults 12 to 15 and 65: a Redis Cluster loses nodes and moves slots while it is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
from django.core.cache import cache
from redis.crc import key_slot

from ratelimit.identity import hashed
from tests.support.load import Ask, Load
from tests.support.redis.cluster import RedisCluster
from tests.support.servers import Instance, Valkey, eventually
from weather.simulator.server import OpenMeteoSimulator
from weathernote import redis
from weathernote.redis import RedisDown, ask, script

pytest_plugins = ["tests.support.redis.fixtures"]

COUNT = script("local n = redis.call('INCR', KEYS[1]) redis.call('EXPIRE', KEYS[1], ARGV[1]) return n")

# Nobody here is to be refused for what he or the service has spent.
UNLIMITED = dict.fromkeys(
    (
        *("RATE_LIMIT_REQUESTS", "COLD_CELLS_PER_CLIENT_PER_HOUR"),
        *("UPSTREAM_MINUTE_BUDGET", "UPSTREAM_HOUR_BUDGET", "UPSTREAM_DAY_BUDGET"),
    ),
    1_000_000,
) | {"COLD_SHARE_PER_ADDRESS": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[RedisCluster]:
    with RedisCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, made: RedisCluster, simulator_server: OpenMeteoSimulator) -> Iterator[Instance]:
    """An instance before the cluster, of two workers."""
    servers = {"REDIS_URL": made.url, "OPEN_METEO_URL": simulator_server.url, "WORKERS": 2}
    with Instance(tmp_path_factory.mktemp("fleet"), **servers, **UNLIMITED) as instance:
        yield instance


@pytest.fixture
def cluster(made, settings, forget) -> Iterator[RedisCluster]:
    """The cluster, whole and empty, and this process pointed at it."""
    for master in made.masters():
        master.client.flushall()
    settings.CACHES["default"]["LOCATION"] = [made.url]
    forget()
    yield made
    made.mend()


def is_down(reply: object) -> bool:
    return isinstance(reply, RedisDown)


def asks_of(cluster: RedisCluster, masters: list[Valkey], count: int, kind: str = "") -> list[Ask]:
    """Requests of which everything in Redis, count and records, lies with these masters."""
    taken: list[Ask] = []
    client = 0
    for tenths in range(-600, 600):
        cell = f"lat:{tenths / 10}:lon:{tenths / 5}"
        if any(cluster.master_of(f"{record}:{cell}") not in masters for record in ("weather", "upstream")):
            continue
        while cluster.master_of(f"rate_limit:hash:{hashed(f'phone-{client}')}") not in masters:
            client += 1
        taken.append(Ask(f"/api/v1/weather?lat={tenths / 10}&lon={tenths / 5}", f"phone-{client}", kind))
        client += 1
        if len(taken) == count:
            return taken
    raise AssertionError("too few cells")


def warm(instance: Instance, asks: list[Ask]) -> None:
    for each in asks:
        response = instance.get(each.path, headers={"x-client-id": each.client})
        assert response.status_code == 200, response.text


# ── one interface ─────────────────────────────────────────────────────────────────────────────────


def test_commands_find_their_nodes(cluster):
    names = [f"key:{number}" for number in range(50)]
    assert ask(*[("SET", name, name) for name in names], COUNT("count", 60)) == [b"OK"] * 50 + [1]
    assert ask(*[("GET", name) for name in names], ("PING",)) == [name.encode() for name in names] + [b"PONG"]
    assert sum(master.client.dbsize() for master in cluster.masters()) == 51
    for master in cluster.masters():
        master.client.script_flush()
    assert ask(COUNT("count", 60), ("GET", names[0]), COUNT("other", 60)) == [2, names[0].encode(), 1]
    assert ask(script("return KEYS")(("{a}:1", "{a}:2"))) == [[b"{a}:1", b"{a}:2"]]


def test_every_master_is_asked_and_watched(cluster):
    assert set(redis.each("PING").values()) == {b"PONG"}
    assert sorted(redis.breaker_states()) == sorted((f"127.0.0.1:{node.port}", False) for node in cluster.masters())
    assert redis.are_down(redis.Role.OWN) == {redis.Role.OWN: False}


def test_the_cache_of_django_uses_the_exact_names(cluster):
    name = "weather:lat:40.7:lon:-74.0"
    cache.set(name, "text", 600)
    assert ask(("GET", name), ("TTL", name)) == [b"text", 600]
    assert cache.get(name) == "text" and not cache.add(name, "other") and cache.has_key(name)
    cache.set_many({"a": "1a", "b": "2b", "c": "3c"}, 60)
    assert cache.get_many(["a", "b", "c", "d"]) == {"a": "1a", "b": "2b", "c": "3c"}
    assert cache.touch("a", 1000) and ask(("TTL", "a")) == [1000]
    cache.delete_many(["a", "b"])
    assert cache.delete(name) and cache.get(name) is None
    cache.clear()
    assert cache.get("c") is None


def test_a_user_and_password(cluster, settings, forget):
    for node in cluster.nodes:
        node.client.execute_command("ACL", "SETUSER", "weather", "on", ">p@ss,w:rd", "~*", "+@all")
    hosts = cluster.url.partition("://")[2]
    settings.CACHES["default"]["LOCATION"] = [f"redis+cluster://weather:p%40ss%2Cw%3Ard@{hosts}"]
    forget()
    assert ask(("SET", "a", "x"), ("GET", "a")) == [b"OK", b"x"] and cache.get("a") == "x"
    settings.CACHES["default"]["LOCATION"] = [f"redis+cluster://weather:wrong@{hosts}"]
    forget()
    assert is_down(ask(("GET", "a"))[0]) and redis.are_down(redis.Role.OWN) == {redis.Role.OWN: True}


def test_a_cluster_that_nobody_can_reach_is_down_at_once_and_found_when_it_comes(cluster, settings, forget, lost):
    settings.CACHES["default"]["LOCATION"] = ["redis+cluster://127.0.0.1:1,127.0.0.1:2"]
    forget()
    ask(("GET", "a"))
    lost.clear()
    assert all(is_down(ask(("GET", "a"))[0]) for _ in range(100))
    assert lost == ["unowned"] * 100  # nobody is asked, and so nobody waited for
    assert redis.breaker_states() == [("cluster", True)] and redis.are_down(redis.Role.OWN) == {redis.Role.OWN: True}
    with pytest.raises(Exception, match="no node"):
        cache.get("a")


# ── 65: half of what a request wants hangs ────────────────────────────────────────────────────────


@pytest.mark.parametrize("hangs", ["count", "answer"])
def test_when_one_shard_hangs_the_other_part_is_used(cluster, lost, hangs):
    first, second, _ = cluster.masters()
    keys = {"count": next(cluster.keys_of(first, "count:{}")), "answer": next(cluster.keys_of(second, "answer:{}"))}
    ask(("SET", keys["answer"], "text"), COUNT(keys["count"], 60))
    cluster.hang(first if hangs == "count" else second)
    got = [ask(COUNT(keys["count"], 60), ("GET", keys["answer"])) for _ in range(20)]
    if hangs == "count":
        assert all(is_down(count) and answer == b"text" for count, answer in got)
    else:
        assert [count for count, _ in got] == list(range(2, 22)) and all(is_down(answer) for _, answer in got)
    assert lost == ["timeout"] * 3 + ["breaker_open"] * 17


# ── 12: a master is killed ────────────────────────────────────────────────────────────────────────


def test_a_master_killed_under_load_is_noticed_by_nobody(cluster, fleet, simulator_server):
    asks = asks_of(cluster, cluster.masters(), 60)
    warm(fleet, asks)
    key = "weather:lat:{}:lon:{}".format(*asks[0].path.removeprefix("/api/v1/weather?lat=").split("&lon="))
    victim = cluster.master_of(key)
    heir = cluster.replica_of(victim)
    with Load(fleet.base, asks, rate=240, seconds=11) as load:
        load.wait_for(2)
        calls = simulator_server.state()["calls"]
        assert ask(("EXISTS", key)) == [1]
        cluster.kill(victim)
        killed = load.second()
        assert is_down(ask(("EXISTS", key))[0])
        eventually(lambda: heir.client.info("replication")["role"] == "master", within_seconds=60)
        promoted = load.second()
        eventually(lambda: not is_down(ask(("EXISTS", key))[0]))
        found = load.second()
        answers = load.answers()
        calls = simulator_server.state()["calls"] - calls
    print(f"\n{answers.table()}")
    print(f"replica promoted {promoted - killed:.1f} s after the kill, found {found - killed:.1f} s after it")
    before, during, after = answers.between(0, killed), answers.between(killed, found), answers.between(found, 99)
    print(f"{len(answers)} sent, {answers.failures()} failed, {calls} upstream calls")
    print(f"p99 {before.latency_ms()} ms before, {during.latency_ms()} during, {after.latency_ms()} after")
    assert answers.statuses() == {200: len(answers)} and len(answers) > 2600


# ── 13: a shard hangs ─────────────────────────────────────────────────────────────────────────────


def test_a_shard_that_hangs_slows_only_its_own(cluster, fleet):
    hung, *others = cluster.masters()
    asks = asks_of(cluster, others, 45, "others") + asks_of(cluster, [hung], 15, "theirs")
    warm(fleet, asks)
    with Load(fleet.base, asks, rate=200, seconds=8) as load:
        load.wait_for(3)
        cluster.hang(cluster.replica_of(hung), hung)
        began = load.second()
        load.wait_for(7)
        answers = load.answers()
    print(f"\n{answers.table()}")
    before, during = answers.between(0, began), answers.between(began, 99)
    for kind in ("others", "theirs"):
        print(f"{kind}: p99 {before.of(kind).latency_ms()} ms before, {during.of(kind).latency_ms()} during")
    assert answers.statuses() == {200: len(answers)} and len(answers) > 1550
    assert all(each.cache == "hit" for each in answers.of("others").answers)


# ── 14: a shard is lost ───────────────────────────────────────────────────────────────────────────


def test_a_shard_lost_with_its_replica_leaves_the_others_hitting(cluster, fleet):
    dead, *others = cluster.masters()
    ours = [key for other in others for key in islice(cluster.keys_of(other, "key:{}"), 20)]
    gone = list(islice(cluster.keys_of(dead, "key:{}"), 20))
    assert ask(*[("SET", key, key) for key in ours + gone]) == [b"OK"] * 60
    asks = asks_of(cluster, others, 5) + asks_of(cluster, [dead], 5)
    warm(fleet, asks)
    cluster.kill(cluster.replica_of(dead), dead)

    def all_say_so() -> bool:
        nodes = [node.client.execute_command("CLUSTER NODES") for node in others]
        return all("fail" in view[f"127.0.0.1:{dead.port}"]["flags"].split(",") for view in nodes)

    hits: list[list[redis.Reply]] = []
    while not hits or not all_say_so():
        hits.append(ask(*[("GET", key) for key in ours + gone]))
    for replies in (*hits, ask(*[("GET", key) for key in ours + gone])):
        assert replies[:40] == [key.encode() for key in ours] and all(map(is_down, replies[40:]))
    assert sum(is_open for _, is_open in redis.breaker_states()) == 1
    assert redis.are_down(redis.Role.OWN) == {redis.Role.OWN: True}
    assert all(fleet.get(each.path).status_code == 200 for each in asks * 4)
    assert fleet.get("/health").json()["redis"] == "down"


def test_a_shard_that_comes_back_is_used_again(cluster):
    dead = cluster.masters()[0]
    key = next(cluster.keys_of(dead, "key:{}"))
    ask(("GET", key))
    cluster.kill(cluster.replica_of(dead), dead)
    eventually(lambda: is_down(ask(("GET", key))[0]))
    cluster.mend()
    eventually(lambda: ask(("SET", key, "x"), ("GET", key)) == [b"OK", b"x"])


# ── 15: slots move ────────────────────────────────────────────────────────────────────────────────


def test_slots_that_move_under_load_cost_no_reply_and_no_count(cluster):
    source, target, _ = cluster.masters()
    counts = list(islice(cluster.keys_of(source, "count:{}"), 24))
    texts = {f"{{{key}}}:text": key for key in counts}
    assert ask(*[("SET", name, text, "EX", 60) for name, text in texts.items()]) == [b"OK"] * 24
    moving = sorted({key_slot(key.encode()) for key in counts})
    done = False

    def work(number: int) -> int:
        turns = 0
        while not done:
            name, text = list(texts.items())[turns % 24]
            count, got = ask(COUNT(counts[turns % 24], 60), ("GET", name))
            assert isinstance(count, int) and got == text.encode(), (count, got)
            turns += 1
        return turns

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, number) for number in range(4)]
        try:
            for slot in moving:
                cluster.move(slot, source, target)
        finally:
            done = True
        turns = sum(each.result() for each in working)
    assert sum(int(count) for count in ask(*[("GET", key) for key in counts])) == turns > 100
    assert {cluster.master_of(key) for key in counts} == {target}
