"""What the tests that break Redis ask again and again."""

import time

from weathernote import redis
from weathernote.redis import RedisDown, ask


def is_open() -> bool:
    return redis.states()[0][1]


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def all_down(replies) -> bool:
    return all(isinstance(reply, RedisDown) for reply in replies)


def open_the_breaker() -> None:
    for _ in range(3):
        ask(("PING",))
    assert is_open()
