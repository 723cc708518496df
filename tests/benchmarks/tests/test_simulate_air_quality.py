"""The day with air quality beside weather: who asks for it, what it costs, and that one budget pays for both."""

import numpy as np
import pytest

from tests.benchmarks.simulate_air_quality import RULES, promises, table
from tests.benchmarks.simulation.days import lived
from tests.benchmarks.simulation.jobs import Job, Scale
from tests.benchmarks.simulation.service import AIR_LIFE_SECONDS, SimulatedService
from tests.benchmarks.simulation.users import DAY, FIRST_DAY, FORECAST, make_day, make_world
from tests.support.clocks import SetClock
from weather.budget.budget import Budget
from weather.core import datasets

TINY = Scale(part=0.01, air_share=0.2)
BUDGET = 200


@pytest.fixture
def server(valkey, valkey_server, settings, forget):
    """A real, empty server that the project's own connections lead to."""
    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    forget()


@pytest.fixture
def result(server):
    """A hundredth of the plan's day, with and without air quality."""
    return lived(Job("plan", 1, [(BUDGET, rule) for rule in RULES], TINY))


def test_a_small_day_is_lived_through_with_both_datasets(result):
    rows = {row.rule: row for row in result.rows}
    both, alone = rows["with air"], rows["square root"]
    assert both.air and alone.air is None
    assert 6_000 < both.air.requests < 10_000
    for seen in (both.seen, both.air):
        assert seen.ages.sum() + seen.refused == seen.requests
        assert 0 < seen.weight == sum(seen.fetches.values())
    assert both.seen.weight + both.air.weight <= BUDGET
    assert both.seen.weight < alone.seen.weight and both.air.mean > both.seen.mean
    assert "20% ask for air quality too" in "\n".join(table(result))
    assert ("no window of any budget passed", True) in list(promises(result))


def test_those_who_ask_for_air_quality_are_a_part_of_the_people_who_ask_for_weather():
    world = make_world("plan", 400, np.random.default_rng(1), part=0.005)
    day = make_day(world, 0, 20_000, np.random.default_rng(2))
    air = day.about_air(80)
    assert set(air.person) == {person for person in day.person if person < 80}
    asked = set(zip(day.time.tolist(), day.cell.tolist(), day.person.tolist(), strict=True))
    assert set(zip(air.time.tolist(), air.cell.tolist(), air.person.tolist(), strict=True)) <= asked
    assert set(air.kind) == {FORECAST} and len(day.about_air(0).time) == 0


def one_cell(rule_seconds, budget=None, **options):
    world = make_world("plan", 1, np.random.default_rng(1), part=0.001)
    return SimulatedService(world, lambda cell: np.full(len(cell), float(rule_seconds)), budget, **options)


def ask(service, *seconds):
    times = FIRST_DAY + np.array(seconds, dtype=float)
    zeros = np.zeros(len(times), dtype=np.int64)
    service.step(times, zeros, np.full(len(times), FORECAST), times[-1] + 60)


def test_answers_about_air_quality_live_as_long_as_its_setting_says():
    service = one_cell(DAY, dataset=datasets.AIR_QUALITY)
    ask(service, 0, AIR_LIFE_SECONDS[FORECAST] - 1, AIR_LIFE_SECONDS[FORECAST])
    assert service.seen.called == 1 and service.seen.found == 1


def test_an_answer_from_a_due_record_is_stale_whenever_it_is_found():
    service = one_cell(3600)
    ask(service, 0, 4000, 4001, 4059, 4061)
    assert service.seen.stale == 3 and service.seen.weight == 2


def test_both_datasets_are_paid_for_from_one_budget_and_a_denied_refresh_is_remembered(server):
    clock = SetClock(FIRST_DAY)
    budget = Budget(minute=600, hour=5_000, day=200, fleet_processes=1, clock=clock)
    weather = one_cell(3600, budget)
    air = one_cell(3600, budget, dataset=datasets.AIR_QUALITY, spent=weather.spent)
    ask(weather, 0)
    ask(air, 0)
    assert weather.most_spent(DAY) == air.most_spent(DAY) == 2
    budget.charge(200, "refresh", least=1)  # all that the day's line gives out, and the spare hundredth
    ask(air, 4000)
    assert air.is_denied[0] and air.seen.weight == 1
    clock.seconds += 47 * 3600
    ask(air, 49 * 3600)
    assert air.seen.starved == air.seen.expired == 1 and not air.is_denied[0]
