"""What a region tells of itself and its servers, and what its live processes hear of the others."""

import asyncio
import json

from tests.regions.steps import lose
from tests.regions.test_requests import CELL, WEATHER
from weather.core.datasets import WEATHER as DATASET
from weathernote.redis import Role
from weathernote.redis.replication import heartbeat
from weathernote.redis.subscription import Subscription
from weathernote.telemetry import request_log, usage

pytest_plugins = ["tests.support.redis.fixtures"]


def lines_of(api, name: str) -> list[str]:
    usage.measure()
    return [line for line in api.get("/metrics").content.decode().splitlines() if line.startswith(name)]


def test_health_tells_of_the_three_servers(regions, enter):
    told = enter(regions["far"]).get("/health").json()
    assert told == {"status": "ok", "redis": "ok", "primary": "ok", "replica": "ok", "upstream": "ok"}


def test_metrics_name_the_region_and_tell_how_its_replica_follows(regions, enter):
    api = enter(regions["far"])
    assert lines_of(api, "weathernote_region_info") == ['weathernote_region_info{region="far"} 1.0']
    assert lines_of(api, "weathernote_records_replica_connected") == ["weathernote_records_replica_connected 1.0"]
    heartbeat.beat()
    regions.wait_until_in_step()
    assert lines_of(api, "weathernote_records_replica_lag_seconds")


def test_metrics_tell_which_server_is_away(regions, enter):
    far = regions["far"]
    api = enter(far)
    far.to_primary.cut()
    lose(Role.PRIMARY)
    assert lines_of(api, "weathernote_redis_breaker_open") == ["weathernote_redis_breaker_open 1.0"]
    open_ = {line.split('"')[1]: line.split()[-1] for line in lines_of(api, "weathernote_redis_role_breaker_open")}
    assert open_ == {"own": "0.0", "primary": "1.0", "replica": "0.0"}


def test_the_log_names_the_region(regions, enter, monkeypatch):
    lines: list[str] = []
    monkeypatch.setattr(request_log, "enqueue", lambda event: lines.append(request_log.line(event)))
    enter(regions["farthest"]).get(WEATHER)
    assert [json.loads(line)["region"] for line in lines] == ["farthest"]


def test_without_regions_nothing_names_one(api, monkeypatch):
    lines: list[str] = []
    monkeypatch.setattr(request_log, "enqueue", lambda event: lines.append(request_log.line(event)))
    answer = api.get(WEATHER)
    assert "detail" not in answer["Cache-Status"] and '"region"' not in lines[0]
    assert set(api.get("/health").json()) == {"status", "redis", "upstream"}
    assert lines_of(api, "weathernote_region_info") == []


def test_a_record_that_any_region_fetches_is_heard_of_in_all(regions, enter):
    heard: list[bytes] = []
    api = enter(regions["farthest"])
    api.get("/api/v1/weather?lat=1&lon=1")  # by a server that does not know the scripts yet, it could be heard of first
    regions.settle()

    async def story() -> None:
        hearing = asyncio.Event()
        subscription = Subscription(DATASET.held_channel, heard.append, hearing.set)
        task = asyncio.create_task(subscription.run())
        async with asyncio.timeout(60):
            await hearing.wait()
            await asyncio.to_thread(api.get, WEATHER)
            while not heard:
                await asyncio.sleep(0.01)
        # What is heard of is there to be read.
        assert regions["farthest"].records.client.exists(DATASET.record_key_of(CELL))
        assert regions["farthest"].records.client.pubsub_numsub(DATASET.held_channel)[0][1] == 1
        assert regions.primary.client.pubsub_numsub(DATASET.held_channel)[0][1] == 0
        task.cancel()

    asyncio.run(story())
    assert heard == [CELL.key.encode()]
