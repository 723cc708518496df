"""Faults 59 and 73: the database is gone, and it hangs."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.processes.tree import run
from tests.support.proxies import tcp_proxy
from tests.support.proxies.tcp_proxy import TcpProxy
from tests.support.servers import Instance, eventually
from weathernote.settings import BASE_DIR

pytest_plugins = ["tests.support.processes.postgresql"]

CREDENTIALS = {"Cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345", "Authorization": "Basic c3RhZmY6c2VjcmV0"}
WEATHER = "/api/v1/weather?lat=1&lon=1"
#: Far less than the 20 s for which SQLite waits for a lock, and enough for a hit on a busy machine.
MOST_SECONDS = 5


def test_the_api_serves_without_a_database(tmp_path, valkey, valkey_server, simulator):
    with Instance(tmp_path, REDIS_URL=valkey_server.url, OPEN_METEO_URL=simulator.url, WORKERS=1) as instance:
        (tmp_path / "db.sqlite3").write_bytes(b"this was a database")
        assert instance.get("/admin/", headers=CREDENTIALS).status_code == 500  # the database is really gone
        for path in (WEATHER, "/api/v1/forecast?lat=2&lon=2", "/api/v1/schema", "/health"):
            assert instance.get(path, headers=CREDENTIALS).status_code == 200


def test_an_api_request_never_asks_the_database(api):
    # Tests without the `db` mark fail at the first query.
    api.cookies["sessionid"] = "abcdefghijklmnopqrstuvwxyz012345"
    assert api.get("/api/v1/weather?lat=1&lon=1", headers=CREDENTIALS).status_code == 200


# ── it hangs ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def few_threads(tmp_path, valkey, valkey_server, simulator):
    """Starts an instance whose threads forty searches could all take."""
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}

    def started(**variables: object) -> Instance:
        instance = Instance(tmp_path, WORKERS=1, THREADS=16, RATE_LIMIT_REQUESTS=100_000, **servers, **variables)
        instance.get(WEATHER)
        return instance

    return started


def hits_beside_forty_searches(instance: Instance) -> tuple[set[int], set[str], list[float]]:
    """The searches' statuses and codes, and the seconds that each of the hits beside them took."""
    searches = [f"/api/v1/places?search=par{number}" for number in range(40)] + ["/api/v1/cities"] * 40
    with ThreadPoolExecutor(80) as pool:
        answers = [pool.submit(instance.get, path, timeout=60) for path in searches]
        waits = [seconds_of_a_hit(instance) for _ in range(20)]
        responses = [answer.result() for answer in answers]
    return {one.status_code for one in responses}, {one.json().get("code", "") for one in responses}, waits


def seconds_of_a_hit(instance: Instance) -> float:
    began = time.monotonic()
    assert instance.get(WEATHER).status_code == 200
    return time.monotonic() - began


def test_searches_of_a_locked_sqlite_do_not_hold_up_the_weather(tmp_path, few_threads):
    with few_threads() as instance, sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        statuses, codes, waits = hits_beside_forty_searches(instance)
        print(f"hits waited {max(waits):.2f} s at most; {statuses} {codes}")
        other.execute("ROLLBACK")
        assert statuses == {503} and codes == {"overloaded", "upstream_unavailable"}
        assert max(waits) < MOST_SECONDS
        eventually(lambda: instance.get("/api/v1/places?search=ber").status_code == 200, within_seconds=10)


def test_pages_of_staff_over_a_locked_sqlite_do_not_hold_up_the_weather(tmp_path, few_threads):
    with few_threads() as instance, sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(40) as pool:
            pages = [pool.submit(instance.get, "/admin/", headers=CREDENTIALS, timeout=60) for _ in range(40)]
            eventually(lambda: sum(page.done() for page in pages) >= 36)
            waits = [seconds_of_a_hit(instance) for _ in range(20)]
            refused = [page.result() for page in pages if page.done()]
            other.execute("ROLLBACK")
        assert {page.json()["code"] for page in refused} == {"overloaded"} and max(waits) < MOST_SECONDS


@pytest.fixture
def silent(postgresql, few_threads):
    """An instance whose connections to PostgreSQL are kept, and the proxy that they go through."""
    made = run(BASE_DIR, "manage.py", "migrate", "-v0", DATABASE_URL=postgresql.url)
    assert made.returncode == 0, made.stderr
    with TcpProxy(postgresql.port) as proxy:
        url = f"postgres://postgres@127.0.0.1:{proxy.port}/postgres"
        with few_threads(DATABASE_URL=url, MIGRATE=0) as instance:
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(lambda at: instance.get(f"/api/v1/places?search=a{at}"), "bcde"))
            assert {answer.status_code for answer in answers} == {200}
            proxy.silence()
            proxy.on_reply = tcp_proxy.lost
            yield instance, proxy


def test_searches_of_a_silent_postgresql_do_not_hold_up_the_weather(silent):
    instance, _ = silent
    statuses, codes, waits = hits_beside_forty_searches(instance)
    print(f"hits waited {max(waits):.2f} s at most; {statuses} {codes}")
    assert statuses == {503} and codes == {"overloaded", "upstream_unavailable"}
    assert max(waits) < MOST_SECONDS


def test_a_search_is_answered_ten_seconds_after_a_silent_failover(silent):
    instance, proxy = silent
    hits_beside_forty_searches(instance)
    # Another server answers by now, and the machine of the old one never will.
    proxy.on_reply = None
    began = time.monotonic()
    eventually(lambda: instance.get("/api/v1/places?search=ber").status_code == 200, within_seconds=10)
    eventually(lambda: instance.get("/api/v1/cities").status_code == 200, within_seconds=10)
    print(f"back after {time.monotonic() - began:.1f} s")
