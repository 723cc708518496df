"""A region that nobody has heard of for long: the others take its part back, and it must not spend that too."""

import time

import pytest

from tests.regions.steps import lose, new_places
from weather.budget.scripts import LIFE_SECONDS, PART_SECONDS
from weathernote.redis import Role

pytest_plugins = ["tests.support.redis.fixtures"]

BUDGET = "budget:open-meteo"


def cut_off_for(region, regions, enter, seconds):
    """A process of a region, started while that has been cut off from the primary for so long; its API."""
    regions.primary.client.hset(BUDGET, f"region:{region.name}", round(time.time() - seconds))
    regions.wait_until_in_step()
    region.cut_off()
    api = enter(region)
    lose(Role.PRIMARY)
    return api


@pytest.mark.parametrize(("seconds", "status"), [(PART_SECONDS - 300, 200), (PART_SECONDS + 300, 503)])
def test_it_spends_its_part_for_an_hour_less_than_the_others_leave_it(regions, enter, simulator, seconds, status):
    assert PART_SECONDS == LIFE_SECONDS - 3600
    api = cut_off_for(regions["far"], regions, enter, seconds)
    assert new_places(api, 0, 1) == [status]
    assert simulator.state()["cells"] == (status == 200)


def test_a_region_that_was_never_heard_of_has_no_part(regions, enter, simulator):
    far = regions["far"]
    far.cut_off()
    api = enter(far)
    lose(Role.PRIMARY)
    assert new_places(api, 0, 1) == [503] and simulator.state()["cells"] == 0


def test_once_it_is_back_it_is_heard_of_again(regions, enter):
    far = regions["far"]
    regions.primary.client.hset(BUDGET, f"region:{far.name}", round(time.time() - PART_SECONDS))
    assert new_places(enter(far), 0, 1) == [200]
    assert float(regions.primary.client.hget(BUDGET, f"region:{far.name}")) > time.time() - 600
