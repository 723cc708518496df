"""The simulated day itself, in a small world: every request is accounted for, and its shortcuts change nothing."""

from xml.etree import ElementTree

import numpy as np
import pytest

from tests.benchmarks.simulate_day import promises, table
from tests.benchmarks.simulation import picture
from tests.benchmarks.simulation.days import lived
from tests.benchmarks.simulation.jobs import FREE, RULES, Job, Scale, windows
from tests.benchmarks.simulation.plain_caches import no_cache, plain_cache
from tests.benchmarks.simulation.service import LIFE_SECONDS, SimulatedService
from tests.benchmarks.simulation.users import DAY, FIRST_DAY, UNUSUAL, WEATHER, make_day, make_world
from weather.core.answers import STALE_LIFE_SECONDS

TINY = Scale(part=0.01)
BUDGET = 150


@pytest.fixture
def result(valkey, valkey_server, settings, forget):
    """A hundredth of the plan's day, with every rule."""
    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    forget()
    return lived(Job("plan", 1, [(BUDGET, rule) for rule in RULES], TINY, baselines=True))


def test_a_small_day_is_lived_through_with_every_rule(result):
    for row in result.rows:
        assert row.seen.requests == 40_000
        assert row.seen.ages.sum() + row.seen.refused == row.seen.requests
        assert row.passed == []
    rows = {row.rule: row.seen for row in result.rows}
    assert rows["square root"].weight <= BUDGET and rows["square root"].refused == 0
    assert rows["square root"].mean < rows["even"].mean
    assert rows["square root"].mean == pytest.approx(rows["reference"].mean, rel=0.3)
    assert "plan: 5,000 users, 40,000 requests" in "\n".join(table("plan", [result]))
    assert all(holds for _, holds in promises("plan", [result]))


def small_world(seed=1, people=400):
    return make_world("plan", people, np.random.default_rng(seed), part=0.005)


def test_people_ask_in_the_daytime_of_their_own_zone():
    world = make_world("world", 20_000, np.random.default_rng(1), part=0.01)
    day = make_day(world, 0, 50_000, np.random.default_rng(2), storms=0)
    hours = (day.time + world.cell_offset[day.cell]) % DAY // 3600
    asked = np.bincount(hours.astype(int), minlength=24)
    assert asked[7] > 10 * asked[3] and asked[19] > 3 * asked[0]
    assert (np.diff(day.time) >= 0).all() and day.start == FIRST_DAY and day.time[-1] < FIRST_DAY + DAY


def test_a_storm_multiplies_a_regions_requests():
    world = make_world("plan", 20_000, np.random.default_rng(1), part=0.3)
    calm, stormy = (make_day(world, 0, 100_000, np.random.default_rng(2), storms=storms) for storms in (0, 1))
    busiest = [np.bincount((day.time % DAY // 3600).astype(int)).max() for day in (calm, stormy)]
    assert busiest[1] > busiest[0] + 1_000


def test_the_same_seed_gives_the_same_day():
    one, other = (make_day(small_world(), 0, 1_000, np.random.default_rng(3)) for _ in range(2))
    assert (one.time == other.time).all() and (one.cell == other.cell).all()


@pytest.mark.parametrize("interval", [700.0, 4_000.0, 30_000.0])
def test_minutes_at_once_come_to_the_same_as_one_request_after_the_other(interval):
    world = small_world()
    day = make_day(world, 0, 20_000, np.random.default_rng(4))
    service = SimulatedService(world, lambda cell: np.full(len(cell), interval), None)
    for minute in range(1440):
        begins = day.start + minute * 60
        part = slice(*np.searchsorted(day.time, [begins, begins + 60]))
        service.step(day.time[part], day.cell[part], day.kind[part], begins + 60)
    weight, age, found = one_by_one(world, day, interval)
    assert service.seen.weight == pytest.approx(weight, rel=0.01)
    assert service.seen.mean == pytest.approx(age / len(day.time), rel=0.01)
    assert service.seen.found == pytest.approx(found, rel=0.01)


def one_by_one(world, day, interval):
    held: dict[int, float] = {}
    answers: dict[tuple[int, int], tuple[float, float]] = {}
    weight = age = found = 0.0
    for now, cell, kind in zip(day.time.tolist(), day.cell.tolist(), day.kind.tolist(), strict=True):
        ends, fetched_at = answers.get((cell, kind), (0.0, 0.0))
        if now < ends:
            age, found = age + now - fetched_at, found + 1
            continue
        fetched_at = before = held.get(cell, now)
        life = float(LIFE_SECONDS[kind])
        if cell not in held or now - before >= interval:
            held[cell], weight = now, weight + 1
            if now - before > max(3 * 3600, 2 * interval):
                fetched_at = now
            elif before < now:
                life = min(life, STALE_LIFE_SECONDS)
        ends = now + life
        if kind != WEATHER:
            ends = min(ends, now + DAY - (now + world.cell_offset[cell]) % DAY)
        answers[cell, kind] = ends, fetched_at
        age += now - fetched_at
    return weight, age, found


def test_behind_an_edge_unusual_days_are_found_for_as_long_as_others():
    rule = lambda cell: np.full(len(cell), 3600.0)  # noqa: E731 - a rule is a function of cells
    assert SimulatedService(small_world(), rule, None, edge=True).life[UNUSUAL] == LIFE_SECONDS[WEATHER]


def test_plain_caches_call_for_every_cell_every_ten_minutes():
    day = make_day(small_world(), 0, 20_000, np.random.default_rng(5))
    ends: dict[int, float] = {}
    calls = 0
    for now, cell in zip(day.time.tolist(), day.cell.tolist(), strict=True):
        if now >= ends.get(cell, 0):
            ends[cell], calls = now + 600, calls + 1
    plain = plain_cache(day, 100)
    assert plain.calls == calls and plain.oldest < 600
    assert 0 < plain.answered_within_limit < 0.2 and 0 < (plain.gone_after_seconds or 0) < DAY / 2
    assert no_cache(day, 10**6).calls == 20_000 and no_cache(day, 10**6).answered_within_limit == 1
    busiest = np.argsort(-np.bincount(day.cell))[:5]
    assert plain_cache(day, 100, warm=busiest).calls >= 5 * 144


def test_larger_plans_have_larger_windows():
    assert windows(5_000) == {**FREE, "day": 5_000}
    assert windows(33_000) == {"minute": 1_980, "hour": 16_500, "day": 33_000}


def test_the_picture_is_well_formed():
    lines = {"ours": [(5_000.0, 3.0), (10_000.0, 1.5)], "even": [(5_000.0, 5.0), (10_000.0, 0.0)]}
    drawn = ElementTree.fromstring(picture.svg({"plan": lines, "world": lines}))  # noqa: S314 - our own
    assert len(drawn.findall("{*}polyline")) == 4
