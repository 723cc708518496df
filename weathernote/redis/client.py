"""Commands to Redis, to one server or several, and what happens while one is down.

Each command carries the role of the server that it is for (roles.py), so that no caller chooses one. `ask` returns the
reply to each command, or a RedisDown in its place; `execute` raises RedisDown instead. The decorator `without_redis`
above a method states what the method returns then.
"""

import functools
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from redis import exceptions

from weathernote.redis.connections.connection import Reply
from weathernote.redis.outages.lost import RedisDown, note_lost, on_lost
from weathernote.redis.servers.by_role import server, servers_by_role
from weathernote.redis.servers.cluster import Cluster
from weathernote.redis.servers.node import Node
from weathernote.redis.servers.regional import Regional
from weathernote.redis.servers.roles import Command, Role, Word, at, role_of

__all__ = [
    "Command",
    "RedisDown",
    "Reply",
    "Script",
    "Word",
    "ask",
    "each",
    "on_lost",
    "script",
    "value",
    "without_redis",
]

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def ask(*commands: Command) -> list[Reply]:
    """A reply to each command, in one round trip: bytes, int, a list of these, None, RedisDown or a ResponseError.

    An outage raises no exception. No command is sent twice but a script that the server did not know: that one did not
    run, and runs after the others. One timeout covers all replies, so send a few hundred commands at most.
    """
    if not commands:
        return []
    target = server()
    replies = target.exchange(commands)
    for reply in replies:
        if isinstance(reply, exceptions.ResponseError):
            return _complete(target, commands, replies)
    return replies


def execute(*commands: Command) -> list[Reply]:
    """The reply to each command, in one round trip; raises RedisDown if one was not answered or was refused."""
    return [value(reply) for reply in ask(*commands)]


def each(*command: Word, role: Role = Role.OWN) -> dict[str, Reply]:
    """Server name → its reply or RedisDown, for the one server of a role or each master of its cluster."""
    return servers_by_role()[role].each(command)


def value(reply: Reply) -> Reply:
    """The reply itself; raises RedisDown if it is a RedisDown or a ResponseError."""
    if isinstance(reply, exceptions.ResponseError):
        raise RedisDown(str(reply)) from reply
    if isinstance(reply, RedisDown):
        raise reply
    return reply


def without_redis(
    *, returns: Any = None, instead: Callable[..., Any] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a method: on RedisDown it `returns` this value, or what `instead` gives for the same arguments."""

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(method)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(*args, **kwargs)
            except RedisDown:
                return instead(*args, **kwargs) if instead else returns

        return guarded

    return decorate


# ── scripts ───────────────────────────────────────────────────────────────────────────────────────

_script_texts: dict[Word, str] = {}


class Script:
    """A Lua script. Calling it with its key (or keys under one hash tag) and arguments makes a command for `ask`."""

    def __init__(self, text: str) -> None:
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        _script_texts[self.sha] = text

    def __call__(self, keys: str | tuple[str, ...], *arguments: Word) -> Command:
        if isinstance(keys, str):
            return ("EVALSHA", self.sha, 1, keys, *arguments)
        return ("EVALSHA", self.sha, len(keys), *keys, *arguments)


class _ScriptElsewhere(Script):
    def __init__(self, text: str, role: Role) -> None:
        super().__init__(text)
        self.role = role

    def __call__(self, keys: str | tuple[str, ...], *arguments: Word) -> Command:
        return at(self.role, *super().__call__(keys, *arguments))


def script(text: str, *, role: Role = Role.OWN) -> Script:
    """A Lua script for the server of a role, sent by its hash; `ask` sends the text if the server does not know it."""
    return Script(text) if role is Role.OWN else _ScriptElsewhere(text, role)


def _complete(target: Node | Cluster | Regional, commands: Sequence[Command], replies: list[Reply]) -> list[Reply]:
    """Sends the scripts that a server did not know in full, then counts and logs refusals; returns all replies."""
    unknown = [
        index
        for index, reply in enumerate(replies)
        if isinstance(reply, exceptions.NoScriptError) and commands[index][1] in _script_texts
    ]
    if unknown:
        again = target.exchange([_in_full(commands[index]) for index in unknown])
        for index, reply in zip(unknown, again, strict=True):
            replies[index] = reply
    for reply in replies:
        if isinstance(reply, exceptions.ResponseError):
            note_lost("refused", 1)
            _warn_once(reply.status_code or str(reply).partition(" ")[0])
    return replies


def _in_full(command: Command) -> Command:
    """The script of an EVALSHA with its text, for the same server."""
    return at(role_of(command), "EVAL", _script_texts[command[1]], *command[2:])


@functools.lru_cache(maxsize=64)
def _warn_once(kind: str) -> None:
    log.warning("Redis refuses commands: %s", kind)


# ── servers ───────────────────────────────────────────────────────────────────────────────────────


def breaker_states() -> list[tuple[str, bool]]:
    """Pairs (server name, whether its breaker is open) for each server or master, the region's own first."""
    masters = server().masters()
    return [(node.name, node.breaker.is_open or node.writes.is_open) for node in masters] or [("cluster", True)]


def breakers_by_role() -> dict[Role, bool]:
    """Role → whether commands for it are refused by a breaker; only OWN where one server has all three."""
    refused = {role: _refuses(of_role, role) for role, of_role in servers_by_role().items()}
    return {Role.OWN: any(refused.values())} if is_one_server() else refused


def _refuses(target: Node | Cluster, role: Role) -> bool:
    """Whether any server of the role refuses what is for it; True for a cluster without a map."""
    masters, command = target.masters(), at(role, "PING")
    return not masters or any(node.refuses(command) for node in masters)


def info(role: Role = Role.OWN) -> list[dict[str, str]]:
    """Field → text of INFO, a dict for each server or master of the role that answers."""
    return [info_fields(reply) for reply in each("INFO", role=role).values() if isinstance(reply, bytes)]


def info_fields(reply: bytes) -> dict[str, str]:
    """Field → text of a reply to INFO, such as `used_memory` → `1048576`."""
    return dict(line.split(":", 1) for line in reply.decode("utf-8", "replace").splitlines() if ":" in line)


def is_cluster(role: Role = Role.OWN) -> bool:
    """Whether keys for the role may lie on several servers, each of which may be gone by itself."""
    return isinstance(servers_by_role()[role], Cluster)


def refuses(command: Command) -> bool:
    """Whether the server for a command is known to be down; nothing is sent."""
    return server().refuses(command)


def is_one_server() -> bool:
    """Whether one server, or one cluster, has all three roles."""
    return not isinstance(server(), Regional)


def is_replicated() -> bool:
    """Whether records are read from a server that may be behind the one that they are written to."""
    by_role = servers_by_role()
    return by_role[Role.REPLICA] is not by_role[Role.PRIMARY]
