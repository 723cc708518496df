"""One process of the fleet follows the run times of the models in use, politely."""

import pytest

from tests.support.redis.outage import take_redis_away
from weather.fetching.run_poller import LEASE_KEY, LEASE_SECONDS, PAUSES_SECONDS, SURVEY_SECONDS, RunPoller
from weather.runs.table import USED_SECONDS, RunTable
from weather.simulator.model_runs import MODELS
from weather.upstream.run_times_client import RunTimesClient

pytest_plugins = ["tests.support.redis.fixtures", "tests.support.weather.run_times"]

HOURLY, THREE_HOURLY = "ncep_hrrr_conus", "dwd_icon_d2"
HOUR = 3600


@pytest.fixture
def process(here, upstream, clock):
    """Makes the poller of a process, for whose cells these models answer."""

    def made(*models: str) -> RunPoller:
        client = RunTimesClient(f"{upstream.url}/data", now=clock)
        return RunPoller(client, RunTable(MODELS), lambda: models, now=clock)

    return made


def asked(upstream) -> dict[str, int]:
    """Model → how often its run times were asked for."""
    return upstream.state()["run_times"]


def run_for(poller, clock, seconds: int, every_seconds: int = 10) -> None:
    """Takes the steps that a loop takes in so many seconds."""
    for _ in range(0, seconds, every_seconds):
        poller.table.read()
        poller.step()
        clock.seconds += every_seconds


def test_the_models_of_cells_that_are_asked_for_are_followed_and_no_others(process, upstream, clock):
    poller = process(HOURLY, THREE_HOURLY)
    poller.step()
    assert asked(upstream) == {HOURLY: 1, THREE_HOURLY: 1}
    assert poller.table.times_of(HOURLY).is_trusted(clock())
    assert poller.table.times_of("ecmwf_ifs") is None


def test_what_is_learnt_is_read_by_all_processes(process, upstream, clock):
    poller, another = process(HOURLY), process()
    poller.step()
    another.table.read()
    assert another.table.times_of(HOURLY) == poller.table.times_of(HOURLY)


def test_one_process_asks_and_another_takes_over_when_its_lease_has_expired(process, upstream, clock, here):
    first, second = process(HOURLY), process(HOURLY)
    first.step()
    second.step()
    assert asked(upstream) == {HOURLY: 1}
    assert 0 < here.pttl(LEASE_KEY) <= LEASE_SECONDS * 1000
    here.delete(LEASE_KEY)
    clock.seconds += HOUR
    second.table.read()
    second.step()
    first.step()
    assert asked(upstream) == {HOURLY: 2}


def test_a_process_that_ends_gives_its_lease_back(process, upstream, clock):
    first, second = process(HOURLY), process(HOURLY)
    first.step()
    first.release()
    clock.seconds += HOUR
    second.step()
    second.release()
    assert asked(upstream) == {HOURLY: 2}


def test_a_process_that_has_read_nothing_yet_adds_to_the_runs_that_the_fleet_knows(process, upstream, clock):
    poller = process(HOURLY)
    run_for(poller, clock, 3 * HOUR)
    known = poller.table.times_of(HOURLY).runs
    poller.release()
    another = process(HOURLY)
    another.step()
    assert len(known) > 2 and another.table.times_of(HOURLY).runs == known


def test_a_process_that_ends_takes_nobody_elses_lease(process, upstream, here):
    first, second = process(HOURLY), process(HOURLY)
    first.step()
    second.release()
    assert here.exists(LEASE_KEY)


def test_a_new_run_is_known_within_two_minutes(process, upstream, clock):
    poller = process(THREE_HOURLY)
    run_for(poller, clock, 60)
    due = poller.table.times_of(THREE_HOURLY).next_available
    run_for(poller, clock, int(due - clock()) + 120)
    newest = poller.table.times_of(THREE_HOURLY).runs[0]
    assert newest.available == due


def test_a_day_of_runs_is_followed_with_few_questions(process, upstream, clock):
    poller = process(THREE_HOURLY)
    run_for(poller, clock, 24 * HOUR, every_seconds=30)
    assert len(poller.table.times_of(THREE_HOURLY).runs) == 9
    # Four an hour, and some around each of the eight runs.
    assert asked(upstream)[THREE_HOURLY] <= 24 * 4 + 8 * 6


def test_a_late_run_is_asked_for_until_it_is_there(process, upstream, clock):
    poller = process(THREE_HOURLY)
    run_for(poller, clock, 60)
    due = poller.table.times_of(THREE_HOURLY).next_available
    upstream.settings(runs_until=clock())
    run_for(poller, clock, int(due - clock()) + HOUR)
    assert poller.table.times_of(THREE_HOURLY).runs[0].available < due
    upstream.settings(runs_until=None)
    run_for(poller, clock, 330)
    assert poller.table.times_of(THREE_HOURLY).runs[0].available == due


def test_what_fails_is_asked_for_less_and_less_often(process, upstream, clock):
    poller = process(HOURLY)
    upstream.fault("status", status=500, path="/data")
    for number, pause_seconds in enumerate((*PAUSES_SECONDS, PAUSES_SECONDS[-1]), start=1):
        poller.step()
        assert asked(upstream) == {HOURLY: number}
        clock.seconds += pause_seconds - 1
        poller.step()
        assert asked(upstream) == {HOURLY: number}
        clock.seconds += 1


def test_after_a_success_failures_begin_anew(process, upstream, clock):
    poller = process(HOURLY)
    upstream.fault("status", status=500, path="/data", times=2)
    for seconds in (PAUSES_SECONDS[0], PAUSES_SECONDS[1], HOUR):
        poller.step()
        clock.seconds += seconds
    upstream.fault("status", status=500, path="/data", times=1)
    poller.step()
    clock.seconds += PAUSES_SECONDS[0]
    poller.step()
    assert poller.table.times_of(HOURLY).seen_at == clock()


def test_a_model_whose_run_times_cannot_be_had_does_not_keep_the_others_from_theirs(process, upstream, clock):
    poller = process(HOURLY, THREE_HOURLY)
    upstream.fault("status", status=404, path="/data", times=1)
    poller.step()
    poller.step()
    assert asked(upstream) == {HOURLY: 1, THREE_HOURLY: 1}


def test_a_clock_that_was_set_back_ends_a_pause(process, upstream, clock):
    poller = process(HOURLY)
    upstream.fault("status", status=500, path="/data", times=1)
    poller.step()
    clock.seconds -= HOUR
    poller.step()
    assert asked(upstream) == {HOURLY: 2}


def test_each_outcome_is_counted(process, upstream, clock, counted):
    poller = process(HOURLY)
    poller.step()
    clock.seconds += 900
    poller.step()
    for fault in ({"kind": "status", "status": 429}, {"kind": "status", "status": 500}, {"kind": "future_runs"}):
        upstream.fault(path="/data", times=1, **fault)
        clock.seconds += 900
        poller.step()
    assert counted() == {"new_run": 1, "same_run": 1, "refused": 1, "failed": 1, "invalid_response": 1}


@pytest.fixture
def counted():
    """The polls since the test began, by outcome, without those that did not occur."""
    from weathernote.telemetry.metrics import RUN_TIMES_POLLS

    def read() -> dict[str, float]:
        samples = next(iter(RUN_TIMES_POLLS.collect())).samples
        return {sample.labels["outcome"]: sample.value for sample in samples if sample.name.endswith("_total")}

    before = read()
    return lambda: {outcome: now - before[outcome] for outcome, now in read().items() if now != before[outcome]}


def test_popularity_is_surveyed_rarely_and_a_model_is_followed_for_a_day(here, upstream, clock):
    surveys: list[float] = []

    def popular_models() -> list[str]:
        surveys.append(clock())
        return [HOURLY] if len(surveys) == 1 else [THREE_HOURLY]

    poller = RunPoller(RunTimesClient(f"{upstream.url}/data", now=clock), RunTable(MODELS), popular_models, now=clock)
    poller.step()
    poller.step()
    assert len(surveys) == 1
    clock.seconds += SURVEY_SECONDS
    poller.step()
    assert len(surveys) == 2
    clock.seconds += USED_SECONDS - SURVEY_SECONDS
    assert poller.table.used(clock()) == [THREE_HOURLY, HOURLY]
    assert poller.table.used(clock() + 1) == [THREE_HOURLY]


def test_until_a_cell_is_asked_for_each_step_looks_for_one(here, upstream, clock):
    models: list[str] = []
    poller = RunPoller(RunTimesClient(f"{upstream.url}/data", now=clock), RunTable(MODELS), lambda: models, now=clock)
    poller.step()
    models.append(HOURLY)
    poller.step()
    assert asked(upstream) == {HOURLY: 1}


def test_without_redis_nobody_asks(process, upstream, monkeypatch):
    poller = process(HOURLY)
    take_redis_away(monkeypatch)
    poller.step()
    assert asked(upstream) == {}


def test_models_that_another_process_uses_are_followed_too(process, upstream, clock):
    process().table.note_used([THREE_HOURLY], clock())
    poller = process(HOURLY)
    poller.table.read()
    poller.step()
    assert asked(upstream) == {HOURLY: 1, THREE_HOURLY: 1}


def test_an_interval_that_open_meteo_changes_is_taken_over(process, upstream, clock):
    poller = process(THREE_HOURLY)
    poller.step()
    poller.table.write(THREE_HOURLY, _with_interval(poller.table.times_of(THREE_HOURLY), HOUR))
    clock.seconds += HOUR
    poller.step()
    assert poller.table.times_of(THREE_HOURLY).interval_seconds == 3 * HOUR


def _with_interval(times, seconds):
    return type(times)(seconds, times.runs, times.seen_at)
