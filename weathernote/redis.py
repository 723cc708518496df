"""The connection to Redis and its breaker; what happens when Redis is gone is said here and nowhere else.

Callers hand commands to `ask` and get a reply for each: what Redis said, or the RedisDown that stands
for it. A method that cannot go on without its reply lets RedisDown rise, and `without_redis` on the
line above its name states what the method then returns.
"""

import functools
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import hiredis
from django_redis import get_redis_connection
from django_redis.serializers.base import BaseSerializer
from redis import exceptions
from redis.connection import ConnectionPool

from weathernote.breaker import Breaker

log = logging.getLogger(__name__)

Command = tuple[str | bytes | int | float, ...]
Reply = Any
P = ParamSpec("P")
R = TypeVar("R")

# A reply that is an error of one command leaves the connection sound; these do not.
_BROKEN = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.InvalidResponse,
    hiredis.HiredisError,
    OSError,
)


class RedisDown(Exception):
    """Redis gave no usable reply: gone, slow, full, read-only, garbled, or its breaker is open."""


class Node:
    """One Redis server as this process sees it: a connection for each thread, and one breaker."""

    def __init__(self, pool: ConnectionPool, name: str = "redis") -> None:
        self.name = name
        self.breaker = Breaker()
        self._pool = pool
        self._mine = threading.local()

    def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """The replies to `commands`, sent in one write and never sent twice: a count must not be counted again."""
        if not self.breaker.allows():
            return [RedisDown(f"{self.name}: breaker open")] * len(commands)
        try:
            connection = self._connection()
            packed = b"".join(map(hiredis.pack_command, commands))
            connection.send_packed_command([packed], check_health=False)
            replies = [_read(connection) for _ in commands]
        except _BROKEN as error:
            return [self._lost(error)] * len(commands)
        self.breaker.succeeded()
        return replies

    def _connection(self) -> Any:
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = self._pool.make_connection()
        if connection.is_connected:
            # Unread data is a stray reply, or the server's good-bye: either way not ours to read.
            if connection.can_read(0):
                connection.disconnect()
                connection.connect()
        else:
            connection.connect()
        return connection

    def _lost(self, error: Exception) -> RedisDown:
        connection = getattr(self._mine, "connection", None)
        if connection is not None:
            connection.disconnect()
        if self.breaker.failed():
            log.warning("Redis %s is down (%s); the service goes on without it.", self.name, type(error).__name__)
        return RedisDown(f"{self.name}: {type(error).__name__}")


def _read(connection: Any) -> Reply:
    try:
        return connection.read_response(disable_decoding=True, disconnect_on_error=False)
    except exceptions.ResponseError as error:
        return error


@functools.cache
def _node() -> Node:
    return Node(get_redis_connection("default").connection_pool)


def reset() -> None:
    """Forgets the connections and breakers: for tests, which change servers."""
    _node.cache_clear()


def ask(*commands: Command) -> list[Reply]:
    """A reply for each command, in one round trip; RedisDown or a ResponseError stands where one failed."""
    return _node().exchange(commands)


def value(reply: Reply) -> Reply:
    """What Redis said; raises RedisDown where it said nothing or refused."""
    if isinstance(reply, exceptions.ResponseError):
        _tell_once(str(reply).partition(" ")[0])
        raise RedisDown(str(reply)) from reply
    if isinstance(reply, RedisDown):
        raise reply
    return reply


@functools.lru_cache(maxsize=64)
def _tell_once(kind: str) -> None:
    log.warning("Redis refuses commands: %s", kind)


def is_down() -> bool:
    """Whether Redis fails to answer a PING; the breaker makes that quick while it is known to be down."""
    try:
        value(ask(("PING",))[0])
    except RedisDown:
        return True
    return False


def without_redis(*, returns: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """States what the method returns while Redis is gone: a value, or what calling `returns` gives."""

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(method)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(*args, **kwargs)
            except RedisDown:
                return returns() if callable(returns) else returns

        return guarded

    return decorate


def exact_key(key: str, prefix: str, version: int) -> str:
    """Django's cache key as it is: the names in Redis are promised to the outside."""
    return key


def exact_key_reversed(key: str) -> str:
    return key


class TextSerializer(BaseSerializer):
    """Text in, text out, so that `redis-cli GET` shows what a phone gets and nothing can be unpickled."""

    def dumps(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"only text is kept in the cache, not {type(value).__name__}")
        return value.encode()

    def loads(self, value: bytes) -> str:
        return value.decode()
