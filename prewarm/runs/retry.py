"""A job has more time than a request: where Redis did not answer in time, it asks again."""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from weathernote.redis import RedisDown

#: Redis' breaker tries again after half a second.
PAUSES_SECONDS = (0.1, 0.6, 0.6)

T = TypeVar("T")


def patiently(ask: Callable[[], T], pauses_seconds: Iterable[float] = PAUSES_SECONDS) -> T:
    """What `ask` gives; RedisDown if it has nothing after the last pause. For what may be done twice."""
    for pause in pauses_seconds:
        try:
            return ask()
        except RedisDown:
            time.sleep(pause)
    return ask()
