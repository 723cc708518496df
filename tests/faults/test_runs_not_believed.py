"""Fault 85, of what users get: while model runs are not to be believed, records are refreshed as without them."""

import json

import pytest

from tests.support.clocks import MIDNIGHT, SetClock
from weather.budget.popularity import Popularity
from weather.budget.price import Price
from weather.budget.refresh_rule import RefreshRule
from weather.budget.run_census import RunCensus
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.fetching.run_poller import RunPoller
from weather.runs.evidence import Evidence
from weather.runs.held_times import HeldTimes
from weather.runs.known import KnownRuns
from weather.runs.local_hours import LocalHours
from weather.runs.table import RunTable
from weather.simulator.server import OpenMeteoSimulator
from weather.upstream.run_times_client import RunTimesClient

pytest_plugins = ["tests.support.redis.fixtures"]

MODEL = "dwd_icon_d2"
HOUR, DAY = 3600, 86_400
STEP_SECONDS = 60
BERLIN = Cell(525, 134)
RATE = 0.01


class Process:
    """What decides about refreshes in a process, with run times or without any."""

    def __init__(self, upstream: OpenMeteoSimulator, clock: SetClock) -> None:
        self.upstream, self.clock = upstream, clock
        assert WEATHER.areas is not None
        table = RunTable(WEATHER.areas.models)
        self.evidence = Evidence(WEATHER.areas, table, clock)
        popularity = Popularity(clock=clock)
        popularity.record(BERLIN, 5_000)
        popularity.flush()
        hours = LocalHours(clock=clock)
        self.known = KnownRuns(WEATHER.areas, table, hours, self.evidence, popularity.counted_seconds)
        census = RunCensus(self.known, popularity, HeldTimes("weather", 2 * DAY, clock))
        self.price = self._price({WEATHER: census}, popularity)
        self.price_without_runs = self._price({}, popularity)
        self.rule = RefreshRule(WEATHER, self.price, self.known)
        self.rule_without_runs = RefreshRule(WEATHER, self.price_without_runs)
        client = RunTimesClient(f"{upstream.url}/data", now=clock)
        self.poller = RunPoller(client, table, lambda: [MODEL], now=clock)

    def _price(self, runs, popularity):
        return Price({WEATHER: popularity}, lambda: 10 / DAY, runs, lambda: (5.0, DAY / 2), now=self.clock)

    def wait(self, seconds: float) -> None:
        for _ in range(0, int(seconds), STEP_SECONDS):
            self.clock.seconds += STEP_SECONDS
            self.known.table.read()
            self.poller.step()

    def follows_runs(self) -> bool:
        return self.known.times_for(BERLIN, self.clock()) is not None

    def is_as_without_runs(self) -> bool:
        """Whether records of any age stand, and are paid for, as in a service that knows nothing of runs."""
        for price in (self.price, self.price_without_runs):
            price.work_out()
        now = self.clock()
        return self.price.value == self.price_without_runs.value and all(
            rule.standing(BERLIN, at, RATE, now) == without.standing(BERLIN, at, RATE, now)
            and rule.spender(BERLIN, at, now) == without.spender(BERLIN, at, now)
            for rule, without in [(self.rule, self.rule_without_runs)]
            for at in range(int(now) - 47 * HOUR, int(now), HOUR // 2)
        )


@pytest.fixture
def process(here):
    clock = SetClock(MIDNIGHT + 12 * HOUR)
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, model_runs=True, clock=clock) as upstream:
        upstream.settings(run_lateness_seconds=0)
        process = Process(upstream, clock)
        process.wait(2 * STEP_SECONDS)
        yield process


def lose(upstream):
    upstream.fault("status", status=500, path="/data")


def tell_of_the_future(upstream):
    upstream.fault("future_runs", path="/data")


def stand_still(upstream):
    upstream.settings(runs_until=upstream.now())


# One run that does not come is taken to have come: runs stand still once the one after it is overdue too.
@pytest.mark.parametrize(("trouble", "hours"), [(lose, 6), (tell_of_the_future, 6), (stand_still, 8)])
def test_freshness_is_that_of_a_service_without_runs_for_as_long_as_the_trouble_lasts(process, trouble, hours):
    assert process.follows_runs() and not process.is_as_without_runs()
    trouble(process.upstream)
    process.wait(hours * HOUR)
    for _ in range(4):
        assert not process.follows_runs() and process.is_as_without_runs()
        process.wait(6 * HOUR)
    process.upstream.fault(None)
    process.upstream.settings(runs_until=None)
    process.wait(HOUR)
    assert process.follows_runs() and not process.is_as_without_runs()


def test_where_refreshes_show_that_the_table_is_wrong_records_stand_as_without_runs(process, monkeypatch):
    with monkeypatch.context() as wrong:
        wrong.setattr(process.evidence, "contradicts", lambda cell, model: True)
        now = process.clock()
        process.price.value = process.price_without_runs.value = 1e4
        for age in range(0, 47 * HOUR, HOUR):
            expected = process.rule_without_runs.standing(BERLIN, now - age, RATE, now)
            assert process.rule.standing(BERLIN, now - age, RATE, now) == expected
    assert process.follows_runs()


def test_run_times_that_somebody_wrote_into_redis_end_no_request_in_an_error(process, here):
    now = int(process.clock())
    runs = [[now - 2 * HOUR, now - HOUR], [9, now - 2 * HOUR], [8, now - 3 * HOUR]]
    strange = json.dumps({"interval_seconds": 3 * HOUR, "seen_at": now, "runs": runs})
    here.hset("runs:models", MODEL, strange)
    process.known.table.read()
    assert process.follows_runs()
    assert process.rule.standing(BERLIN, now - HOUR, RATE, now).age_seconds == HOUR
    process.price.work_out()
