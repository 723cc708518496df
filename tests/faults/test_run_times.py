"""Fault 85, of what is known of model runs: when it is not believed, and that it soon is again."""

import threading

import pytest

from tests.support.limits import LIFTED
from tests.support.redis.outage import take_redis_away
from tests.support.servers import Instance, Valkey, eventually
from weather.core.runs.run_times import UNSEEN_SECONDS
from weather.fetching.run_poller import PAUSES_SECONDS, RunPoller
from weather.runs.table import RunTable
from weather.simulator.model_runs import MODELS
from weather.upstream.run_times_client import RunTimesClient

pytest_plugins = ["tests.support.redis.fixtures", "tests.support.weather.run_times"]

MODEL = "dwd_icon_d2"
HOUR, DAY = 3600, 86_400
STEP_SECONDS = 30
NOT_TO_BE_HAD = {
    "404": {"kind": "status", "status": 404},
    "500": {"kind": "status", "status": 500},
    "429": {"kind": "status", "status": 429},
    "a page": {"kind": "html", "status": 200},
    "half an answer": {"kind": "truncated"},
    "no answer": {"kind": "close"},
    "the future": {"kind": "future_runs"},
}


@pytest.fixture
def make_poller(here, upstream, clock):
    """Makes the poller of a process."""

    def made(timeout_seconds: float = 30) -> RunPoller:
        client = RunTimesClient(f"{upstream.url}/data", timeout_seconds=timeout_seconds, now=clock)
        return RunPoller(client, RunTable(MODELS), lambda: [MODEL], now=clock)

    return made


@pytest.fixture
def wait(clock):
    """Lets seconds go by, in which the processes take their steps."""

    def waited(seconds: float, *pollers: RunPoller) -> None:
        for _ in range(0, int(seconds), STEP_SECONDS):
            clock.seconds += STEP_SECONDS
            for poller in pollers:
                poller.table.read()
                poller.step()

    return waited


def _is_trusted(poller: RunPoller) -> bool:
    times = poller.table.times_of(MODEL)
    return times is not None and times.is_trusted(poller.now())


@pytest.mark.parametrize("fault", NOT_TO_BE_HAD.values(), ids=NOT_TO_BE_HAD)
def test_run_times_that_are_not_to_be_had_are_believed_for_an_hour_and_again_when_they_are_back(
    make_poller, upstream, wait, fault
):
    poller = make_poller()
    wait(60, poller)
    assert _is_trusted(poller)
    upstream.fault(path="/data", **fault)
    wait(UNSEEN_SECONDS + 900, poller)
    assert not _is_trusted(poller)
    upstream.fault(None)
    wait(PAUSES_SECONDS[-1] + STEP_SECONDS, poller)
    assert _is_trusted(poller)


def test_run_times_that_were_never_had_are_not_believed(make_poller, upstream, wait):
    poller = make_poller()
    upstream.fault("status", status=500, path="/data")
    wait(HOUR, poller)
    assert not _is_trusted(poller)


def test_a_server_that_hangs_holds_a_step_up_for_the_timeout_alone(make_poller, upstream, wait):
    poller = make_poller(timeout_seconds=0.2)
    upstream.fault("hang", path="/data")
    wait(STEP_SECONDS, poller)
    assert not _is_trusted(poller)
    upstream.fault(None)
    poller.client.timeout_seconds = 30  # time enough for a busy machine
    wait(PAUSES_SECONDS[0] + STEP_SECONDS, poller)
    assert _is_trusted(poller)


@pytest.mark.parametrize("setting", ["runs_until", "run_times_until"])
def test_runs_that_stand_still_for_a_day_are_believed_until_half_an_interval_after_the_next_was_due(
    make_poller, upstream, clock, wait, setting
):
    poller = make_poller()
    wait(60, poller)
    times = poller.table.times_of(MODEL)
    upstream.settings(**{setting: clock()})
    wait(times.overdue_at - clock() - STEP_SECONDS, poller)
    assert _is_trusted(poller)
    for _ in range(24):
        wait(HOUR, poller)
        assert not _is_trusted(poller)
    upstream.settings(**{setting: None})
    wait(900 + STEP_SECONDS, poller)
    assert _is_trusted(poller)


def test_of_eight_processes_one_asks(make_poller, upstream, wait):
    pollers = [make_poller() for _ in range(8)]
    together = threading.Barrier(len(pollers))

    def step(poller: RunPoller) -> None:
        together.wait()
        poller.step()

    threads = [threading.Thread(target=step, args=(poller,)) for poller in pollers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert upstream.state()["run_times"] == {MODEL: 1}
    wait(HOUR, *pollers)
    assert all(_is_trusted(poller) for poller in pollers)
    assert upstream.state()["run_times"][MODEL] <= 1 + 60  # each minute at most, where a run was due all the time


def test_without_redis_nobody_asks_and_what_is_known_is_believed_for_an_hour(make_poller, upstream, wait, monkeypatch):
    poller, another = make_poller(), make_poller()
    wait(60, poller, another)
    asked = upstream.state()["run_times"]
    with monkeypatch.context() as gone:
        take_redis_away(gone)
        wait(UNSEEN_SECONDS - 60, poller, another)
        assert _is_trusted(poller) and _is_trusted(another)
        wait(120, poller, another)
        assert not _is_trusted(poller) and not _is_trusted(another)
        assert upstream.state()["run_times"] == asked
    wait(STEP_SECONDS, poller, another)
    assert _is_trusted(poller) and _is_trusted(another)


def test_a_redis_that_forgets_everything_is_told_again(make_poller, upstream, wait, here):
    poller, another = make_poller(), make_poller()
    wait(60, poller)
    here.flushall()
    wait(900 + STEP_SECONDS, poller)
    another.table.read()
    assert another.table.times_of(MODEL) == poller.table.times_of(MODEL)


def test_an_instance_of_four_processes_follows_the_model_of_a_place_that_is_asked_for(tmp_path, simulator):
    simulator.settings(model_runs=True)
    valkey = Valkey(tmp_path / "valkey")
    servers = {"REDIS_URL": valkey.url, "OPEN_METEO_URL": simulator.url}
    try:
        with Instance(tmp_path / "instance", WORKERS=4, **servers, **LIFTED) as instance:
            assert instance.get("/api/v1/weather?lat=40.7128&lon=-74.0060").ok
            age = 'weathernote_model_run_age_seconds{model="ncep_hrrr_conus"}'
            eventually(lambda: age in instance.get("/metrics").text, within_seconds=90, every_seconds=0.5)
            assert simulator.state()["run_times"]["ncep_hrrr_conus"] <= 2
    finally:
        valkey.stop()
