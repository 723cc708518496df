"""Faults 82 and 84, by what they cost: whatever becomes of the primary, no more is spent than is said."""

import time

import pytest

from tests.regions.steps import REFUSED, back, lose, new_places, spent_of_the_hour
from tests.support.clocks import ClockOf
from tests.support.servers import eventually
from weathernote.redis import Role

pytest_plugins = ["tests.support.redis.fixtures"]


@pytest.fixture(autouse=True)
def early_in_the_hour(monkeypatch):
    """It is ten minutes past the hour for the budget, so that no window ends while a test spends it."""
    ahead = 600 - time.time() % 3600
    monkeypatch.setattr("weather.api.composition.RedisClock", lambda: ClockOf(lambda: time.time() + ahead))


@pytest.fixture
def regions(regions):
    regions.draw_near()
    return regions


def served(statuses: list[int]) -> int:
    """How many were served before the first was refused; all after that one must be refused too."""
    count = statuses.count(200)
    assert statuses == [200] * count + [REFUSED] * (len(statuses) - count)
    return count


def heard_of(enter, regions) -> int:
    """Each region fetches one place, so that the primary knows of all; gives how many."""
    for number, region in enumerate(regions):
        assert new_places(enter(region), number, 1) == [200]
    regions.wait_until_in_step()
    return len(list(regions))


def test_a_region_that_is_cut_off_fetches_within_its_share_and_answers_from_its_own(
    regions, enter, simulator, settings
):
    """Fault 82: what was spent meanwhile is reported when the primary is back, and the budget is kept to."""
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 40, 8
    far = regions["far"]
    api = enter(far)
    assert new_places(api, 0, 1) == [200]
    far.cut_off()
    lose(Role.PRIMARY)
    assert 1 <= (alone := served(new_places(api, 1, 10))) <= 39 // 8
    assert simulator.state()["cells"] == 1 + alone
    assert spent_of_the_hour(regions) == 1
    other = enter(far)  # another process of the region
    assert other.get("/api/v1/weather?lat=1&lon=10").json()["cached"] and simulator.state()["cells"] == 1 + alone
    assert not regions.primary.client.exists("upstream:lat:1.0:lon:10.0")


def test_all_regions_cut_off_at_once_spend_the_rest_of_the_budget_and_no_more(regions, enter, simulator, settings):
    """Fault 82: each asks for more than its part, after all that is nobody's part was spent."""
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 40, 4
    part = 40 // 40
    known = heard_of(enter, regions)
    assert known + served(new_places(enter(regions.writer), 10, 40)) == 40 - 3 * part
    for number, region in enumerate(regions):
        region.lead_nowhere()
        alone = 0
        for process in range(2):  # which have not heard what the others spent
            api = enter(region)
            lose(Role.PRIMARY)
            alone += served(new_places(api, 100 + 20 * number + 10 * process, 5))
        assert alone == part
    assert simulator.state()["cells"] == 40


def test_regions_that_are_cut_off_and_those_that_are_not_keep_to_one_budget(regions, enter, simulator, settings):
    """Fault 82: all of them ask for new places without end."""
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 40, 4
    known = heard_of(enter, regions)
    for number, region in enumerate(regions.far):
        region.lead_nowhere()
        for process in range(2):
            api = enter(region)
            lose(Role.PRIMARY)
            assert REFUSED in new_places(api, 10 + 20 * number + 10 * process, 5)
    alone = simulator.state()["cells"] - known
    assert alone == 2  # each region has a fortieth of the budget for itself, however many processes it has
    assert known + served(new_places(enter(regions.writer), 100, 45)) == 40 - 3
    assert simulator.state()["cells"] == 40 - 3 + alone
    assert spent_of_the_hour(regions) == 40 - 3


def test_a_region_without_primary_and_own_redis_keeps_to_its_part(regions, enter, simulator, settings):
    """Fault 82: nobody counts what its processes spend, so each has its share of the region's part."""
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 400, 4
    far = regions["far"]
    assert new_places(enter(far), 0, 1) == [200]
    far.lead_nowhere()
    far.own.kill()
    for process in range(2):
        api = enter(far)
        lose(Role.PRIMARY)
        lose(Role.OWN)
        assert served(new_places(api, 10 + 20 * process, 5)) == 400 // 40 // 4
    assert simulator.state()["cells"] == 5


@pytest.mark.parametrize("is_away_first", [False, True])
def test_a_part_is_spent_once_though_the_regions_own_redis_forgets_it(
    regions, enter, simulator, settings, is_away_first
):
    """Fault 82: that counts what the region spends, and comes back empty."""
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 400, 1
    far = regions["far"]
    api = enter(far)
    assert new_places(api, 0, 1) == [200]
    regions.wait_until_in_step()
    far.lead_nowhere()
    lose(Role.PRIMARY)
    if is_away_first:
        far.own.kill()
        lose(Role.OWN)
        assert served(new_places(api, 10, 6)) == 6
        far.own.start()
        back(Role.OWN)
    assert served(new_places(api, 20, 15)) == (4 if is_away_first else 10)
    far.own.client.flushall()
    assert served(new_places(api, 40, 5)) == 0
    assert simulator.state()["cells"] == 11


def test_what_was_spent_without_the_primary_is_reported_to_it(regions, enter, simulator, settings):
    settings.UPSTREAM_HOUR_BUDGET, settings.FLEET_PROCESSES = 400, 8
    far = regions["far"]
    api = enter(far)
    assert new_places(api, 0, 1) == [200]
    far.cut_off()
    lose(Role.PRIMARY)
    assert new_places(api, 1, 3) == [200] * 3
    assert spent_of_the_hour(regions) == 1
    far.heal()
    back(Role.PRIMARY)
    assert new_places(api, 10, 1) == [200]
    assert spent_of_the_hour(regions) == simulator.state()["cells"] == 5


def test_a_promoted_replica_goes_on_where_the_old_primary_stopped(regions, enter, simulator, settings):
    """Fault 84: one truth, and nothing is spent past the budget, though all ask for more."""
    settings.UPSTREAM_HOUR_BUDGET = 40
    known = heard_of(enter, regions)
    api = enter(regions["farthest"])
    assert new_places(api, 10, 15) == [200] * 15
    regions.wait_until_in_step()
    regions.promote("far")
    # The process of before goes on, by the names that it knows.
    eventually(lambda: new_places(api, 30, 1) == [200])
    back(Role.PRIMARY)
    assert REFUSED in new_places(api, 40, 30)
    regions.wait_until_in_step()
    for number, region in enumerate(regions):
        there = enter(region)
        assert there.get("/api/v1/weather?lat=40&lon=10").json()["cached"]
        assert set(new_places(there, 100 + 10 * number, 3)) == {REFUSED}
    assert known + 15 < simulator.state()["cells"] <= 40 - 3
    assert simulator.state()["cells"] <= spent_of_the_hour(regions) <= 40 - 3
    for region in regions:
        assert region.records.client.hgetall("budget:open-meteo") == regions.primary.client.hgetall("budget:open-meteo")


def test_two_writers_spend_what_was_left_twice_and_nothing_more_once_there_is_one(regions, enter, simulator, settings):
    """Fault 84, where somebody promoted a replica while one region still writes to the old primary."""
    settings.UPSTREAM_HOUR_BUDGET = 40
    known = heard_of(enter, regions)
    old = regions.promote_beside("far")
    left = 40 - 3 - known
    assert served(new_places(enter(old), 10, 40)) == left
    assert served(new_places(enter(regions["farthest"]), 100, 40)) == left
    assert served(new_places(enter(regions.writer), 200, 40)) == 0
    asked_for = simulator.state()["cells"]
    assert asked_for == known + 2 * left

    regions.lead_to_writer(old)
    regions.return_as_replica(old.name)
    regions.wait_until_in_step()
    for number, region in enumerate(regions):
        assert served(new_places(enter(region), 300 + 10 * number, 3)) == 0
    assert simulator.state()["cells"] == asked_for
    kept = [{key: region.records.client.dump(key) for key in region.records.client.keys()} for region in regions]
    assert kept[0] == kept[1] == kept[2]
