"""One edge before two instances for nearly all tests of the edge: mended before each, and stopped at the end."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.edge.fleet import Fleet
from weather.simulator.server import OpenMeteoSimulator


@pytest.fixture(scope="session")
def the_fleet(tmp_path_factory: pytest.TempPathFactory, the_simulator_server: OpenMeteoSimulator) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("edge"), the_simulator_server.url) as fleet:
        yield fleet


@pytest.fixture
def fleet(the_fleet: Fleet, simulator: OpenMeteoSimulator) -> Fleet:
    """The fleet with all its parts up, before a simulated Open-Meteo without faults."""
    the_fleet.mend()
    return the_fleet


@pytest.fixture(scope="session")
def the_small_fleet(
    tmp_path_factory: pytest.TempPathFactory, the_simulator_server: OpenMeteoSimulator
) -> Iterator[Fleet]:
    lives = {"WEATHER_TTL_SECONDS": 1, "FORECAST_TTL_SECONDS": 1}
    with Fleet(tmp_path_factory.mktemp("small-edge"), the_simulator_server.url, WORKERS=1, **lives) as fleet:
        yield fleet


@pytest.fixture
def small_fleet(the_small_fleet: Fleet, simulator: OpenMeteoSimulator) -> Fleet:
    """Instances of one worker whose answers live for a second."""
    the_small_fleet.mend()
    return the_small_fleet


_places = count()


@pytest.fixture
def place() -> Callable[[], str]:
    """The query of a cell that nobody has asked for yet, each time another."""

    def new() -> str:
        number = next(_places)
        return f"lat={number % 80}.3&lon={number // 80}.4"

    return new


_hosts = count(1)


@pytest.fixture
def address() -> str:
    """An address of this machine that no test has asked from yet."""
    return f"127.0.1.{next(_hosts)}"
