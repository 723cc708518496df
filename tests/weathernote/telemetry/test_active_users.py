"""Clients are counted once for all instances, and their requests each time."""

import time

import pytest

from weathernote import redis
from weathernote.telemetry import active_users
from weathernote.telemetry.active_users import Users


@pytest.fixture(autouse=True)
def _nothing_recorded(api):
    active_users.flush()
    redis.execute(*(("DEL", key) for keys in active_users._keys(time.time()) for key in keys))


def test_a_client_is_counted_once_and_each_of_its_requests():
    active_users.record(["a1", "b2"], requests=3)
    active_users.flush()
    active_users.record(["a1"], requests=2)
    active_users.flush()
    assert redis.fetch_one(active_users.users()) == Users(five_minutes=2, day=2, requests_of_the_day=5)


def test_five_minutes_later_a_client_is_one_of_the_day_alone(monkeypatch):
    active_users.record(["a1"], requests=1)
    active_users.flush()
    now = time.time()
    monkeypatch.setattr(active_users, "time", lambda: now + 300)
    assert redis.fetch_one(active_users.users()) == Users(five_minutes=0, day=1, requests_of_the_day=1)


def test_every_key_expires(valkey):
    active_users.record(["a1"], requests=1)
    active_users.flush()
    assert all(0 < valkey.ttl(key) <= 25 * 3600 for key in valkey.scan_iter("active:*"))
