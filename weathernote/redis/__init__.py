"""Redis, one server or a cluster: commands in, replies out, and a stated answer where it is gone."""

from weathernote.redis.client import (
    Command,
    RedisDown,
    Reply,
    Script,
    ask,
    each,
    is_down,
    on_lost,
    reset,
    script,
    states,
    value,
    without_redis,
)

__all__ = [
    "Command",
    "RedisDown",
    "Reply",
    "Script",
    "ask",
    "each",
    "is_down",
    "on_lost",
    "reset",
    "script",
    "states",
    "value",
    "without_redis",
]
