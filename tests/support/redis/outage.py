"""Questions about the breaker and about replies, for tests that break Redis."""

from collections.abc import Callable

import pytest

from weathernote import redis
from weathernote.redis import Command, RedisDown, Reply, ask


def is_open() -> bool:
    """Whether the breaker before the first node refuses commands."""
    return redis.breaker_states()[0][1]


def all_down(replies) -> bool:
    """Whether every reply says that Redis did not answer."""
    return all(isinstance(reply, RedisDown) for reply in replies)


def open_the_breaker() -> None:
    """Fails three commands, as many as the breaker allows in a row; Redis must be down already."""
    for _ in range(3):
        ask(("PING",))
    assert is_open()


def replace_ask(monkeypatch: pytest.MonkeyPatch, asked: Callable[..., list[Reply]]) -> None:
    """Puts `asked` in the place of `redis.ask`, for lookups too."""
    for name in ("weathernote.redis.ask", "weathernote.redis.client.ask", "weathernote.redis.lookup.ask"):
        monkeypatch.setattr(name, asked)


def take_redis_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing gets a reply, until the test ends or undoes it."""
    replace_ask(monkeypatch, lambda *commands: [RedisDown("gone")] * len(commands))


def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Command, ...]]:
    """A list that grows by the commands of each round trip."""
    made: list[tuple[Command, ...]] = []

    def asked(*commands: Command) -> list[Reply]:
        made.append(commands)
        return ask(*commands)

    replace_ask(monkeypatch, asked)
    return made
