"""What a serving process does behind its requests: the one list, and that an instance works through it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from prewarm.runs import refresher
from tests.support.servers import Instance, Valkey, eventually
from weather.api.service import service, services
from weather.simulator.server import OpenMeteoSimulator
from weathernote.redis.replication import heartbeat
from weathernote.runtime import loops
from weathernote.telemetry import active_users, request_events, request_log, usage

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"


@pytest.fixture
def own_service(forget: Callable[[], None]) -> Any:
    return service()


def test_the_list_of_steps_and_how_often_they_are_taken(own_service: Any) -> None:
    price, budget, runs = own_service.price, own_service.budget, own_service.runs
    flushes = tuple(one.popularity.flush for one in services())
    assert [(loop.seconds, loop.steps) for loop in loops.loops()] == [
        (0.25, (request_log.write,)),
        (0.25, (request_events.count,)),
        (5, (usage.measure, active_users.flush)),
        (5, (*flushes, budget.synchronize, price.agree, heartbeat.beat)),
        (10, (runs.known.read, runs.known.evidence.flush)),
        (10, (runs.poller.step,)),
        (refresher.STEP_SECONDS, (refresher.step,)),
    ]


def test_whatever_gathers_writes_it_down_at_the_end(own_service: Any) -> None:
    last = [step for loop in loops.loops() for step in loop.last_steps]
    assert last == [
        *(request_log.write, request_events.count),
        *(request_events.count, active_users.flush),  # in this order: what is counted last is flushed too
        *(one.popularity.flush for one in services()),
        own_service.runs.poller.release,
        refresher.release,
    ]


def test_an_instance_counts_what_is_popular_and_agrees_on_a_price(
    instance: Instance, valkey: redis_py.Redis, simulator: OpenMeteoSimulator
) -> None:
    assert instance.get(WEATHER).ok
    eventually(lambda: _is_popular(valkey), within_seconds=20)
    eventually(lambda: valkey.exists("popularity:price"), within_seconds=20)
    eventually(lambda: valkey.exists("budget:open-meteo"), within_seconds=20)


def test_what_was_gathered_reaches_redis_when_the_instance_is_stopped(
    tmp_path: Path, simulator: OpenMeteoSimulator
) -> None:
    valkey = Valkey(tmp_path / "valkey")  # to which no other test's instance still writes
    try:
        servers = {"REDIS_URL": valkey.url, "OPEN_METEO_URL": simulator.url}
        with Instance(tmp_path / "instance", WORKERS=1, **servers) as stopped:
            for _ in range(3):
                stopped.get(WEATHER)
        keys = valkey.client.scan_iter("active:{users}:requests:*")
        assert sum(int(valkey.client.get(key) or 0) for key in keys) == 3
    finally:
        valkey.stop()


def _is_popular(valkey: redis_py.Redis) -> bool:
    return valkey.zscore("popularity:cells", "lat:40.7:lon:-74.0") is not None
