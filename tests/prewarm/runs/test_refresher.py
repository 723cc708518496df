"""Cells are refreshed when their model has a new run, ahead of requests: with a real Redis and simulated model runs."""

import json
import time
from contextlib import nullcontext
from datetime import datetime, timedelta
from unittest.mock import Mock, PropertyMock

import pytest
import time_machine
from django.db import OperationalError

from prewarm.cities.models import City
from prewarm.runs import lock, refresher
from prewarm.runs.refresher import Refresher
from prewarm.runs.work import Work
from tests.support.redis.outage import take_redis_away
from weather.api.service import service
from weather.core.cells import Cell
from weather.core.runs.run_times import RunTimes
from weather.runs import refreshed_runs
from weather.upstream.run_times_client import RunTimesClient

MODEL = "dwd_icon_d2"
EVERY = 3 * 3600
BERLIN, PRAGUE, MUNICH = Cell(525, 134), Cell(501, 144), Cell(481, 116)
#: Of another model, whose runs nobody has heard of.
DENVER = Cell(397, -1050)
CITY = {MUNICH: "Munich"}


class Fleet:
    """One process of a fleet that serves some cells, and time that can be moved."""

    def __init__(self, api, simulator, traveller):
        self.api, self.simulator, self.traveller = api, simulator, traveller
        self.service = service()
        assert self.service.runs is not None
        self.runs = self.service.runs
        self.known = self.runs.known
        self.run_times = RunTimesClient(f"{simulator.url}/data")
        self.refresher = self.another()

    def another(self, cities=None):
        """The refresher of one more process."""
        return Refresher(self.service, self.runs, lambda: cities or {})

    def ask(self, *cells, times=50):
        """As many requests for each cell; they fetch what is not held."""
        for cell in cells:
            answer = self.api.get(f"/api/v1/weather?lat={cell.tenths_lat / 10}&lon={cell.tenths_lon / 10}")
            assert answer.status_code == 200
            self.service.popularity.record(cell, times)
        self.service.popularity.flush()

    def hear_of_runs(self):
        newest = self.run_times.newest_run(MODEL)
        times = self.known.table.times_of(MODEL) or RunTimes(newest.interval_seconds, (), 0)
        self.known.table.write(MODEL, times.with_run(newest.run, int(time.time())))
        return newest.run.initialised

    def wait_for_a_run(self):
        """The initialisation time of a run that is settled and that no record has."""
        self.traveller.shift(timedelta(hours=3, minutes=15))
        self.hear_of_runs()
        times = self.known.table.times_of(MODEL)
        run = times and times.run_of(time.time())
        assert run
        return run.initialised

    def calls_in(self, step):
        """The cells that were asked for while `step` ran."""
        before = self.simulator.state()["cells"]
        step()
        return self.simulator.state()["cells"] - before


@pytest.fixture
def fleet(api, simulator):
    """Some eight hours ago, at a price of nothing, with all that there is of a model's runs gone through.

    A run is half an hour old then, two hours after its own: from wait to wait none is there that is not yet settled.
    """
    runs_ago = (time.time() - 8 * 3600 - 2 * 3600) // EVERY
    with time_machine.travel(runs_ago * EVERY + 2 * 3600 + 1800, tick=True) as traveller:
        simulator.settings(model_runs=True, run_lateness_seconds=0, clock_offset_seconds=0)
        simulator.settings(clock_offset_seconds=time.time() - simulator.now())
        fleet = Fleet(api, simulator, traveller)
        fleet.hear_of_runs()
        fleet.service.price.agree()
        fleet.refresher.step()
        yield fleet


def run_in_answer(valkey, cell):
    """The run of the finished answer that is stored for the cell."""
    run = json.loads(valkey.get(f"weather:{cell.key}"))["run"]
    return run and datetime.fromisoformat(run).timestamp()


def news(fleet):
    now = time.time()
    return refreshed_runs.news(fleet.known.trusted(now), now)


def test_after_a_run_popular_cells_are_refreshed_before_anybody_asks(fleet, valkey):
    fleet.ask(BERLIN, PRAGUE, DENVER)
    run = fleet.wait_for_a_run()
    assert run_in_answer(valkey, BERLIN) != run
    assert fleet.calls_in(fleet.refresher.step) == 2
    assert run_in_answer(valkey, BERLIN) == run_in_answer(valkey, PRAGUE) == run


def test_a_run_is_gone_through_once_by_all_processes(fleet):
    fleet.ask(BERLIN)
    fleet.wait_for_a_run()
    assert fleet.calls_in(fleet.refresher.step) == 1
    assert fleet.calls_in(fleet.refresher.step) == 0
    fleet.refresher.release()
    another = fleet.another()
    assert fleet.calls_in(another.step) == 0
    fleet.wait_for_a_run()
    assert fleet.calls_in(another.step) == 1


def test_one_process_plans_and_another_goes_on_once_it_ends(fleet, monkeypatch):
    fleet.ask(BERLIN)
    fleet.wait_for_a_run()
    planned: list[Refresher] = []
    plan = Refresher._plan

    def noted(one, news):
        planned.append(one)
        plan(one, news)

    monkeypatch.setattr(Refresher, "_plan", noted)
    others = [fleet.another() for _ in range(5)]
    assert [fleet.calls_in(one.step) for one in others] == [0] * 5 and not planned
    fleet.refresher.release()
    assert [fleet.calls_in(one.step) for one in others] == [1, 0, 0, 0, 0] and planned == others[:1]


def test_what_is_worth_less_than_the_price_waits_for_a_request(fleet):
    fleet.ask(BERLIN, times=50_000)
    fleet.ask(PRAGUE, times=5)
    fleet.service.price.value = 1e6
    fleet.wait_for_a_run()
    assert fleet.calls_in(fleet.refresher.step) == 1


def test_staffs_cities_come_first_though_nobody_asks_for_them(fleet, monkeypatch):
    fleet.ask(MUNICH, times=1)
    fleet.ask(BERLIN, PRAGUE)
    fleet.wait_for_a_run()
    names: list[str] = []

    def refresh(work, batches, advance):
        names.extend(candidate.name for batch in batches for candidate in batch.candidates)
        advance(1)

    monkeypatch.setattr(refresher, "BATCH_CELLS", 1)
    monkeypatch.setattr(Work, "refresh", refresh)
    fleet.refresher.release()
    fleet.another(CITY).step()
    assert names[0] == "Munich" and len(names) == 3


def test_while_one_process_refreshes_the_others_do_nothing(fleet):
    fleet.ask(BERLIN)
    fleet.wait_for_a_run()
    with lock.held(name=lock.REFRESHER):
        assert fleet.calls_in(fleet.refresher.step) == 0
    assert fleet.calls_in(fleet.refresher.step) == 1


def test_prewarm_takes_the_work_over_and_the_refresher_goes_on_after_it(fleet):
    fleet.ask(BERLIN)
    fleet.wait_for_a_run()
    with lock.held(name=lock.REFRESHER) as held, lock.held() as taken_over:
        assert held and taken_over
        assert fleet.calls_in(fleet.refresher.step) == 0
    assert news(fleet) and fleet.calls_in(fleet.refresher.step) == 1


def test_a_lock_that_is_lost_midway_leaves_the_rest_for_later(fleet, monkeypatch):
    fleet.ask(BERLIN, PRAGUE)
    fleet.wait_for_a_run()
    monkeypatch.setattr(refresher, "BATCH_CELLS", 1)
    held = Mock(lock.Lock)
    type(held).is_lost = PropertyMock(side_effect=lambda: fleet.simulator.state()["cells"] > 2)
    with monkeypatch.context() as losing:
        losing.setattr(lock, "held", lambda name: nullcontext(held))
        assert fleet.calls_in(fleet.refresher.step) == 1
    assert news(fleet) and fleet.calls_in(fleet.refresher.step) == 1
    assert not news(fleet)


def test_what_the_budget_refuses_is_refreshed_later(fleet, valkey):
    fleet.ask(BERLIN)
    fleet.wait_for_a_run()
    fleet.service.budget.close(None, 600)
    assert fleet.calls_in(fleet.refresher.step) == 0 and news(fleet)
    valkey.delete("budget:open-meteo")
    fleet.service.budget.quota.closed_until = 0
    assert fleet.calls_in(fleet.refresher.step) == 1 and not news(fleet)


def test_while_open_meteo_fails_one_cell_at_a_time_finds_out_whether_it_answers(fleet):
    fleet.ask(BERLIN, PRAGUE, MUNICH)
    fleet.wait_for_a_run()
    fleet.service.budget.failed()
    fleet.refresher.step()
    assert fleet.simulator.state()["cells_per_call"][3:] == [1, 2] and not news(fleet)


def test_redis_may_go_and_come_back(fleet, monkeypatch):
    fleet.ask(BERLIN)
    fleet.wait_for_a_run()
    with monkeypatch.context() as gone:
        take_redis_away(gone)
        assert fleet.calls_in(fleet.refresher.step) == 0
    assert fleet.calls_in(fleet.refresher.step) == 1


def test_foreign_keys_under_its_names_do_not_stop_it(fleet, valkey):
    fleet.ask(BERLIN)
    fleet.wait_for_a_run()
    for key in (refreshed_runs.KEY, "runs:probes"):
        valkey.delete(key)
        valkey.set(key, "foreign")
    assert fleet.calls_in(fleet.refresher.step) == 1 and not news(fleet)


def test_without_run_times_nothing_happens_ahead_and_redis_is_not_asked(fleet, round_trips):
    fleet.ask(BERLIN)
    fleet.wait_for_a_run()
    fleet.known.table._times = {}
    round_trips.clear()
    assert fleet.calls_in(fleet.refresher.step) == 0 and not round_trips


def test_until_the_price_is_known_nothing_happens_ahead(fleet):
    fleet.ask(BERLIN)
    fleet.wait_for_a_run()
    fleet.service.price.is_known = False
    assert fleet.calls_in(fleet.refresher.step) == 0
    fleet.service.price.is_known = True
    assert fleet.calls_in(fleet.refresher.step) == 1


def test_places_that_always_fail_do_not_keep_the_others_from_their_run(fleet, valkey):
    fleet.ask(PRAGUE, times=500)
    fleet.ask(BERLIN)
    run = fleet.wait_for_a_run()
    fleet.simulator.fault("refused_place", place="50.1,14.4")
    fleet.refresher.step()
    assert run_in_answer(valkey, BERLIN) == run and not news(fleet)


def test_an_error_in_one_batch_is_not_met_again_and_again(fleet, monkeypatch):
    fleet.ask(BERLIN, PRAGUE)
    fleet.wait_for_a_run()
    monkeypatch.setattr(refresher, "BATCH_CELLS", 1)
    with monkeypatch.context() as broken:
        broken.setattr(Work, "refresh", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fleet.refresher.step()
    assert fleet.calls_in(fleet.refresher.step) == 1 and not news(fleet)


@pytest.mark.parametrize("budget", [60, 600])
def test_calls_are_spread_so_that_a_minute_is_not_passed(fleet, budget):
    fleet.service.budget.quota.whole["minute"] = budget
    fleet.service.budget.quota.leave_to(0)
    assert fleet.refresher._pause_seconds() == pytest.approx(60 / (0.8 * budget))


@pytest.mark.django_db
def test_staffs_cities_are_those_of_their_list(api):
    cities = refresher.staffs_cities()
    assert "Tokyo" in cities.values() and cities[Cell(357, 1397)] == "Tokyo"


@pytest.mark.django_db
def test_without_a_database_there_are_no_cities(api, monkeypatch):
    monkeypatch.setattr(City.objects, "active", Mock(side_effect=OperationalError("gone")))
    assert refresher.staffs_cities() == {}


def test_a_process_has_one_refresher(api):
    refresher.refresher.cache_clear()
    assert refresher.refresher() is refresher.refresher() is not None
    refresher.refresher.cache_clear()
