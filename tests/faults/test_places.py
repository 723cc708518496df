"""Fault 62: one bad place among good ones, in an answer or as a 400 for the whole call."""

from concurrent.futures import ThreadPoolExecutor

import pytest

GOOD = [f"/api/v1/weather?lat={lat / 10}&lon=10" for lat in range(100, 120)]
BAD = "/api/v1/weather?lat=50.0&lon=10.0"
BAD_PLACE = "50.0,10.0"


def all_at_once(instance, paths):
    with ThreadPoolExecutor(len(paths)) as pool:
        return dict(zip(paths, pool.map(instance.get, paths), strict=True))


@pytest.mark.parametrize("fault", ["one_bad_place", "refused_place"])
def test_the_good_places_are_served_and_the_bad_one_is_not(instance, simulator, valkey, fault):
    simulator.settings(base_ms=100)
    simulator.fault(fault, place=BAD_PLACE)
    responses = all_at_once(instance, [*GOOD, BAD])
    assert {path: response.status_code for path, response in responses.items()} == dict.fromkeys(GOOD, 200) | {BAD: 503}
    assert responses[BAD].json()["code"] == "upstream_unavailable"


def test_a_rejected_place_costs_nothing_for_ten_minutes(instance, simulator, valkey):
    simulator.fault("refused_place", place=BAD_PLACE)
    assert instance.get(BAD).status_code == 503
    calls = simulator.state()["calls"]
    again = [instance.get(BAD) for _ in range(5)]
    assert {response.status_code for response in again} == {503}
    assert all(0 < int(response.headers["Retry-After"]) <= 600 for response in again)
    assert simulator.state()["calls"] == calls
    assert 0 < valkey.ttl("rejected:cells") <= 600


def test_a_place_whose_answer_is_invalid_is_never_stored(instance, simulator, valkey):
    simulator.fault("one_bad_place", place=BAD_PLACE)
    assert instance.get(BAD).status_code == 503
    assert not valkey.exists("upstream:lat:50.0:lon:10.0", "weather:lat:50.0:lon:10.0")


def test_a_place_without_weather_does_not_spoil_the_call(instance, simulator, valkey):
    simulator.settings(base_ms=100)
    simulator.fault("nan", place=BAD_PLACE)
    responses = all_at_once(instance, [*GOOD, BAD])
    assert {path: response.status_code for path, response in responses.items()} == dict.fromkeys(GOOD, 200) | {BAD: 503}
