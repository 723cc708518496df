"""Questions about the breaker and about replies, for tests that break Redis."""

from weathernote import redis
from weathernote.redis import RedisDown, ask


def is_open() -> bool:
    """Whether the breaker before the first node refuses commands."""
    return redis.states()[0][1]


def all_down(replies) -> bool:
    """Whether every reply says that Redis did not answer."""
    return all(isinstance(reply, RedisDown) for reply in replies)


def open_the_breaker() -> None:
    """Fails three commands, as many as the breaker allows in a row; Redis must be down already."""
    for _ in range(3):
        ask(("PING",))
    assert is_open()
