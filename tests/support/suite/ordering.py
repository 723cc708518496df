"""The order of files where two processes share them: those that take longest come first.

A long file that is begun as the last leaves one process without work. Those of real servers are long, whatever the
number of their tests, and a file of pure functions takes seconds: these come at the end.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.servers import TOP

#: Folders of `tests/`.
LONG = ("image", "faults", "regions", "edge", "weathernote", "browser", "deploy", "prewarm")


def long_first(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The tests of the folders of LONG, folder by folder, and then all others, which keep their order."""
    return sorted(items, key=lambda item: _rank(item.path))


def _rank(path: Path) -> int:
    folder = path.relative_to(TOP / "tests").parts[0]
    return LONG.index(folder) if folder in LONG else len(LONG)
