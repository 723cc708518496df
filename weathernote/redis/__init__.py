"""Redis, servers or clusters by role: lookups and commands, their values, and a stated fallback for each."""

from weathernote.redis.client import (
    Command,
    RedisDown,
    Reply,
    Script,
    ask,
    breaker_states,
    breakers_by_role,
    each,
    execute,
    info,
    info_fields,
    is_cluster,
    is_one_server,
    is_replicated,
    on_lost,
    refuses,
    script,
    value,
    without_redis,
)
from weathernote.redis.clock import RedisClock
from weathernote.redis.lookup import Lookup, Several, Sourced, fetch, fetch_all, fetch_lazily, fetch_one
from weathernote.redis.pings import are_down
from weathernote.redis.roles import Role, at
from weathernote.redis.servers import reset, servers_by_role

__all__ = [
    "Command",
    "Lookup",
    "RedisClock",
    "RedisDown",
    "Reply",
    "Role",
    "Script",
    "Several",
    "Sourced",
    "are_down",
    "ask",
    "at",
    "breaker_states",
    "breakers_by_role",
    "each",
    "execute",
    "fetch",
    "fetch_all",
    "fetch_lazily",
    "fetch_one",
    "info",
    "info_fields",
    "is_cluster",
    "is_one_server",
    "is_replicated",
    "on_lost",
    "refuses",
    "reset",
    "script",
    "servers_by_role",
    "value",
    "without_redis",
]
