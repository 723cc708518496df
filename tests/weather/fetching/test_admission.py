"""An instance of two workers under a hundred requests that all wait for Open-Meteo."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.support.servers import eventually

HIT = "/api/v1/weather?lat=51.5&lon=-0.1"


def test_a_hundred_waiting_requests_are_all_answered_and_hits_meanwhile(instance, simulator, valkey, monkeypatch):
    instance.get(HIT)
    go, before = threading.Event(), simulator.state()["calls"]
    monkeypatch.setattr(simulator, "pause", lambda _: go.wait(4))
    cold = [f"/api/v1/weather?lat={lat / 10}&lon=20.0" for lat in range(100)]
    with ThreadPoolExecutor(100) as pool:
        waiting = [pool.submit(instance.get, path) for path in cold]
        eventually(lambda: simulator.state()["calls"] > before)
        hits = [instance.get(HIT) for _ in range(20)]
        still_waiting = sum(not future.done() for future in waiting)
        go.set()
        statuses = [future.result().status_code for future in waiting]
    assert {response.status_code for response in hits} == {200} and all(hit.json()["cached"] for hit in hits)
    assert still_waiting == 100
    assert statuses == [200] * 100


def test_a_hundred_cells_missed_at_once_cost_a_few_calls(instance, simulator, valkey):
    simulator.settings(base_ms=300)
    cold = [f"/api/v1/weather?lat={lat / 10}&lon=30.0" for lat in range(100)]
    with ThreadPoolExecutor(50) as pool:
        statuses = [response.status_code for response in pool.map(instance.get, cold)]
    state = simulator.state()
    assert statuses == [200] * 100
    assert state["cells"] == 100 and state["calls"] <= 12
