"""The arithmetic of the benchmark of regions."""

from tests.benchmarks import regions


def test_a_day_of_replication_is_its_refreshes_and_what_idles():
    assert regions.a_day(4_000, 100, 10_000) == 40 + 8.64


def test_the_hours_questions_are_spread_over_three_regions_and_popular_cells_come_often():
    questions = regions.asked(3_000)
    assert {third for _, third in questions} == {0, 1, 2}
    assert len({path for path, _ in questions}) < 1_500
    assert questions == regions.asked(3_000)
