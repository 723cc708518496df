"""Persisted queries: texts that clients sent once, kept in Redis under their hash; the least used give way."""

from time import time

from weathernote import redis
from weathernote.redis import Lookup, without_redis
from weathernote.telemetry import metrics

LIFE_SECONDS = 7 * 86_400
#: How often a process notes that it uses a document.
NOTE_SECONDS = 3600
#: At most 8 kB each.
MOST_QUERIES = 2_000
_TEXTS, _USED = "{graphql}:queries", "{graphql}:used"

# Keeps a text, or notes that it was used, and drops those that were used longest ago beyond the most.
_KEEP = redis.script("""
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
for _, old in ipairs(redis.call('ZREVRANGE', KEYS[2], ARGV[4], -1)) do
    redis.call('HDEL', KEYS[1], old)
    redis.call('ZREM', KEYS[2], old)
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
""")


@without_redis(instead=metrics.count_lost_write)
def keep(sha256: str, text: str) -> bool:
    """Keeps a text under its hash for a week from its last use."""
    redis.execute(_KEEP((_TEXTS, _USED), sha256, text, int(time()), MOST_QUERIES, LIFE_SECONDS))
    return True


def use(sha256: str) -> Lookup[None]:
    """Notes that a query is used, if it is still kept."""
    noted = ("ZADD", _USED, "XX", int(time()), sha256)
    lives = [("EXPIRE", key, LIFE_SECONDS) for key in (_TEXTS, _USED)]
    return Lookup(noted, *lives, read=lambda *_: None, without=lambda: None)


def text_of(sha256: str) -> str | None:
    """The text that was kept under a hash; None if there is none, or Redis is gone."""
    return redis.fetch_one(Lookup(("HGET", _TEXTS, sha256), read=_decoded, without=lambda: None))


def _decoded(text: bytes | None) -> str | None:
    try:
        return None if text is None else text.decode()
    except UnicodeDecodeError:
        return None
