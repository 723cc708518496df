"""The figures of the benchmark of regions' faults."""

from collections import Counter

from tests.benchmarks.region_faults import HEAD, Told


def test_a_refusal_for_lack_of_budget_is_no_failure_for_new_places_but_is_one_for_held_ones():
    told = Told(Counter({200: 90, 503: 1, 0: 1}), Counter({200: 5, 503: 3, 504: 1}), 5, 3, [0, 2, 0], 1.25)
    assert told.line("cut off").removeprefix("cut off").split() == ["101", "3", "9", "3", "5", "3", "0/2/0", "1.2"]


def test_each_figure_stands_under_its_name():
    told = Told(Counter({200: 90}), Counter({200: 5}), 5, 3, [0, 2, 0], 1.25)
    assert len(told.line("cut off")) == len(HEAD.splitlines()[-1])
