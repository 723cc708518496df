"""deploy/redis/: each file is started and used by the service as it would be, under the user that it makes."""

import json
import re
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import redis as redis_py
import requests
from django.core.cache import cache

from tests.support.limits import LIFTED
from tests.support.processes.database import migrated
from tests.support.processes.prewarm_command import Host, summary
from tests.support.processes.tree import run
from tests.support.redis.deploy import FILES, Secured, SecuredCluster, make_users
from tests.support.redis.fixtures import lost, use  # noqa: F401 - fixtures
from tests.support.redis.outage import all_down, is_open
from tests.support.servers import TOP, Instance, eventually
from weathernote.redis import ask

WEATHER = "/api/v1/weather?lat=40.7&lon=-74.0"
QUERY = "{ weather(lat: 40.7, lon: -74.0) { current { time } daily { time } } cities { name } }"
STAFF = {"DJANGO_SUPERUSER_USERNAME": "staff", "DJANGO_SUPERUSER_PASSWORD": "a-long-word-1", "SECRET_KEY": "x" * 50}
#: What the server says to whoever may not; a slip in the words of a command is told otherwise.
REFUSED = re.compile(r"no permissions|can't|unknown command|acl failure|not allowed|noperm", re.IGNORECASE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    started = Secured(tmp_path_factory.mktemp("secured"), "redis.conf")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredCluster]:
    started = SecuredCluster(tmp_path_factory.mktemp("secured-cluster"))
    yield started
    started.stop()


@pytest.fixture
def service(server: Secured) -> redis_py.Redis:
    """A client that knows no more than the service does."""
    return server.client("weathernote", server.password)


# ── what the service does is allowed ──────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the cities of a fresh install and somebody who may see them."""
    file = migrated(tmp_path_factory.mktemp("database") / "db.sqlite3")
    words = ("manage.py", "createsuperuser", "--noinput", "--email=")
    made = run(TOP, *words, **STAFF, DATABASE_URL=f"sqlite:///{file}")
    assert made.returncode == 0, made.stderr
    return file


def live(folder: Path, database: Path, **servers: str) -> None:
    """A day in the life of an instance: phones, a client that asks too often, prewarm, staff, a scrape."""
    host = Host.made(folder / "host", database, **servers)
    own = {**host.variables, **LIFTED, "RATE_LIMIT_REQUESTS": 60, "WORKERS": 2}
    with Instance(folder / "instance", **own) as instance:
        assert [instance.get(WEATHER).json()["cached"] for _ in range(2)] == [False, True]
        assert instance.get(f"{WEATHER}&days=3".replace("weather", "forecast")).ok
        assert instance.get(WEATHER.replace("weather", "air-quality")).ok
        assert instance.get("/api/v1/cities?search=par").ok
        named = {"persistedQuery": {"version": 1, "sha256Hash": sha256(QUERY.encode()).hexdigest()}}
        query = {"query": QUERY, "extensions": named}
        assert requests.post(f"{instance.base}/api/v1/graphql", json=query, timeout=20).json()["data"]["weather"]
        assert instance.get("/api/v1/graphql", params={"extensions": json.dumps(named)}).json()["data"]["weather"]
        told = [instance.get(WEATHER, headers={"x-client-id": "often"}) for _ in range(61)]
        assert [answer.status_code for answer in told] == [200] * 60 + [429]
        assert summary(host.prewarm("--limit=5", "--pause-ms=0").stdout)["refreshed"] == 5
        _look_at_the_cities(instance)
        eventually(lambda: 'popular_locations{cell="lat:40.7:lon:-74.0"}' in instance.get("/metrics").text)
        assert instance.get("/health").json() == {"status": "ok", "redis": "ok", "upstream": "ok"}
        assert not re.findall(
            r"^weathernote_redis_lost\w+(?:{.*})? [^0].*$", instance.get("/metrics").text, re.MULTILINE
        )


def _look_at_the_cities(instance: Instance) -> None:
    with requests.Session() as session:
        session.get(f"{instance.base}/admin/login/", timeout=10)
        names = {"username": STAFF["DJANGO_SUPERUSER_USERNAME"], "password": STAFF["DJANGO_SUPERUSER_PASSWORD"]}
        form = names | {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
        page = session.post(f"{instance.base}/admin/login/?next=/admin/prewarm/city/", data=form, timeout=10)
        assert page.ok and "fresh" in page.text


def test_an_instance_lives_under_its_user_and_is_refused_nothing(server, simulator_server, database, tmp_path):
    live(tmp_path, database, REDIS_URL=server.url, OPEN_METEO_URL=simulator_server.url)
    assert server.refusals() == []


def test_an_instance_lives_before_the_cluster_under_its_user_and_is_refused_nothing(
    cluster, simulator_server, database, tmp_path
):
    live(tmp_path, database, REDIS_URL=cluster.url, OPEN_METEO_URL=simulator_server.url)
    assert [node.refusals() for node in cluster.nodes] == [[]] * 6
    assert all(node.admin.dbsize() > 0 for node in cluster.nodes)  # replicas too: they have signed in to their masters


def code() -> str:
    """All that the service runs, in one text."""
    packages = [file.parent for file in TOP.glob("*/__init__.py") if file.parent.name != "tests"]
    return "".join(file.read_text() for package in packages for file in sorted(package.rglob("*.py")))


def commands_in_the_code(known: set[str]) -> set[str]:
    # In a script; first in a tuple, where no list of such words stands; or asked of each server.
    words = re.compile(
        r"""redis\.p?call\(\s*'([A-Z]+)'|(?<!\w)\(\s*"([A-Z]+)",(?! "[A-Z])|each\("([A-Z]+)"|"""
        r"""(?<!\w)at\([^,"]+,\s*"([A-Z]+)\""""
    )
    return {word.lower() for found in words.findall(code()) for word in found} & known


def test_its_user_may_send_what_the_code_sends_and_nothing_more(server):
    known = {name.lower() for name in server.admin.execute_command("COMMAND LIST")}
    may = rules_of("weathernote", server.users, r" \+(\S+)")
    assert set(may) == commands_in_the_code(known) - {"asking", "readonly", "spublish", "ssubscribe"} and len(
        set(may)
    ) == len(may)


def test_before_a_cluster_it_may_also_follow_a_slot(server, cluster):
    own = set(rules_of("weathernote", cluster.nodes[0].users, r" \+(\S+)"))
    assert own - set(rules_of("weathernote", server.users, r" \+(\S+)")) == {
        *("asking", "cluster|slots", "command", "readonly"),
        *("spublish", "ssubscribe"),
    }


def test_the_names_of_its_keys_are_the_code_s(server):
    said = code().replace("{{", "{").replace("}}", "}")
    for name in rules_of("weathernote", server.users, r" ~(\S+)"):
        # A name, or what it begins with: the rest is put together.
        begins = name.removesuffix("*").removesuffix("lat:").removesuffix(":")
        assert f'"{begins}"' in said or f'"{begins}:' in said, name


def rules_of(user: str, users: Path, wanted: str) -> list[str]:
    (line,) = [line for line in (users / "users.acl").read_text().splitlines() if line.startswith(f"user {user} ")]
    return re.findall(wanted, line)


# ── anything else is refused ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    [
        *(["FLUSHALL"], ["FLUSHDB"], ["KEYS", "*"], ["SCAN", "0"], ["RANDOMKEY"], ["DBSIZE"]),
        *(["CONFIG", "GET", "dir"], ["CONFIG", "SET", "maxmemory", "0"], ["ACL", "LIST"], ["CLIENT", "LIST"]),
        *(["SHUTDOWN"], ["DEBUG", "SLEEP", "1"], ["MODULE", "LIST"], ["MONITOR"], ["REPLICAOF", "127.0.0.1", "1"]),
        *(["SCRIPT", "FLUSH"], ["FUNCTION", "LIST"], ["PUBLISH", "anyone", "word"], ["SELECT", "0"]),
        *(["GET", "session:1"], ["SET", "session:1", "x"], ["DEL", "weather:else"], ["RENAME", "probe", "x"]),
        ["EVAL", "return redis.call('GET', KEYS[1])", "1", "session:1"],
        ["EVAL", "return redis.call('GET', 'session:1')", "0"],
        ["EVAL", "return redis.call('FLUSHALL')", "0"],
        ["EVAL", "return redis.call('CONFIG', 'GET', 'dir')", "0"],
    ],
    ids=" ".join,
)
def test_its_user_is_refused(server, service, words):
    server.admin.set("session:1", "somebody's")
    with pytest.raises(redis_py.ResponseError, match=REFUSED):
        service.execute_command(*words)
    assert server.admin.get("session:1") == "somebody's"


@pytest.mark.parametrize("words", ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "KEYS *", "REPLICAOF 127.0.0.1 1"])
def test_even_the_admin_cannot_empty_it_stall_it_or_turn_it_away(server, words):
    with pytest.raises(redis_py.ResponseError, match="unknown command"):
        server.admin.execute_command(*words.split())


@pytest.mark.parametrize(
    "words", ["DEBUG SLEEP 0", "MODULE LOAD /nowhere", "CONFIG SET dir /tmp", "CONFIG SET dbfilename x"]
)
def test_even_the_admin_cannot_reach_out_of_it(server, words):
    with pytest.raises(redis_py.ResponseError, match=r"not allowed|protected config|unknown"):
        server.admin.execute_command(*words.split())


@pytest.mark.parametrize(("user", "password"), [("", ""), ("weathernote", "guessed"), ("default", ""), ("", "guessed")])
def test_nothing_works_without_the_password(server, user, password):
    for words in (["PING"], ["GET", "probe"], ["INFO"]):
        with pytest.raises((redis_py.AuthenticationError, redis_py.ResponseError)):
            server.client(user, password).execute_command(*words)


def test_the_service_takes_a_server_that_lets_it_not_in_for_one_that_is_down(server, use):  # noqa: F811
    use(f"redis://127.0.0.1:{server.port}/0")
    assert all_down(ask(("GET", "probe"), ("GET", "weather:lat:40.7:lon:-74.0")))


# ── what is in force ──────────────────────────────────────────────────────────────────────────────


def in_force(server, **wanted):
    names = {name.replace("_", "-"): value for name, value in wanted.items()}
    return {name: server.admin.config_get(name)[name] for name in names} == names


PLANNED = {
    "maxmemory": str(512 * 1024 * 1024),
    "maxmemory_policy": "allkeys-lru",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "tcp_keepalive": "300",
    "timeout": "300",
    "protected_mode": "yes",
    "bind": "127.0.0.1 -::1",
    "save": "",
}


def test_the_plan_is_in_force(server):
    assert in_force(server, **PLANNED)


def test_the_plan_is_in_force_on_each_node_of_the_cluster(cluster):
    own = {
        "cluster_require_full_coverage": "no",
        "cluster_node_timeout": "2000",
        "cluster_replica_validity_factor": "0",
    }
    assert [in_force(node, **PLANNED, **own) for node in cluster.nodes] == [True] * 6


def test_what_was_kept_is_there_after_a_kill(tmp_path):
    server = Secured(tmp_path, "redis.conf")
    try:
        server.client("weathernote", server.password).set("budget:open-meteo", "spent", ex=60)
        server.kill()
        server.start()
        assert server.admin.get("budget:open-meteo") == "spent" and 0 < server.admin.ttl("budget:open-meteo") <= 60
    finally:
        server.stop()


def test_a_connection_that_the_server_closed_for_idleness_costs_nobody_a_reply(tmp_path, use, lost):  # noqa: F811
    server = Secured(tmp_path, "redis.conf", "--timeout", "1")
    try:
        use(server.url)
        for _ in range(4):
            assert ask(("SET", "probe", "x", "EX", 60), ("GET", "probe")) == [b"OK", b"x"]
            assert cache.get("probe") == "x"
            eventually(lambda: "user=weathernote" not in _clients(server))
        assert (lost, is_open()) == ([], False)
    finally:
        server.stop()


def _clients(server: Secured) -> str:
    return " ".join(f"user={client['user']}" for client in server.admin.client_list())


# ── who may be let in ─────────────────────────────────────────────────────────────────────────────


def test_passwords_are_random_shown_once_and_kept_as_hashes_for_the_owner_alone(tmp_path):
    said = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        said.append(make_users(tmp_path / name).stdout)
    passwords = [password for told in said for password in re.findall(r"weathernote:(\S+)@|--pass (\S+)", told)]
    assert len({"".join(pair) for pair in passwords}) == 4 and min(len("".join(pair)) for pair in passwords) >= 40
    file = tmp_path / "one" / "users.acl"
    assert not any("".join(pair) in file.read_text() for pair in passwords)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_not_made_anew(tmp_path):
    make_users(tmp_path)
    before = (tmp_path / "users.acl").read_text()
    again = make_users(tmp_path)
    assert again.returncode == 1 and "there already" in again.stderr and "weathernote:" not in again.stdout
    assert (tmp_path / "users.acl").read_text() == before


def test_a_master_that_dies_is_replaced_by_its_replica(cluster, use):  # noqa: F811
    use(cluster.url)
    assert ask(("SET", "probe", "x", "EX", 60), ("GET", "probe")) == [b"OK", b"x"]
    master = next(node for node in cluster.nodes if node.admin.exists("probe") and _is_master(node))
    try:
        master.kill()
        eventually(lambda: ask(("GET", "probe")) == [b"x"], within_seconds=30, every_seconds=0.1)
    finally:
        master.start()
        eventually(cluster.is_well, within_seconds=40)


def _is_master(node: Secured) -> bool:
    return bool(node.admin.info("replication")["role"] == "master")


def test_no_file_holds_a_password_or_names_this_machine():
    for file in FILES.glob("*.*"):
        text = file.read_text()
        assert str(TOP) not in text and not re.search(r"^(requirepass|masterauth|user) ", text, re.MULTILINE)
