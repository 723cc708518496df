"""Three regions for all tests, each of which may cut their lines, stop their servers and promote replicas."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.support.processes.regions import Region, Regions, three_regions
from tests.support.servers import eventually
from weather.api.service import service
from weathernote.http.headers.cache_headers import cache_status


def settle() -> None:
    """Waits until this process has stored what it fetched, for a second at most: it may be cut off."""
    with suppress(AssertionError):
        eventually(lambda: service().workers.is_idle, within_seconds=1)


@pytest.fixture(scope="package")
def the_regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with three_regions(tmp_path_factory.mktemp("regions")) as started:
        for one in (started, *started):
            one.settle = settle
        yield started


@pytest.fixture
def regions(the_regions: Regions) -> Iterator[Regions]:
    """All well and empty at the start."""
    yield the_regions
    the_regions.restore()


@pytest.fixture(autouse=True)
def headers_anew() -> Iterator[None]:
    """They name the region, which no process changes."""
    cache_status.cache_clear()
    yield
    cache_status.cache_clear()


@pytest.fixture
def enter(api: Any, use: Callable[[str], None], settings: Any) -> Iterator[Callable[[Region], Any]]:
    """Makes this process one of a region, as if it had just started; gives the client of its API.

    What the process of before fetched is stored then.
    """

    def entered(region: Region) -> Any:
        settle()
        settings.REGION = region.name
        settings.RECORDS_REDIS_URL, settings.RECORDS_REPLICA_URL = region.to_primary.url, region.records.url
        use(region.own.url)
        return api

    yield entered
    settle()  # what is stored later would be found by the next test
