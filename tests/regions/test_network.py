"""What the other tests of this folder stand on: lines that are long, cut and healed, and replicas that follow."""

import time

import pytest
import redis as redis_py

from tests.support.servers import eventually

pytest_plugins = ["tests.support.redis.fixtures"]


def client(url, **options):
    return redis_py.Redis.from_url(url, decode_responses=True, socket_timeout=0.5, **options)


def test_what_is_written_through_any_line_is_read_in_every_region(regions):
    for region in regions:
        client(region.to_primary.url).set(f"written:{region.name}", "1", ex=60)
    regions.wait_until_in_step()
    for region in regions:
        assert len(region.records.client.keys("written:*")) == 3


def test_a_round_trip_takes_the_time_of_its_line(regions):
    far = client(regions["farthest"].to_primary.url)
    far.ping()
    began = time.monotonic()
    far.ping()
    assert time.monotonic() - began >= 0.08


def test_commands_sent_together_share_a_round_trip(regions):
    far = client(regions["far"].to_primary.url)
    pipeline = far.pipeline(transaction=False)
    for number in range(500):
        pipeline.set("counted", number, ex=60)
    assert pipeline.execute() == [True] * 500
    assert regions.primary.client.get("counted") == "499"


def test_a_region_that_is_cut_off_lags_and_catches_up(regions):
    far = regions["far"]
    far.cut_off()
    regions.primary.client.set("while", "cut off", ex=60)
    with pytest.raises(redis_py.TimeoutError):
        client(far.to_primary.url).ping()
    assert far.records.client.get("while") is None
    far.heal()
    eventually(lambda: far.records.client.get("while") == "cut off")
    assert client(far.to_primary.url).ping()


def test_a_replica_may_lag_while_its_region_writes(regions):
    far = regions["far"]
    far.replication.hold_replies()
    client(far.to_primary.url).set("written", "here", ex=60)
    regions["farthest"].records.client.get("written")
    eventually(lambda: regions["farthest"].records.client.get("written") == "here")
    assert far.records.client.get("written") is None
    far.replication.heal()
    eventually(lambda: far.records.client.get("written") == "here")


def test_a_promoted_replica_takes_the_writes_of_all(regions):
    old = regions.primary
    regions.promote("far")
    for region in regions:
        client(region.to_primary.url).set(f"written:{region.name}", "1", ex=60)
    regions.wait_until_in_step()
    assert old.client.info("replication")["role"] == "slave"
    assert len(old.client.keys("written:*")) == 3


def test_a_subscriber_of_a_replica_hears_what_is_published_at_the_primary(regions):
    listener = regions["farthest"].records.client.pubsub()
    listener.subscribe("channel")
    eventually(lambda: listener.get_message() is not None)
    client(regions["far"].to_primary.url).publish("channel", "news")
    assert eventually(lambda: listener.get_message(timeout=1))["data"] == "news"
