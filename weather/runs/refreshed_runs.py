"""Which runs the fleet's refresher has gone through: one hash in Redis, of a model's name and its newest such run.

Each day has a budget and so a price of its own: what was too dear at night is gone through again once the day begins.
"""

from collections.abc import Mapping

from weather.core.runs.run_times import RunTimes
from weathernote import redis
from weathernote.redis import Lookup, Role, at

KEY = "runs:refreshed"
DAY_SECONDS = 86_400
LIFE_SECONDS = 3 * DAY_SECONDS
#: From midnight until every process has the new day's price.
DAY_BEGINS_SECONDS = 120

_NOTE = redis.script(
    """
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return redis.call('EXPIRE', KEYS[1], ARGV[1])
""",
    role=Role.PRIMARY,
)


def news(times: Mapping[str, RunTimes], now: float) -> dict[str, int]:
    """Model → its newest run that is settled and was not gone through today, by its initialisation in unix seconds.

    Without Redis, or with another key under the name, none was.
    """
    newest = {model: run.initialised for model, one in times.items() if (run := one.run_of(now))}
    if not newest:
        return {}
    done: list[bytes | None] = redis.fetch_one(Lookup(at(Role.PRIMARY, "HMGET", KEY, *newest), read=list, without=list))
    known = dict(zip(newest, done, strict=False))
    return {model: run for model, run in newest.items() if known.get(model) != _text(run, now).encode()}


def note(gone_through: Mapping[str, int], now: float) -> None:
    """Notes that the cells of models were refreshed for these runs, at the prices of `now`. Raises RedisDown."""
    if not gone_through:
        return
    pairs = [argument for model, run in gone_through.items() for argument in (model, _text(run, now))]
    redis.execute(_NOTE(KEY, LIFE_SECONDS, *pairs))


def _text(run: int, now: float) -> str:
    return f"{run}@{int(now - DAY_BEGINS_SECONDS) // DAY_SECONDS}"
