"""The three servers that commands are for, and commands that carry which of them; those of one region may be one."""

from collections.abc import Mapping
from enum import Enum

Word = str | bytes | int | float
Command = tuple[Word, ...]


class Role(Enum):
    """What a server is for. A plain tuple is a command for OWN."""

    #: The region's own: finished answers, counts of requests, users.
    OWN = "own"
    #: The one that all regions write to: records, the budget, slots, the queue, popularity, run times.
    PRIMARY = "primary"
    #: A copy of the primary in this region, a little behind it: for reading alone.
    REPLICA = "replica"

    # That of Enum is written in Python, and a request makes a dozen commands.
    __hash__ = object.__hash__


class ToPrimary(tuple[Word, ...]):
    """A command for the primary of the records."""

    __slots__ = ()


class ToReplica(tuple[Word, ...]):
    """A command for the replica of the records in this region; it must not write."""

    __slots__ = ()


_KINDS: Mapping[Role, type[tuple[Word, ...]]] = {Role.OWN: tuple, Role.PRIMARY: ToPrimary, Role.REPLICA: ToReplica}


def at(role: Role, *words: Word) -> Command:
    """A command for the server of a role."""
    return _KINDS[role](words)


def role_of(command: Command) -> Role:
    """The role whose server a command is for."""
    if isinstance(command, ToPrimary):
        return Role.PRIMARY
    return Role.REPLICA if isinstance(command, ToReplica) else Role.OWN
