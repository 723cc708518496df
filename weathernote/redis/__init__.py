"""Redis, one server or a cluster: lookups and commands, their values, and a stated fallback for each in an outage."""

from weathernote.redis.client import (
    Command,
    RedisDown,
    Reply,
    Script,
    ask,
    breaker_states,
    each,
    execute,
    info,
    info_fields,
    is_cluster,
    is_down,
    on_lost,
    script,
    value,
    without_redis,
)
from weathernote.redis.clock import RedisClock
from weathernote.redis.lookup import Lookup, Several, Sourced, fetch, fetch_all, fetch_lazily, fetch_one
from weathernote.redis.servers import reset

__all__ = [
    "Command",
    "Lookup",
    "RedisClock",
    "RedisDown",
    "Reply",
    "Script",
    "Several",
    "Sourced",
    "ask",
    "breaker_states",
    "each",
    "execute",
    "fetch",
    "fetch_all",
    "fetch_lazily",
    "fetch_one",
    "info",
    "info_fields",
    "is_cluster",
    "is_down",
    "on_lost",
    "reset",
    "script",
    "value",
    "without_redis",
]
