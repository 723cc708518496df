"""Redis, one server or a cluster: lookups and commands in, values out, and a stated stand-in where it is gone."""

from weathernote.redis.client import (
    Command,
    RedisDown,
    Reply,
    Script,
    ask,
    each,
    execute,
    is_down,
    on_lost,
    reset,
    script,
    states,
    value,
    without_redis,
)
from weathernote.redis.lookup import Lookup, Several, Sourced, fetch, fetch_all, fetch_one

__all__ = [
    "Command",
    "Lookup",
    "RedisDown",
    "Reply",
    "Script",
    "Several",
    "Sourced",
    "ask",
    "each",
    "execute",
    "fetch",
    "fetch_all",
    "fetch_one",
    "is_down",
    "on_lost",
    "reset",
    "script",
    "states",
    "value",
    "without_redis",
]
