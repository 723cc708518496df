"""Lookups: what is asked of Redis, how the reply is read, and what stands for the value while Redis is gone.

price = Lookup(("GET", "popularity:price"), read=float, without=lambda: 0.0)
name = Lookup(("GET", "name"), read=bytes.decode, without=lambda: "")
known_price, known_name = redis.fetch(price, name)  # a float and a str, in one round trip
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar, overload

from weathernote.redis.client import ask, value
from weathernote.redis.connection import Reply
from weathernote.redis.node import Command

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
    """Commands for Redis and the value that their replies stand for.

    `read` gets one argument for each command: bytes, int, a list of these, or None, as Redis sent it.
    `without` is called instead if Redis gave no reply to one of the commands, or refused it. A lookup that
    has no `without` raises RedisDown then.
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
        """The value, given a reply for each of the commands in their order."""
        for reply in replies:
            if isinstance(reply, Exception):
                if self.without is not None:
                    return self.without()
                value(reply)
        return self.read(*replies)


class Several(Lookup[list[T]]):
    """Any number of lookups of one kind as one, whose value is the list of theirs.

    Each has its own stand-in: in a cluster, a shard that is gone costs only the values that lie on it.
    """

    __slots__ = ("lookups",)

    lookups: list[Lookup[T]]

    def __init__(self, lookups: Iterable[Lookup[T]]) -> None:
        parts = list(lookups)
        super().__init__(*commands_of(parts), read=list)
        object.__setattr__(self, "lookups", parts)

    def value(self, replies: Sequence[Reply]) -> list[T]:
        return values_of(self.lookups, replies)


class Sourced(NamedTuple, Generic[T]):
    """A value, and whether Redis said it or this process remembered it because Redis is gone."""

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
    """A value for each lookup, in one round trip. Raises RedisDown if one is missing that has no stand-in."""
    return tuple(values_of(lookups, ask(*commands_of(lookups))))


def fetch_one(lookup: Lookup[T]) -> T:
    """The value of one lookup. Raises RedisDown if it is missing and has no stand-in."""
    return lookup.value(ask(*lookup.commands))


def fetch_all(lookups: Iterable[Lookup[T]]) -> list[T]:
    """The values of any number of lookups of one kind, in their order and in one round trip.

    Raises RedisDown if one is missing that has no stand-in. One timeout covers all, so a few hundred are the most.
    """
    parts = list(lookups)
    return values_of(parts, ask(*commands_of(parts)))


def commands_of(lookups: Iterable[Lookup[Any]]) -> list[Command]:
    """The commands of all lookups in a row, for whoever has to come between asking and reading."""
    return [command for lookup in lookups for command in lookup.commands]


def values_of(lookups: Iterable[Lookup[T]], replies: Sequence[Reply]) -> list[T]:
    """The values of `lookups`, given the replies to their `commands_of`.

    It is a part of every request: 1 µs for two lookups.
    """
    values, begin = [], 0
    for lookup in lookups:
        end = begin + len(lookup.commands)
        values.append(lookup.value(replies[begin:end]))
        begin = end
    return values
