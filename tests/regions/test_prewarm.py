"""`manage.py prewarm` in a region: it warms its own answers, whoever refreshes for all."""

import json

import pytest

from prewarm.cities.models import City
from prewarm.runs import lock
from prewarm.runs.run import REFRESHED_ELSEWHERE, Options, run
from prewarm.runs.schedule import LAST_GOOD_KEY
from tests.regions.steps import lose
from tests.regions.test_requests import later
from tests.support.clocks import around_noon
from tests.support.servers import eventually
from weather.api.service import service
from weathernote import redis
from weathernote.redis import Role

pytest_plugins = ["tests.support.redis.fixtures"]

BERLIN = "/api/v1/weather?lat=52.5&lon=13.4"
ANSWER = "weather:lat:52.5:lon:13.4"


@pytest.fixture
def berlin(regions, enter, db, simulator):
    """The API in the far region, for which the records of the one city are held."""
    City.objects.exclude(name="Berlin").update(active=False)
    with around_noon(simulator):
        enter(regions.writer).get(BERLIN)
        regions.wait_until_in_step()
        yield enter(regions["far"])


def test_a_run_beside_another_regions_warms_its_own_answers(regions, berlin, simulator):
    regions.primary.client.set(lock.KEY, "prewarm:of-another-region", px=30_000)
    result = run(Options(force=True))
    own = regions["far"].own.client
    assert result.exit_code == 0 and REFRESHED_ELSEWHERE in result.summary["message"]
    assert own.exists(ANSWER) and own.exists(LAST_GOOD_KEY)
    assert simulator.state()["calls"] == 1
    assert not regions.primary.client.exists(LAST_GOOD_KEY)


def test_a_second_run_in_the_same_region_leaves_it_to_the_first(regions, berlin):
    regions["far"].own.client.set(lock.KEY_OF_REGION, "prewarm:first", px=30_000)
    assert "running" in run(Options()).summary["message"]
    assert not regions["far"].own.client.exists(ANSWER)


def test_without_the_primary_a_run_still_warms_the_regions_answers(regions, berlin):
    regions["far"].cut_off()
    lose(Role.PRIMARY)
    assert run(Options()).exit_code != 0
    assert regions["far"].own.client.exists(ANSWER)


def test_a_run_whose_replica_is_behind_leaves_newer_answers_alone(regions, berlin, enter, simulator):
    """What a process of the region fetched, another answers with, before the replica has it."""
    far = regions["far"]
    old = berlin.get(BERLIN).json()["fetched_at"]
    far.replication.hold_replies()
    with later(simulator, 20):
        far.own.client.flushall()
        berlin.get(BERLIN)  # due: refreshed behind it
        eventually(lambda: simulator.state()["calls"] == 2 and service().workers.is_idle)
        far.own.client.flushall()
        new = berlin.get(BERLIN).json()["fetched_at"]
        enter(far)  # prewarm's own process
        far.own.client.expire(ANSWER, 30)
        regions.primary.client.set(lock.KEY, "prewarm:of-another-region", px=30_000)
        run(Options())
    assert json.loads(far.own.client.get(ANSWER))["fetched_at"] == new > old


def test_a_region_that_is_the_primary_knows_of_others_by_its_name(settings, regions, enter):
    enter(regions.writer)
    settings.REGION, settings.RECORDS_REDIS_URL, settings.RECORDS_REPLICA_URL = "home", "", ""
    redis.reset()
    assert redis.is_one_server()
    with lock.of_run() as of_region, lock.held() as of_others:
        assert of_region and of_others
