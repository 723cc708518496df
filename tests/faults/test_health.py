"""Faults 61 and 76: /health asked without end, and by many at once while Redis hangs."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest_plugins = ["tests.support.redis.fixtures"]


def commands(valkey) -> int:
    return valkey.info("stats")["total_commands_processed"]


def written(valkey) -> int:
    """Commands that change something, as a replica would be sent them."""
    writing = set(valkey.acl_cat("write"))
    told = valkey.info("commandstats").items()
    return sum(one["calls"] for name, one in told if name.removeprefix("cmdstat_").partition("|")[0] in writing)


def test_a_thousand_calls_cost_redis_a_few_commands_a_second(api, valkey):
    api.get("/health")
    before, began = commands(valkey), time.monotonic()
    assert {api.get("/health").status_code for _ in range(1000)} == {200}
    looks = time.monotonic() - began + 1
    assert commands(valkey) - before <= 3 * looks + 1  # one is this count's own


def test_a_look_writes_nothing(api, valkey):
    api.get("/api/v1/weather?lat=1&lon=1")
    valkey.config_resetstat()
    api.get("/health")
    assert written(valkey) == 0 and valkey.info("commandstats")["cmdstat_hgetall"]["calls"] == 1


@pytest.mark.parametrize("command", ["SET a 1", "ZADD a 1 b", "DEL a", "XADD a * b c"])
def test_whatever_writes_would_be_seen(valkey, command):
    valkey.config_resetstat()
    valkey.execute_command(*command.split())
    assert written(valkey) == 1


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_forty_at_once_hear_from_one_look_that_redis_is_gone(api, own, number, lost):
    api.get("/health")
    server = own()
    server.signal(number)
    with ThreadPoolExecutor(40) as pool:
        told = [response.json() for response in pool.map(lambda _: api.get("/health"), range(40))]
    assert told == [{"status": "degraded", "redis": "down", "upstream": "ok"}] * 40
    assert len([reason for reason in lost if reason != "breaker_open"]) <= 3  # a look each second, on a slow machine
