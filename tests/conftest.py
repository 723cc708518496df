"""Fixtures: real servers started once for the whole run, and emptied for each test."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis as redis_py
from django.core.cache import caches
from django.test import Client

from prewarm.cities import views as prewarm_views
from prewarm.runs import refresher
from tests.support.limits import LIFTED, UNLIMITED
from tests.support.redis import outage
from tests.support.servers import Instance, Valkey
from tests.support.suite import ordering, shuffling
from weather.api import service
from weather.simulator.server import OpenMeteoSimulator
from weathernote import redis
from weathernote.site import health

#: How long tests wait for Redis that are not about its failures: on a busy machine a process may wait for its turn.
REDIS_PATIENCE_SECONDS = 10

# Without a deadline for each example: one that takes long tells of a busy machine, not of the code.
hypothesis.settings.register_profile("weathernote", deadline=None)
hypothesis.settings.load_profile("weathernote")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shuffle",
        type=shuffling.seed,
        metavar="SEED",
        help="Run the files in an order by chance: a number, which gives the same order again, or `random`.",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["shuffle"] = node.config.option.shuffle


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.support.suite.by_file import ByFile  # here: only where processes share the work is xdist loaded

    return ByFile(config, log) if config.option.dist == "loadfile" else None


def pytest_configure(config: pytest.Config) -> None:
    config.option.shuffle = getattr(config, "workerinput", {}).get("shuffle", config.option.shuffle)
    config.option.loadscopereorder = False  # where processes share the work: by it the file of most tests comes first


def pytest_report_header(config: pytest.Config) -> str | None:
    return None if config.option.shuffle is None else f"files in the order of --shuffle={config.option.shuffle}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.option.shuffle
    items[:] = ordering.long_first(items) if seed is None else shuffling.by_file(items, seed)


@pytest.fixture(scope="session")
def the_valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def valkey_server(the_valkey_server: Valkey) -> Valkey:
    """A real server, empty at each file's start: which file ran before is chance, and what it spent is not ours."""
    the_valkey_server.client.flushall()
    return the_valkey_server


@pytest.fixture(scope="session")
def the_simulator_server() -> Iterator[OpenMeteoSimulator]:
    server = OpenMeteoSimulator(base_ms=2, per_place_ms=0, unlimited=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def simulator_server(the_simulator_server: OpenMeteoSimulator) -> OpenMeteoSimulator:
    """A simulated Open-Meteo without faults at each file's start: the last test of another file may have left one."""
    the_simulator_server.reset()
    return the_simulator_server


@pytest.fixture
def valkey(valkey_server: Valkey) -> Iterator[redis_py.Redis]:
    """A client of a real, empty server, as an operator's redis-cli; what the test leaves there is nobody else's."""
    valkey_server.client.flushall()
    yield valkey_server.client
    valkey_server.client.flushall()


@pytest.fixture
def simulator(simulator_server: OpenMeteoSimulator) -> OpenMeteoSimulator:
    """A simulated Open-Meteo without faults, limits or counts."""
    simulator_server.reset()
    return simulator_server


@pytest.fixture
def forget() -> Iterator[Callable[[], None]]:
    """Forgets what a process keeps: connections, breakers, the service; before, after and whenever it is called."""

    def forgotten() -> None:
        redis.reset()
        service.forget_service()
        prewarm_views.cities_cache.cache_clear()
        refresher.refresher.cache_clear()
        health.state.forget()
        with suppress(AttributeError):
            del caches["default"]

    forgotten()
    yield forgotten
    forgotten()


@pytest.fixture
def api(
    client: Client,
    valkey: redis_py.Redis,
    valkey_server: Valkey,
    simulator: OpenMeteoSimulator,
    settings: Any,
    forget: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Client:
    """Django's test client before the real Redis and the simulator. The database stays shut."""
    monkeypatch.setattr(
        "weathernote.http.database_reader.WAIT_SECONDS", 20
    )  # a busy machine's database is no database that hangs
    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    for name in ("SOCKET_CONNECT_TIMEOUT", "SOCKET_TIMEOUT"):
        monkeypatch.setitem(settings.CACHES["default"]["OPTIONS"], name, REDIS_PATIENCE_SECONDS)
    settings.OPEN_METEO_URL = settings.AIR_QUALITY_URL = simulator.url
    settings.OPEN_METEO_RUNS_URL = f"{simulator.url}/data"
    settings.RATE_LIMIT_REQUESTS = settings.COLD_CELLS_PER_CLIENT_PER_HOUR = UNLIMITED
    settings.COLD_SHARE_PER_ADDRESS = 1
    settings.UPSTREAM_MINUTE_BUDGET = settings.UPSTREAM_HOUR_BUDGET = settings.UPSTREAM_DAY_BUDGET = UNLIMITED
    forget()
    client.raise_request_exception = False
    return client


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[tuple[redis.Command, ...]]:
    """The commands that went to Redis in each round trip since the test began."""
    return outage.round_trips(monkeypatch)


@pytest.fixture(scope="module")
def instance(
    tmp_path_factory: pytest.TempPathFactory, valkey_server: Valkey, simulator_server: OpenMeteoSimulator
) -> Iterator[Instance]:
    """An instance of two workers, as an operator starts it."""
    folder: Path = tmp_path_factory.mktemp("instance")
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    with Instance(folder, WORKERS=2, **servers, **LIFTED) as started:
        yield started
