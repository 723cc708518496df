"""Fixtures of the budget's tests: a clock that stands at midnight, and the Redis that a fleet's processes share."""

from collections.abc import Callable
from typing import Any

import pytest
import redis as redis_py

from tests.support.clocks import MIDNIGHT, SetClock
from tests.support.servers import Valkey


@pytest.fixture
def clock() -> SetClock:
    return SetClock(MIDNIGHT)


@pytest.fixture
def shared(valkey: redis_py.Redis, valkey_server: Valkey, settings: Any, forget: Callable[[], None]) -> redis_py.Redis:
    """A client of a real, empty server, which the project's own connections lead to."""
    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    forget()
    return valkey
