"""The benchmark of a run's arrival: what it says of the answers that it got, and whom it asks about."""

import pytest

from tests.benchmarks.run_arrival import Answered, cells, reached


def answered(*has_run: bool) -> list[Answered]:
    """Four answers a second, from the moment at which the run was settled on."""
    return [Answered(number / 4, is_hit=True, has_run=one) for number, one in enumerate(has_run)]


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 4), (0.9, 6), (1.0, 6)])
def test_a_share_is_reached_with_the_first_two_seconds_in_which_as_many_answers_have_the_run(share, seconds):
    assert reached(answered(*[False] * 8, *[False, True] * 4, *[True] * 8), share) == seconds


def test_a_share_may_never_be_reached():
    assert reached(answered(*[False, True] * 8), 0.9) is None


@pytest.mark.parametrize("count", [10, 200])
def test_as_many_cells_as_are_wanted_are_of_one_model(count):
    assert len(set(cells(count))) == count
