"""Retries of Redis commands: a job has more time than a request."""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from weathernote.redis import RedisDown

#: The breaker stays open for half a second: the later pauses outlast it.
PAUSES_SECONDS = (0.1, 0.6, 0.6)

T = TypeVar("T")


def with_retries(ask: Callable[[], T], pauses_seconds: Iterable[float] = PAUSES_SECONDS) -> T:
    """The result of `ask`, which must be safe to repeat; after each RedisDown it is called again, a pause later.

    Raises the RedisDown of the call after the last pause.
    """
    for pause in pauses_seconds:
        try:
            return ask()
        except RedisDown:
            time.sleep(pause)
    return ask()
