"""Fault 71: a client id that reads as somebody's address is counted as its own."""

import pytest

from tests.support.servers import Instance

HIT = "/api/v1/weather?lat=40.7&lon=-74.0"
OWN = "127.0.0.1"


@pytest.fixture
def limited(tmp_path, valkey, valkey_server, simulator):
    with Instance(tmp_path, REDIS_URL=valkey_server.url, OPEN_METEO_URL=simulator.url, WORKERS=1) as started:
        yield started


def test_nobody_can_spend_the_share_of_an_address_by_naming_it(limited):
    named = [limited.get(HIT, headers={"x-client-id": OWN}).status_code for _ in range(61)]
    assert named == [200] * 60 + [429]
    assert limited.get(HIT).headers["RateLimit"].startswith('"client";r=59;')


def test_who_writes_its_id_as_an_address_is_written_is_counted_by_its_own(limited):
    for left in (59, 58, 57):
        told = limited.get(HIT, headers={"x-client-id": f"address:203.0.113.{left}"})
        assert told.headers["RateLimit"].startswith(f'"client";r={left};')
