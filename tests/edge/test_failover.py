"""Instances that are killed, restarted or gone: what phones see of it. Faults 51, 52 and 53."""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.edge.edge_server import EdgeServer, edge_before
from tests.edge.fleet import Fleet
from tests.edge.origin import Origin
from tests.support.load import Answers, Ask, Load
from tests.support.problems import code
from tests.support.servers import eventually

#: More parameters than the edge reads, so that an instance is asked each time.
PAST_THE_CACHE = "&" * 20
CELLS = [f"lat={number}.6&lon=7.5" for number in range(40)]


@pytest.fixture(scope="module")
def asks(the_fleet) -> list[Ask]:
    """Four of five go to an instance, the fifth is found at the edge; each client asks too little to be refused."""
    for cell in CELLS:
        assert the_fleet.get(f"/api/v1/weather?{cell}").ok
    return [
        Ask(f"/api/v1/weather?{CELLS[number % len(CELLS)]}{PAST_THE_CACHE if number % 5 else ''}", f"phone-{number}")
        for number in range(300)
    ]


def told(what: str, answers: Answers) -> None:
    slowest = answers.latency_ms(1)
    print(f"{what}: {len(answers)} sent, {answers.failures()} failed, slowest {slowest} ms, {dict(answers.statuses())}")


def only_good(answers: Answers, sent: int) -> bool:
    return set(answers.statuses()) == {200} and len(answers) >= sent


def test_an_instance_killed_under_500_requests_a_second_is_not_noticed(fleet, asks):
    with Load(fleet.edge.plain, asks, rate=500, seconds=4) as load:
        load.wait_for(1.5)
        fleet.kill(0)
        answers = load.answers()
    told("an instance killed with -9", answers)
    assert only_good(answers, 2000)


def test_a_rolling_restart_of_both_instances_is_not_noticed(fleet, asks):
    times = []
    with Load(fleet.edge.plain, asks, rate=150, seconds=60) as load:
        load.wait_for(0.5)
        for number in range(2):
            times.append(load.second())
            assert fleet.instances[number].stop() == 0
            times.append(load.second())
            fleet.start(number)
        times.append(load.second())
        load.end()
        answers = load.answers()
    print("stopped and started at second", *(f"{each:.1f}" for each in times))
    told("a rolling restart of both", answers)
    assert only_good(answers, round(150 * (times[-1] - 0.5)))


def test_a_worker_killed_under_load_is_not_noticed(fleet, asks):
    """Fault 51."""
    with Load(fleet.edge.plain, asks, rate=500, seconds=3) as load:
        load.wait_for(1)
        os.kill(fleet.workers(0)[0], signal.SIGKILL)
        answers = load.answers()
    told("a worker killed with -9", answers)
    assert only_good(answers, 1500)
    assert eventually(lambda: len(fleet.workers(0)) == 2)


def test_a_reload_of_the_edge_drops_nothing(fleet, asks):
    """Fault 52."""
    with Load(fleet.edge.plain, asks, rate=500, seconds=3) as load:
        for second in (0.7, 1.4, 2.1):
            load.wait_for(second)
            fleet.edge.reload()
        answers = load.answers()
    told("three reloads of nginx", answers)
    assert only_good(answers, 1500)


def test_the_edge_is_well_as_long_as_one_instance_is(tmp_path):
    with Origin() as one, Origin() as other:
        instances = [f"127.0.0.1:{origin.port}" for origin in (one, other)]
        with EdgeServer(edge_before(instances, tmp_path / "edge")) as edge:
            one.status = 503
            assert {edge.get("/health").status_code for _ in range(6)} == {200}
            other.status = 503
            assert edge.get("/health").status_code == 503


def _stored(fleet: Fleet, path: str) -> Any:
    """An answer that the edge has stored: one that came at the end of its second says `max-age=0`, and is not."""

    def stored() -> Any:
        answer = fleet.get(path)
        return answer if answer.headers["Cache-Control"].startswith("public, max-age=1") else None

    return eventually(stored)


def test_with_every_instance_gone_held_cells_are_served_and_others_told_when_to_come_again(small_fleet, place):
    noon = max(-179, ((12 - datetime.now(UTC).hour) * 15 + 540) % 360 - 180)  # degrees east; far from its midnight
    cells = [f"lat={number}.1&lon={noon}.2" for number in range(10)]
    held = [f"/api/v1/{record}?{cell}" for cell in cells for record in ("weather", "forecast")]
    first = [_stored(small_fleet, path).json()["latitude"] for path in held]
    small_fleet.settled_counts()
    for number in range(2):
        small_fleet.kill(number)
    time.sleep(1.5)

    answers = [small_fleet.get(path) for path in held]
    others = [small_fleet.get(f"/api/v1/{record}?{place()}") for record in ("weather", "forecast") for _ in range(5)]
    pages = [
        small_fleet.get("/health"),
        small_fleet.get("/api/v1/docs"),
        small_fleet.get("/admin/", address="127.0.0.1"),
    ]
    print(
        f"all instances gone: held {Counter(each.status_code for each in answers)}, others "
        f"{Counter(each.status_code for each in others)}"
    )
    assert [each.json()["latitude"] for each in answers] == first
    # For a minute they count as being renewed, and then as stale for want of an answer.
    assert {each.headers["Cache-Status"].partition("detail=")[2] for each in answers} <= {
        "stale-while-revalidate",
        "stale-if-error",
    }
    assert {code(each) for each in others + pages} == {"upstream_unavailable"}

    # What was answered meanwhile is told to the first that comes back, which begins to count anew.
    small_fleet.mend()
    after = small_fleet.settled_counts()
    assert (after["weather", 200], after["forecast", 200]) == (10, 10)


def test_a_request_under_way_is_finished_by_an_instance_that_is_told_to_stop(small_fleet, simulator, place):
    """Fault 53."""
    simulator.settings(base_ms=1500)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(small_fleet.get, f"/api/v1/weather?{place()}")
        eventually(lambda: small_fleet.valkey.client.keys("slot:*"))
        for instance in small_fleet.instances.values():
            instance.signal(signal.SIGTERM)
        answer = waiting.result()
    print(f"told to stop in mid-request: {answer.status_code}, asked at {answer.headers.get('Cache-Status')}")
    assert answer.status_code == 200
    assert [instance.popen.wait(60) for instance in small_fleet.instances.values()] == [0, 0]
