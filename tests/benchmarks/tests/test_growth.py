import json
from math import isclose

import pytest

from docs.pictures import growth as picture
from tests.benchmarks import growth
from tests.benchmarks.growth import Point

pytestmark = pytest.mark.pure


def test_sizes_go_by_ten_as_far_as_they_are_told():
    assert growth.sizes(100, 100_000) == [100, 1_000, 10_000, 100_000]
    assert growth.sizes(1, 99) == [1, 10]


def test_a_larger_world_has_all_cells_of_a_smaller_one():
    large = growth.world(100_000)
    assert len(set(large)) == 100_000
    assert growth.world(100) == large[:100]
    assert all(abs(cell.latitude) <= 90 and -180 <= cell.longitude < 180 for cell in large)


def test_popular_cells_and_all_clients_are_asked_for():
    lines = growth._lines(growth.world(1_000), 10)
    assert {line.partition("\t")[2] for line in lines} == {f"client {number}" for number in range(10)}
    first, last = (sum(f"lat={cell.latitude:g}&lon={cell.longitude:g}\t" in line for line in lines)
                   for cell in (growth.world(1)[0], growth.world(1_000)[-1]))  # fmt: skip
    assert first > 100 * max(1, last)


def test_a_core_of_redis_feeds_as_many_as_take_its_time():
    assert isclose(Point(1, 1000, 250, 25, 1, 0).feeds, 10)


def test_points_of_one_kind_leave_those_of_the_others(tmp_path):
    file = tmp_path / "growth.json"
    growth.written(file, "cells", [Point(100, 999.6, 251.2, 30.04, 12.34, 0)])
    growth.written(file, "clients", [])
    assert json.loads(file.read_text()) == {
        "cells": [{"size": 100, "a_second": 1000, "cpu_us": 251, "redis_us": 30.0, "redis_megabytes": 12.3}],
        "clients": [],
    }


@pytest.mark.parametrize("most", [0.3, 1, 7, 25, 99, 100, 101, 4321])
def test_an_axis_holds_what_is_on_it_and_is_not_mostly_empty(most):
    assert most <= 4 * picture._step(most) <= 2.6 * most


def test_a_picture_has_a_panel_for_each_cost_and_a_dot_for_each_size(tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "POINTS", tmp_path / "growth.json")
    growth.written(picture.POINTS, "cells", [Point(size, 1000, 250, 25, size / 1000, 0) for size in (100, 1_000)])
    drawn = picture._draw("cells")
    assert all(name in drawn for name, _ in picture.PANELS)
    assert drawn.count("<circle") == 2 * len(picture.PANELS)
