"""Lookups: commands for Redis, how to read their replies, and the value to use while Redis is down.

price = Lookup(("GET", "popularity:price"), read=float, without=lambda: 0.0)
name = Lookup(("GET", "name"), read=bytes.decode, without=lambda: "")
known_price, known_name = redis.fetch(price, name)  # a float and a str, in one round trip
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar, overload

from weathernote.redis.client import ask, value
from weathernote.redis.connections.connection import Reply
from weathernote.redis.servers.roles import Command

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")
T7 = TypeVar("T7")
T8 = TypeVar("T8")


@dataclass(frozen=True, slots=True, init=False)
class Lookup(Generic[T]):
    """Commands for Redis and the value to make of their replies.

    `read` gets one argument for each command: bytes, int, a list of these, or None, as Redis sent it. If a command
    got no reply or was refused, `without` gives the value; a lookup that has no `without` raises RedisDown.
    """

    commands: tuple[Command, ...]
    read: Callable[..., T]
    without: Callable[[], T] | None

    def __init__(self, *commands: Command, read: Callable[..., T], without: Callable[[], T] | None = None) -> None:
        set_field = object.__setattr__  # the class is frozen
        set_field(self, "commands", commands)
        set_field(self, "read", read)
        set_field(self, "without", without)

    def value(self, replies: Sequence[Reply]) -> T:
        """The value, given a reply to each command. Raises RedisDown if one is an exception and `without` is None."""
        for reply in replies:
            if isinstance(reply, Exception):
                if self.without is not None:
                    return self.without()
                value(reply)  # raises RedisDown
        return self.read(*replies)


class Several(Lookup[list[T]]):
    """A lookup of lookups: its value is the list of their values, in their order.

    Each uses its own `without`: in a cluster, only lookups on the failed shard fall back.
    """

    __slots__ = ("lookups",)

    lookups: list[Lookup[T]]

    def __init__(self, lookups: Iterable[Lookup[T]]) -> None:
        parts = list(lookups)
        super().__init__(*_commands_of(parts), read=list)
        object.__setattr__(self, "lookups", parts)

    def value(self, replies: Sequence[Reply]) -> list[T]:
        """The values of the lookups, given the replies to all their commands in a row; raises as they do."""
        return list(_values(self.lookups, replies))


class Sourced(NamedTuple, Generic[T]):
    """A value, and whether it came from Redis or, in an outage, from this process's memory."""

    value: T
    source: Literal["redis", "memory"]


@overload
def fetch(a: Lookup[T1], /) -> tuple[T1]: ...
@overload
def fetch(a: Lookup[T1], b: Lookup[T2], /) -> tuple[T1, T2]: ...
@overload
def fetch(a: Lookup[T1], b: Lookup[T2], c: Lookup[T3], /) -> tuple[T1, T2, T3]: ...
@overload
def fetch(a: Lookup[T1], b: Lookup[T2], c: Lookup[T3], d: Lookup[T4], /) -> tuple[T1, T2, T3, T4]: ...
@overload
def fetch(
    a: Lookup[T1], b: Lookup[T2], c: Lookup[T3], d: Lookup[T4], e: Lookup[T5], /
) -> tuple[T1, T2, T3, T4, T5]: ...
@overload
def fetch(
    a: Lookup[T1], b: Lookup[T2], c: Lookup[T3], d: Lookup[T4], e: Lookup[T5], f: Lookup[T6], /
) -> tuple[T1, T2, T3, T4, T5, T6]: ...
@overload
def fetch(
    a: Lookup[T1], b: Lookup[T2], c: Lookup[T3], d: Lookup[T4], e: Lookup[T5], f: Lookup[T6], g: Lookup[T7], /
) -> tuple[T1, T2, T3, T4, T5, T6, T7]: ...
@overload
def fetch(
    a: Lookup[T1],
    b: Lookup[T2],
    c: Lookup[T3],
    d: Lookup[T4],
    e: Lookup[T5],
    f: Lookup[T6],
    g: Lookup[T7],
    h: Lookup[T8],
    /,
) -> tuple[T1, T2, T3, T4, T5, T6, T7, T8]: ...
def fetch(*lookups: Lookup[Any]) -> tuple[Any, ...]:
    """The values of 1 to 8 lookups, in one round trip; raises RedisDown if one has no reply and no `without`."""
    return tuple(fetch_lazily(lookups))


def fetch_one(lookup: Lookup[T]) -> T:
    """The value of one lookup; raises RedisDown if it has no reply and no `without`."""
    return lookup.value(ask(*lookup.commands))


def fetch_all(lookups: Iterable[Lookup[T]]) -> list[T]:
    """The values of lookups of one type, in their order and in one round trip.

    Raises RedisDown if one has no reply and no `without`. One timeout covers all, so pass a few hundred at most.
    """
    return list(fetch_lazily(list(lookups)))


def fetch_lazily(lookups: Sequence[Lookup[T]]) -> Iterator[T]:
    """The values of lookups, in their order and in one round trip; each is read when the iterator comes to it.

    The iterator raises RedisDown where a lookup has no reply and no `without`.
    """
    return _values(lookups, ask(*_commands_of(lookups)))


def _commands_of(lookups: Iterable[Lookup[Any]]) -> list[Command]:
    return [command for lookup in lookups for command in lookup.commands]


def _values(lookups: Iterable[Lookup[T]], replies: Sequence[Reply]) -> Iterator[T]:
    """The values of `lookups`, given the replies to all their commands in a row."""
    begin = 0
    for lookup in lookups:
        end = begin + len(lookup.commands)
        yield lookup.value(replies[begin:end])
        begin = end
