"""Locks and leases in Redis, which only their owner renews and releases."""

from weathernote import redis
from weathernote.redis import owned_key

pytest_plugins = ["tests.support.redis.fixtures"]


def test_the_owner_renews_and_releases_its_key(here):
    here.set("lease", "mine", px=1000)
    assert redis.execute(owned_key.renewing("lease", "mine", 60_000)) == [1] and here.pttl("lease") > 1000
    assert redis.execute(owned_key.releasing("lease", "mine")) == [1] and not here.exists("lease")


def test_a_key_is_taken_once_and_by_its_owner_again(here):
    assert redis.execute(owned_key.taking("lease", "mine", 1000)) == [1] and here.pttl("lease") <= 1000
    assert redis.execute(owned_key.taking("lease", "theirs", 60_000)) == [0]
    assert redis.execute(owned_key.taking("lease", "mine", 60_000)) == [1]
    assert here.get("lease") == "mine" and here.pttl("lease") > 1000


def test_a_key_that_another_owner_took_is_left_as_it_is(here):
    here.set("lease", "theirs", px=60_000)
    assert redis.execute(owned_key.renewing("lease", "mine", 1), owned_key.releasing("lease", "mine")) == [0, 0]
    assert here.get("lease") == "theirs" and here.pttl("lease") > 1000


def test_an_expired_key_is_not_made_again(here):
    assert redis.execute(owned_key.renewing("lease", "mine", 1000), owned_key.releasing("lease", "mine")) == [0, 0]
    assert not here.exists("lease")
