"""Faults 29 to 33 and 35: many processes and one Open-Meteo."""

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.clocks import wait_for_room
from tests.support.limits import LIFTED
from tests.support.servers import Instance, Valkey, children_of, command_of, eventually

HIT = "/api/v1/weather?lat=48.9&lon=2.4"
COLD = "/api/v1/weather?lat=10.0&lon=20.0"


@pytest.fixture
def own_valkey(tmp_path):
    server = Valkey(tmp_path / "valkey")
    yield server
    server.stop()


def fleet(tmp_path, own_valkey, simulator, **variables):
    """An instance of four processes."""
    servers = {"REDIS_URL": own_valkey.url, "OPEN_METEO_URL": simulator.url}
    return Instance(tmp_path / "instance", WORKERS=4, **servers, **LIFTED | variables)


def statuses(instance, paths, threads):
    with ThreadPoolExecutor(threads) as pool:
        return Counter(response.status_code for response in pool.map(instance.get, paths))


def statuses_in_the_end(instance, paths, threads):
    """Those who are told to come again do so, as phones do: on a slow machine some wait longer than a request may."""
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            answers = list(pool.map(instance.get, paths))
            if all(answer.ok for answer in answers):
                break
    return Counter(answer.status_code for answer in answers)


def test_of_200_misses_on_one_cell_from_four_processes_one_cell_is_fetched(tmp_path, own_valkey, simulator):
    """Fault 29."""
    with fleet(tmp_path, own_valkey, simulator) as instance:
        simulator.settings(base_ms=300)
        got = statuses(instance, [COLD] * 200, 100)
    state = simulator.state()
    print(f"200 misses on one cell: {state['cells']} cells fetched in {state['calls']} calls")
    assert got == {200: 200}
    assert (state["cells"], state["calls"]) == (1, 1)


def test_without_redis_each_process_fetches_the_cell_once(tmp_path, own_valkey, simulator):
    """Fault 30."""
    with fleet(tmp_path, own_valkey, simulator) as instance:
        instance.get(HIT)
        own_valkey.kill()
        simulator.reset()
        simulator.settings(base_ms=300, concurrency=None)
        got = statuses(instance, [COLD] * 200, 100)
    assert got == {200: 200}
    assert 1 <= simulator.state()["cells"] <= 4


def test_400_cells_missed_at_once_by_four_processes_cost_few_calls_one_at_a_time(tmp_path, own_valkey, simulator):
    """Fault 33, and the rounds of the fleet."""
    paths = [f"/api/v1/weather?lat={n % 20}.5&lon={n // 20}.5" for n in range(400)]
    # A process that gets no reply from Redis in time would call by itself.
    patient = {"DJANGO_SETTINGS_MODULE": "tests.support.processes.patient_settings"}
    with fleet(tmp_path, own_valkey, simulator, **patient) as instance:
        simulator.settings(base_ms=300, concurrency=1, queue=4)
        got = statuses_in_the_end(instance, paths, 200)
    state = simulator.state()
    print(f"400 cells: {state['calls']} calls of {state['cells_per_call']} cells, {state['most_at_once']} at once")
    assert got == {200: 400}
    assert state["calls"] <= 16
    # A cell whose only request went away while its call was under way may be asked for once more.
    assert 400 <= state["cells"] < 500
    assert state["most_at_once"] == 1


def test_others_go_on_when_a_holder_of_the_slot_is_killed(tmp_path, own_valkey, simulator):
    """Fault 31: the slot expires a little after the call would have ended."""
    with fleet(tmp_path, own_valkey, simulator, UPSTREAM_TIMEOUT_SECONDS=1) as instance:
        instance.get(HIT)
        simulator.fault("hang", times=1)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(_status, instance, COLD)
            eventually(lambda: own_valkey.client.keys("slot:*"))
            _kill_the_workers(instance)
            waiting.result()
        simulator.fault(None)
        eventually(lambda: _status(instance, COLD) == 200, within_seconds=60, every_seconds=0.2)
    assert own_valkey.client.ttl("wanted:{open-meteo}:0") != -1


def _status(instance, path):
    try:
        return instance.get(path).status_code
    except OSError:
        return 0  # the worker that had the request is gone


def _kill_the_workers(instance):
    """All four at once, in the middle of the call; the server replaces them."""
    supervisors = [pid for pid in children_of(instance.pid) if "granian" in command_of(pid)]
    servers = [pid for supervisor in supervisors for pid in children_of(supervisor)]
    workers = [pid for server in servers for pid in children_of(server)]
    assert len(workers) == 4
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


def test_a_flood_of_random_cells_never_passes_the_budget_and_hits_are_served(tmp_path, own_valkey, simulator):
    """Fault 35: the simulator counts what was really asked; its own limits would answer 429."""
    budgets = {"UPSTREAM_MINUTE_BUDGET": 120, "UPSTREAM_HOUR_BUDGET": 150, "UPSTREAM_DAY_BUDGET": 150}
    wait_for_room("hour", seconds=60)
    with fleet(tmp_path, own_valkey, simulator, **budgets) as instance:
        assert instance.get(HIT).status_code == 200
        flood = [f"/api/v1/weather?lat={n % 80}.5&lon={n // 80}.5" for n in range(600)]
        with ThreadPoolExecutor(1) as pool:
            hits = pool.submit(lambda: Counter(instance.get(HIT).status_code for _ in range(200)))
            got = statuses(instance, flood, 50)
            assert hits.result() == {200: 200}
    assert simulator.state()["weight"] <= 150
    assert set(got) <= {200, 503} and got[200] <= 149


def test_one_client_cannot_spend_the_days_budget(tmp_path, own_valkey, simulator):
    """Fault 35, with the allowances that clients meet."""
    limits = {"COLD_CELLS_PER_CLIENT_PER_HOUR": 30, "COLD_SHARE_PER_ADDRESS": 0.1}
    budgets = {"UPSTREAM_MINUTE_BUDGET": 600, "UPSTREAM_HOUR_BUDGET": 5000, "UPSTREAM_DAY_BUDGET": 10_000}
    with fleet(tmp_path, own_valkey, simulator, **budgets, **limits) as instance:
        flood = [f"/api/v1/weather?lat={n % 80}.5&lon={n // 80}.5" for n in range(300)]
        got = statuses(instance, flood, 20)
    assert got == {200: 30, 429: 270}
    assert simulator.state()["weight"] == 30
