"""Three regions for each test, which may cut their lines, stop their servers and promote replicas."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.regions import Regions, three_regions


@pytest.fixture
def regions(tmp_path: Path) -> Iterator[Regions]:
    with three_regions(tmp_path / "regions") as started:
        yield started
