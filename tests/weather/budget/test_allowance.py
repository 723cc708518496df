"""New places are charged to whoever asks first: FAULTS of drained budgets, with the limits that clients meet."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ratelimit.identity import hashed
from tests.support.clocks import SetClock
from tests.support.problems import problem_of
from tests.support.servers import eventually
from weather.api.service import service
from weather.api.views import WeatherViewSet
from weather.budget.allowance import Allowance, Charge, Exceeded
from weather.budget.budget import Budget
from weather.budget.quota import Granted
from weather.core.cells import Cell
from weathernote import redis


def cold(n: int) -> str:
    return f"/api/v1/weather?lat={n / 10}&lon=7"


@pytest.fixture
def charged(api, settings, forget):
    settings.COLD_CELLS_PER_CLIENT_PER_HOUR = 30
    settings.COLD_SHARE_PER_ADDRESS = 0.1
    settings.UPSTREAM_DAY_BUDGET, settings.UPSTREAM_HOUR_BUDGET, settings.UPSTREAM_MINUTE_BUDGET = 10_000, 5000, 600
    forget()
    return api


def test_a_client_gets_its_new_places_of_the_hour_and_no_more(charged, valkey):
    statuses = [charged.get(cold(n), headers={"x-client-id": "phone"}).status_code for n in range(32)]
    assert statuses == [200] * 30 + [429] * 2
    assert 0 < valkey.ttl(f"cold:client:{hashed('phone')}") <= 3600


def test_the_refusal_names_the_policy_and_the_time(charged):
    for n in range(30):
        charged.get(cold(n), headers={"x-client-id": "phone"})
    response = charged.get(cold(31), headers={"x-client-id": "phone"})
    problem_of(response, 429, "rate_limited")
    assert '"cold-client";q=30;w=3600' in response["RateLimit-Policy"]
    assert 0 < int(response["Retry-After"]) <= 3600


def test_who_asks_for_what_is_known_is_not_charged(charged, valkey):
    for _ in range(40):
        charged.get(cold(1), headers={"x-client-id": "phone"})
    charged.get("/api/v1/forecast?lat=0.1&lon=7", headers={"x-client-id": "phone"})
    assert valkey.get(f"cold:client:{hashed('phone')}") == "1"


def test_who_joins_a_cell_that_is_wanted_already_is_not_charged(charged, valkey, monkeypatch):
    monkeypatch.setattr(service().workers, "has_pending", lambda cell: True)
    assert charged.get(cold(1)).status_code == 200
    assert not valkey.keys("cold:*")


def test_changing_client_ids_does_not_help_an_address(charged, settings, forget):
    """Fault 37: a tenth of what is left of the cold reserve in the hour and the day, and never all of it."""
    settings.UPSTREAM_HOUR_BUDGET = settings.UPSTREAM_DAY_BUDGET = 200
    forget()
    statuses = [charged.get(cold(n), headers={"x-client-id": f"phone {n}"}).status_code for n in range(60)]
    passed = statuses.count(200)
    assert statuses == [200] * passed + [429] * (60 - passed)
    assert 0 < passed <= 20
    other = charged.get(cold(99), headers={"x-client-id": "other"}, REMOTE_ADDR="203.0.113.7")
    assert other.status_code == 200


def test_in_a_day_of_trying_one_address_gets_its_share_and_the_others_theirs(api, capsys):
    """Fault 37 over a simulated day: every minute the address tries to take all that it can, with new client ids."""
    clock = SetClock(1_795_478_400.0)  # a UTC midnight
    budget = Budget(minute=600, hour=5000, day=10_000, fleet_processes=4, clock=clock)
    allowance = Allowance(budget, cells_per_client=30, share_per_address=0.1, clock=clock)
    budget.synchronize()
    reserve, taken = budget.cold_reserve()["day"], 0
    for minute in range(24 * 60):
        clock.seconds = 1_795_478_400.0 + minute * 60
        # Refreshes take all that the pace gives them, as on a busy day.
        budget.charge(60, "refresh", least=1)
        for attempt in range(100):
            if isinstance(allowance.charge(f"client {minute} {attempt}", "one address")[0], Exceeded):
                break
            taken += isinstance(budget.charge(1, "cold"), Granted)
    with capsys.disabled():
        print(f"\none address took {taken} of the day's {reserve:.0f} for new places: {taken / reserve:.1%}")
    assert 0 < taken <= 0.1 * reserve
    assert budget.remaining()["day"] > 0


def test_addresses_of_one_network_are_one(charged, settings, forget):
    settings.UPSTREAM_HOUR_BUDGET = settings.UPSTREAM_DAY_BUDGET = 200
    forget()
    statuses = [charged.get(cold(n), REMOTE_ADDR=f"2001:db8::{n:x}").status_code for n in range(40)]
    assert 0 < statuses.count(200) <= 20


def test_past_the_wall_cold_cells_are_refused_and_held_ones_served(charged, settings, forget, simulator, valkey):
    settings.UPSTREAM_DAY_BUDGET, settings.COLD_SHARE_PER_ADDRESS = 3, 1
    forget()
    got = [charged.get(cold(n), REMOTE_ADDR=f"203.0.113.{n}") for n in range(6)]
    assert [response.status_code for response in got] == [200] * 3 + [503] * 3
    problem_of(got[3], 503, "budget_exhausted")
    assert 0 < int(got[3]["Retry-After"]) <= 86_400
    valkey.delete(*valkey.keys("weather:*"))
    assert [charged.get(cold(n)).status_code for n in range(3)] == [200] * 3
    assert simulator.state()["weight"] == 3


def test_weather_that_does_not_come_is_not_charged(charged, simulator, valkey):
    simulator.fault("status", status=503)
    statuses = {charged.get(cold(1), headers={"x-client-id": "phone"}).status_code for _ in range(40)}
    assert statuses == {503}
    assert valkey.get(f"cold:client:{hashed('phone')}") in (None, "0")


def test_who_is_refused_by_the_address_is_not_charged_as_a_client(charged, settings, forget, valkey):
    settings.UPSTREAM_HOUR_BUDGET = settings.UPSTREAM_DAY_BUDGET = 20
    forget()
    statuses = [charged.get(cold(n), headers={"x-client-id": "phone"}).status_code for n in range(8)]
    passed = statuses.count(200)
    assert 0 < passed < 8 and valkey.get(f"cold:client:{hashed('phone')}") == str(passed)


@pytest.mark.parametrize(("per_client", "hour"), [(3, 10_000), (30, 20)])
def test_what_twenty_refused_places_gave_for_nothing_comes_back_at_once(
    charged, settings, forget, valkey, round_trips, per_client, hour
):
    settings.COLD_CELLS_PER_CLIENT_PER_HOUR, settings.UPSTREAM_HOUR_BUDGET = per_client, hour
    forget()
    allowance = service().admission.allowance
    service().budget.synchronize()
    round_trips.clear()
    outcomes = allowance.charge("phone", "street", 20)
    charges = [outcome for outcome in outcomes if isinstance(outcome, Charge)]
    passed = len(charges)
    assert 0 < passed <= 3 and list(map(len, round_trips)) == [40, 1]
    assert valkey.get("cold:client:phone") == valkey.hget("cold:address:street", "spent:3600") == str(passed)
    allowance.give_back(charges)
    assert valkey.get("cold:client:phone") == valkey.hget("cold:address:street", "spent:86400") == "0"


def test_no_more_comes_back_than_was_taken(charged, valkey):
    allowance = service().admission.allowance
    charges = [one for one in allowance.charge("phone", "street") if isinstance(one, Charge)]
    allowance.give_back(charges * 5)
    assert valkey.get("cold:client:phone") == valkey.hget("cold:address:street", "spent:3600") == "0"


def test_the_smallest_budget_lets_an_address_have_one_place(charged, settings, forget):
    settings.UPSTREAM_DAY_BUDGET = 5
    forget()
    responses = [charged.get(cold(n)) for n in range(2)]
    assert [response.status_code for response in responses] == [200, 429]
    assert '"cold-address";q=1;w=' in responses[1]["RateLimit-Policy"]


def test_of_many_who_ask_for_a_place_at_once_one_pays(charged, simulator, valkey, rf):
    simulator.settings(base_ms=200)

    def ask(_):
        return WeatherViewSet.as_view({"get": "retrieve"})(rf.get("/", {"lat": "1", "lon": "1"})).status_code

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(40))) == {200}
    assert valkey.get(f"cold:client:{hashed('address:127.0.0.1')}") == "1"


# What was spent stays charged: faults 35, 37, 67 and 68

CLIENT = f"cold:client:{hashed('phone')}"


def ask(api, n: int, client: str = "phone"):
    return api.get(cold(n), headers={"x-client-id": client})


def test_an_empty_window_gives_nothing_back_that_was_not_taken(charged, settings, forget, valkey):
    settings.UPSTREAM_DAY_BUDGET, settings.COLD_SHARE_PER_ADDRESS = 3, 1
    forget()
    assert [ask(charged, n).status_code for n in range(10)] == [200] * 3 + [503] * 7
    assert valkey.get(CLIENT) == "3"


def test_of_several_places_in_an_empty_window_none_is_charged_or_asked_for(
    charged, settings, forget, simulator, valkey
):
    settings.UPSTREAM_DAY_BUDGET, settings.COLD_SHARE_PER_ADDRESS = 1, 1
    forget()
    assert ask(charged, 1).status_code == 200
    several = charged.get("/api/v1/weather?lat=0.2,0.3&lon=7,7", headers={"x-client-id": "phone"})
    problem_of(several, 503, "budget_exhausted")
    assert valkey.get(CLIENT) == "1" and simulator.state()["cells"] == 1


@pytest.mark.parametrize("path", [cold(1), "/api/v1/weather?lat=0.1,0.2&lon=7,7"])
def test_who_stops_waiting_pays_for_what_comes_afterwards(charged, simulator, valkey, path):
    service().admission.wait_seconds = 0.1
    simulator.settings(base_ms=800)
    assert charged.get(path, headers={"x-client-id": "phone"}).status_code == 503
    eventually(lambda: valkey.exists("upstream:lat:0.1:lon:7.0"))
    eventually(lambda: service().workers.is_idle)
    assert valkey.get(CLIENT) == str(path.count(",") // 2 + 1)


@pytest.fixture
def busy(charged, valkey):
    """Another process that has died has the slot for calls, and nobody waits long."""
    valkey.set("slot:{open-meteo}:0", "another", px=3000)
    service().workers.wait_seconds = service().admission.wait_seconds = 0.2
    return charged


def test_who_stops_waiting_gets_back_what_nobody_asked_for(busy, simulator, valkey):
    assert ask(busy, 1).status_code == 503
    assert valkey.get(CLIENT) == "1"  # the cell is in the queue still
    eventually(lambda: valkey.get(CLIENT) == "0")
    assert simulator.state()["calls"] == 0


def test_who_stops_waiting_pays_for_what_is_asked_for_later(busy, simulator, valkey):
    assert ask(busy, 1).status_code == 503
    valkey.delete("slot:{open-meteo}:0")
    eventually(lambda: service().workers.is_idle)
    assert valkey.get(CLIENT) == "1" and simulator.state()["cells"] == 1


def test_who_stops_waiting_gets_back_what_nothing_comes_of(charged, simulator, valkey):
    service().admission.wait_seconds = 0.1
    simulator.fault("hang", seconds=0.8)
    assert ask(charged, 1).status_code == 503
    assert valkey.get(CLIENT) == "1"
    simulator.fault("status", status=503)
    eventually(lambda: valkey.get(CLIENT) == "0")


@pytest.mark.parametrize("fault", ["one_bad_place", "nan", "metadata_only", "nulls", "wrong_place"])
def test_a_place_whose_answer_is_invalid_costs_one_call_and_its_charge_stays(charged, simulator, valkey, fault):
    """Fault 68: eight requests within ten minutes."""
    simulator.fault(fault, place="0.1,7.0")
    responses = [ask(charged, 1) for _ in range(8)]
    assert {response.status_code for response in responses} == {503}
    assert all(0 < int(response["Retry-After"]) <= 600 for response in responses)
    assert simulator.state()["calls"] == 1
    assert valkey.get(CLIENT) == "1"


def test_a_place_that_is_refused_costs_its_charge_once(charged, simulator, valkey):
    simulator.fault("refused_place", place="0.1,7.0")
    assert {ask(charged, 1).status_code for _ in range(8)} == {503}
    assert simulator.state()["calls"] == 1
    assert valkey.get(CLIENT) == "1"


def test_an_invalid_answer_that_another_process_read_meanwhile_is_paid_for(busy, valkey):
    service().workers.wait_seconds = service().admission.wait_seconds = 5
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, busy, 1)
        eventually(lambda: valkey.exists("wanted:{open-meteo}:0"))
        redis.fetch_one(service().store.rejections.adding([Cell(1, 70)]))  # as the process that has the slot would
        assert asked.result().status_code == 503
    assert valkey.get(CLIENT) == "1"


def test_a_call_of_which_no_place_is_found_to_be_wrong_is_paid_for(charged, simulator, valkey):
    simulator.fault("refused_place")
    places = ",".join(str(n / 10) for n in range(20))
    path = f"/api/v1/weather?lat={places}&lon={','.join(['7'] * 20)}"
    assert charged.get(path, headers={"x-client-id": "phone"}).status_code == 503
    assert valkey.get(CLIENT) == "20"


def test_one_bad_place_of_several_is_charged_like_the_good_ones(charged, simulator, valkey):
    simulator.fault("nulls", place="0.1,7.0")
    places = charged.get("/api/v1/weather?lat=0.1,0.2,0.3&lon=7,7,7", headers={"x-client-id": "phone"}).json()["places"]
    assert ["problem" in place for place in places] == [True, False, False]
    assert valkey.get(CLIENT) == "3"


def test_what_was_taken_of_an_hour_is_not_given_back_to_the_next(api, valkey):
    clock = SetClock(1_795_478_400.0)
    budget = Budget(minute=600, hour=5000, day=10_000, fleet_processes=4, clock=clock)
    allowance = Allowance(budget, cells_per_client=30, share_per_address=0.1, clock=clock)
    [of_this_hour] = allowance.charge("phone", "street")
    valkey.delete("cold:client:phone")
    clock.seconds += 3600
    time.sleep(1.1)  # the client's hour is one by Redis' own clock, told apart by when it ends to the second
    allowance.charge("phone", "street")
    assert isinstance(of_this_hour, Charge)
    allowance.give_back([of_this_hour])
    assert valkey.get("cold:client:phone") == valkey.hget("cold:address:street", "spent:3600") == "1"
    assert valkey.hget("cold:address:street", "spent:86400") == "1"


def test_what_redis_did_not_count_is_not_given_back(api, settings, forget, valkey):
    allowance = service().admission.allowance
    allowance.charge("phone", "street")
    located = settings.CACHES["default"]["LOCATION"]
    settings.CACHES["default"]["LOCATION"] = ["redis://127.0.0.1:1/0"]
    forget()
    [uncounted] = allowance.charge("phone", "street")
    settings.CACHES["default"]["LOCATION"] = located
    forget()
    assert uncounted == Charge("phone", "street", None, None)
    allowance.give_back([uncounted])
    assert valkey.get("cold:client:phone") == valkey.hget("cold:address:street", "spent:3600") == "1"


def test_whatever_one_address_does_it_has_paid_for_the_weight_that_was_spent(
    charged, settings, forget, simulator, valkey, rf
):
    """Fault 37: ever new client ids, an upstream that is slow and partly invalid, waiters that give up."""
    settings.UPSTREAM_MINUTE_BUDGET = 40
    forget()
    service().admission.wait_seconds = 0.2
    simulator.settings(base_ms=150)
    simulator.fault("nulls", place="1.3,7.0")

    def ask_once(n: int) -> int:
        request = rf.get("/", {"lat": str(n / 10), "lon": "7"}, HTTP_X_CLIENT_ID=f"phone {n}")
        return WeatherViewSet.as_view({"get": "retrieve"})(request).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(ask_once, range(120)))
    eventually(lambda: service().workers.is_idle)
    [address] = valkey.keys("cold:address:*")
    weight = simulator.state()["weight"]
    assert set(statuses) <= {200, 429, 503} and 0 < weight <= 40
    assert int(valkey.hget(address, "spent:3600")) >= weight


def test_a_key_of_another_type_is_no_allowance_and_begins_anew(charged, valkey):
    key = f"cold:address:{hashed('address:127.0.0.1')}"
    valkey.set(key, "rubbish")
    assert charged.get("/api/v1/weather?lat=10&lon=20").status_code == 200
    assert valkey.type(key) == "hash"
