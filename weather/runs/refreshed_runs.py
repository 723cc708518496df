"""Which runs the fleet's refresher has gone through: one hash in Redis, of a model's name and its newest such run."""

from collections.abc import Mapping

from weather.core.runs.run_times import RunTimes
from weathernote import redis
from weathernote.redis import Lookup

KEY = "runs:refreshed"
LIFE_SECONDS = 3 * 86_400

_NOTE = redis.script("""
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return redis.call('EXPIRE', KEYS[1], ARGV[1])
""")


def news(times: Mapping[str, RunTimes], now: float) -> dict[str, int]:
    """Model → its newest run that is settled and was not gone through, by its initialisation time in unix seconds.

    Raises RedisDown without Redis.
    """
    newest = {model: run.initialised for model, one in times.items() if (run := one.run_of(now))}
    done: list[bytes | None] = redis.fetch_one(Lookup(("HMGET", KEY, *newest), read=list)) if newest else []
    return {
        model: run
        for (model, run), known in zip(newest.items(), done, strict=True)
        if known is None or known != str(run).encode()
    }


def note(gone_through: Mapping[str, int]) -> None:
    """Notes that the cells of models were refreshed for these runs. Raises RedisDown without Redis."""
    pairs = [argument for pair in gone_through.items() for argument in pair]
    redis.execute(_NOTE(KEY, LIFE_SECONDS, *pairs))
