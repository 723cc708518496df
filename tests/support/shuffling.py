"""`--shuffle=SEED`: files in an order by chance, each with its own tests in their order."""

from collections.abc import Iterable
from itertools import chain
from random import Random, SystemRandom

import pytest


def seed(text: str) -> int:
    """A number as it stands, or a new one for `random`."""
    return SystemRandom().randrange(1_000_000) if text == "random" else int(text)


def by_file(items: Iterable[pytest.Item], seed: int) -> list[pytest.Item]:
    files: dict[object, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = list(files.values())
    Random(seed).shuffle(order)
    return list(chain.from_iterable(order))
