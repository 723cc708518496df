"""The log: a line of JSON for each thing that is told, and no secret, raw client or exact position in any of them."""

import json
import logging
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from django.test import Client

from tests.support.limits import LIFTED
from tests.support.processes.tree import environment
from tests.support.reading.log_lines import BASE, OF_A_REQUEST, requests_in
from tests.support.servers import TOP, Instance, Valkey, eventually
from weather.simulator.server import OpenMeteoSimulator
from weathernote.telemetry.logs import JsonLines, without_secrets

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    told = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("weather.fetching.worker", logging.WARNING, "file.py", 1, message, arguments, told)


# ── a line ────────────────────────────────────────────────────────────────────────────────────────


def test_figures_are_keys_of_the_line() -> None:
    told = record("streams")
    told.figures = {"streams": 7}
    line = json.loads(JsonLines().format(told))
    assert (line["message"], line["streams"]) == ("streams", 7)


def test_an_error_with_its_traceback_is_one_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        text = JsonLines().format(record("It failed:\n%s", "so", error=error))
    assert "\n" not in text
    told = json.loads(text)
    assert set(told) == BASE | {"traceback"}
    assert told["message"] == "It failed:\nso" and told["traceback"].startswith("Traceback")
    assert (told["level"], told["logger"]) == ("WARNING", "weather.fetching.worker")


def test_secrets_are_blotted_out_wherever_they_come_from(settings: Any) -> None:
    settings.SECRET_KEY, settings.RATE_LIMIT_HASH_KEY, settings.OPEN_METEO_API_KEY = "s3cret-key", "h4sh-key", "ap1-key"
    settings.REDIS_URL = "redis://user:r3dis%2Fword@cache.example:6379/0"
    text = without_secrets("s3cret-key h4sh-key x=ap1-key&y r3dis/word r3dis%2Fword cache.example")
    assert text == "… … x=…&y … … cache.example"


# ── an instance ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def servers(valkey: redis_py.Redis, valkey_server: Valkey, simulator: OpenMeteoSimulator) -> dict[str, Any]:
    return {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url, "WORKERS": 2, **LIFTED}


def test_a_line_for_each_request_and_none_lost_at_a_clean_stop(tmp_path: Path, servers: dict[str, Any]) -> None:
    with Instance(tmp_path, **servers) as instance:
        for number in range(100):
            instance.get(WEATHER, headers={"X-Request-ID": f"r{number}", "x-client-id": f"phone {number % 3}"})
            instance.get("/health")
        instance.get("/metrics")
        # Within what a line waits for.
        instance.signal(signal.SIGTERM)
        assert instance.popen.wait(60) == 0
        told = requests_in(instance.said())
    assert sorted(line["request_id"] for line in told) == sorted(f"r{number}" for number in range(100))
    assert all(set(line) == OF_A_REQUEST for line in told)
    assert {line["cell"] for line in told} == {"lat:40.7:lon:-74.0"}
    assert [line["cache"] for line in told].count("fetched") == 1
    assert len({line["client"] for line in told}) == 3
    assert max(line["upstream_wait_ms"] for line in told) > 0


def test_at_warning_it_is_quiet_but_for_failures(
    tmp_path: Path, servers: dict[str, Any], simulator: OpenMeteoSimulator
) -> None:
    with Instance(tmp_path, LOG_LEVEL="WARNING", **servers) as instance:
        instance.get(WEATHER)
        simulator.fault("status", status=500)
        assert instance.get("/api/v1/weather?lat=1&lon=1").status_code == 503
        told = eventually(lambda: requests_in(instance.said()))
    assert [(line["status"], line["level"]) for line in told] == [(503, "WARNING")]


# ── canaries (row 57) ─────────────────────────────────────────────────────────────────────────────

CANARIES = {
    "SECRET_KEY": "canary-secret-key-0123456789-0123456789-0123456789-abc",
    "RATE_LIMIT_HASH_KEY": "canary-hash-key-77",
    "OPEN_METEO_API_KEY": "canary-api-key-88",
}
DATABASE_PASSWORD = "canary-db-word-99"
REDIS_PASSWORD = "canary-redis-word-11"
CLIENT = "canary-device-5f2e"
POSITION = ("40.71283141", "-74.00609265")
SENT = {
    "x-client-id": CLIENT,
    "Cookie": "sessionid=canary-cookie-12; csrftoken=canary-csrf-13",
    "Authorization": "Bearer canary-bearer-14",
    "User-Agent": "canary-agent-15",
    "Referer": "https://canary-referer-16.example/",
}


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "valkey", "--requirepass", REDIS_PASSWORD)
    yield server
    server.stop()


def forbidden() -> list[str]:
    words = [*CANARIES.values(), DATABASE_PASSWORD, REDIS_PASSWORD, CLIENT, *POSITION, "canary", "lat=", "lon="]
    return [*words, POSITION[0][:6], POSITION[1][:7]]


def test_no_secret_client_or_position_in_any_output_nor_in_redis(
    tmp_path: Path, locked: Valkey, simulator: OpenMeteoSimulator
) -> None:
    given = {
        **CANARIES,
        "REDIS_URL": f"redis://:{REDIS_PASSWORD}@127.0.0.1:{locked.port}/0",
        "OPEN_METEO_URL": simulator.url,
        "WORKERS": 1,
        "LOG_LEVEL": "DEBUG",
        **LIFTED,
    }
    query = f"lat={POSITION[0]}&lon={POSITION[1]}"
    with Instance(tmp_path / "instance", **given) as instance:
        for path in ("weather", "forecast", "cities", "places", "nothing", "schema"):
            instance.get(f"/api/v1/{path}?{query}&apikey=canary", headers=SENT)
        instance.get(f"/api/v1/{POSITION[0]}/{POSITION[1]}", headers=SENT)
        instance.get("/admin/?canary=1", headers=SENT)
        instance.get(f"/api/v1/weather?{query}x", headers=SENT)
        # Open-Meteo says the key back, and fails; then Redis is gone in the middle.
        simulator.fault("status", status=400, reason=f"The API key {CANARIES['OPEN_METEO_API_KEY']} is bad")
        instance.get(f"/api/v1/weather?lat=10.{POSITION[0][3:]}&lon=10.1", headers=SENT)
        simulator.fault(None)
        client = redis_py.Redis(port=locked.port, password=REDIS_PASSWORD)
        kept = dump(client)
        with closing(sqlite3.connect(tmp_path / "instance" / "db.sqlite3")) as database:
            database.execute("DROP TABLE IF EXISTS django_session")  # the admin fails with a traceback
        instance.get("/admin/", headers=SENT)
        locked.stop()
        instance.get(f"/api/v1/weather?{query}", headers=SENT)
        metrics = instance.get("/metrics").text
        time.sleep(1)
        instance.signal(signal.SIGTERM)
        instance.popen.wait(60)
        said = instance.said()
    lines = [line for line in said.splitlines() if not line.startswith(("Try: curl", "Serving on", "No staff"))]
    assert lines and all(json.loads(line) for line in lines)
    assert any("traceback" in line for line in lines), said
    for word in forbidden():
        assert word not in "\n".join(lines), next(line for line in lines if word in line)
        assert word not in metrics
        assert word not in kept


def dump(client: redis_py.Redis) -> str:
    """All that is in Redis, as text."""
    told = []
    for key in client.scan_iter():
        kind: Any = client.type(key)
        value: Any = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
            b"set": client.smembers,
        }[kind](key)
        told.append(f"{key!r} {value!r}")
    return "\n".join(told)


def test_a_database_that_is_gone_is_told_without_its_password(tmp_path: Path, valkey_server: Valkey) -> None:
    given = {
        **CANARIES,
        "REDIS_URL": valkey_server.url,
        "DATABASE_URL": f"postgres://user:{DATABASE_PASSWORD}@127.0.0.1:9/nothing",
    }
    told = subprocess.run(
        [sys.executable, "manage.py", "prewarm"],
        cwd=TOP,
        env=environment(**given),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 2
    assert "canary" not in told.stdout + told.stderr


def test_prewarm_logs_in_the_same_shape(tmp_path: Path) -> None:
    program = (
        "import django, logging; django.setup(); logging.getLogger('prewarm.runs.run').warning('Something %s', 'odd')"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=TOP,
        env=environment(DJANGO_SETTINGS_MODULE="weathernote.settings"),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    line = json.loads(told.stderr)
    assert set(line) == BASE and line["message"] == "Something odd"


def test_an_internal_error_names_the_route_and_not_the_path(
    api: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*anything: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("weather.api.service.Service.answer", broken)
    assert api.get(WEATHER, headers={"X-Request-ID": "r1"}).status_code == 500
    assert "Internal error at weather, request r1" in caplog.messages
