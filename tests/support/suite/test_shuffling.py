from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.suite import shuffling

pytestmark = pytest.mark.pure

ITEMS: list[Any] = [SimpleNamespace(path=Path(file), number=number) for file in "abcdef" for number in range(3)]


def order(seed: int) -> str:
    return "".join(item.path.name for item in shuffling.by_file(ITEMS, seed))


def test_files_come_in_an_order_that_the_seed_decides():
    assert order(1) == order(1)
    assert len({order(seed) for seed in range(20)}) > 10


def test_a_file_s_tests_stay_together_in_their_order():
    shuffled = shuffling.by_file(ITEMS, 1)
    assert [vars(item)["number"] for item in shuffled] == [0, 1, 2] * 6
    assert {order(seed)[:3] for seed in range(100)} == {letter * 3 for letter in "abcdef"}


def test_a_seed_is_a_number_or_left_to_chance():
    assert shuffling.seed("7") == 7
    assert len({shuffling.seed("random") for _ in range(10)}) > 1
    with pytest.raises(ValueError, match="invalid literal"):
        shuffling.seed("often")
