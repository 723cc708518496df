"""/metrics while what it is made of breaks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.support.processes.database import migrated
from tests.support.processes.tree import Served, copy_of_the_code
from tests.support.servers import Valkey, eventually, free_port
from weather.simulator.server import OpenMeteoSimulator

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"
OF_REDIS = ("weathernote_redis_connected_clients", "weathernote_active_users", "weathernote_requests_per_user")


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    yield copy_of_the_code(tmp_path)
    for server in Served.all:
        server.stop()


def test_a_folder_that_cannot_be_had_is_told_in_a_line_and_the_service_serves(
    tree: Path, valkey_server: Valkey, simulator: OpenMeteoSimulator
) -> None:
    port = free_port()
    folder = tree / ".run" / f"run-{port}"
    folder.mkdir(parents=True)
    (folder / "metrics").write_text("a file where a folder should be")
    servers: dict[str, Any] = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}
    servers |= {"DATABASE_URL": f"sqlite:///{migrated(tree / 'db.sqlite3')}"}
    server = Served(tree, "serve", port=port, **servers)
    assert server.get(WEATHER).status_code == 200
    told = [line for line in server.lines() if line.startswith("No metrics of all workers together")]
    assert len(told) == 1 and "Traceback" not in server.said()
    assert eventually(lambda: 'route="weather"' in server.get("/metrics").text)


def test_the_folder_is_empty_at_each_start(tree: Path, valkey_server: Valkey, simulator: OpenMeteoSimulator) -> None:
    servers: dict[str, Any] = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}
    servers |= {"DATABASE_URL": f"sqlite:///{migrated(tree / 'db.sqlite3')}"}
    first = Served(tree, "serve", **servers)
    first.get("/nothing")
    counted = 'weathernote_requests_total{method="GET",route="other",status="404"} 1.0'
    eventually(lambda: counted in first.get("/metrics").text)
    first.stop()
    second = Served(tree, "serve", port=first.port, **servers)
    assert 'route="other",status="404"' not in second.get("/metrics").text


def test_without_redis_its_part_is_absent_and_back_when_it_is(
    api: Client, settings: Any, forget: Any, valkey_server: Valkey
) -> None:
    settings.CACHES["default"]["LOCATION"] = ["redis://127.0.0.1:9/0"]
    forget()
    answer = api.get("/metrics")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert not [name for name in OF_REDIS if name in text]
    assert "weathernote_open_meteo_budget_remaining{" in text
    api.get(WEATHER)
    text = api.get("/metrics").content.decode()
    assert [line for line in text.splitlines() if line.startswith("weathernote_redis_lost_commands_total")]

    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    forget()
    api.get(WEATHER)
    text = api.get("/metrics").content.decode()
    assert [name for name in OF_REDIS if name in text] == list(OF_REDIS)
