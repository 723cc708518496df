"""What the tests that break Redis ask again and again."""

from weathernote import redis
from weathernote.redis import RedisDown, ask


def is_open() -> bool:
    return redis.states()[0][1]


def all_down(replies) -> bool:
    return all(isinstance(reply, RedisDown) for reply in replies)


def open_the_breaker() -> None:
    for _ in range(3):
        ask(("PING",))
    assert is_open()
