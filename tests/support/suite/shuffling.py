"""`--shuffle=SEED`: test files in random order, the tests of each file in theirs."""

from collections.abc import Iterable
from itertools import chain
from random import Random, SystemRandom

import pytest


def seed(text: str) -> int:
    """The number that the option names, or a random one for `random`; raises ValueError for anything else."""
    return SystemRandom().randrange(1_000_000) if text == "random" else int(text)


def by_file(items: Iterable[pytest.Item], seed: int) -> list[pytest.Item]:
    """The tests with their files shuffled: the same order for the same seed and files."""
    files: dict[object, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = list(files.values())
    Random(seed).shuffle(order)
    return list(chain.from_iterable(order))
