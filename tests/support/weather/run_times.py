"""Fixtures: a clock at noon, and a simulated Open-Meteo whose models' runs come on time by it."""

import pytest

from tests.support.clocks import MIDNIGHT, SetClock
from weather.simulator.server import OpenMeteoSimulator

NOON = MIDNIGHT + 12 * 3600


@pytest.fixture
def clock():
    return SetClock(NOON)


@pytest.fixture
def upstream(clock):
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, model_runs=True, clock=clock) as simulator:
        simulator.settings(run_lateness_seconds=0)
        yield simulator
