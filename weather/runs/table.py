"""The run times of all models: in one hash in Redis, and in the memory of each process."""

from collections.abc import Collection, Mapping

from weather.core.runs.run_times import RunTimes
from weathernote import redis
from weathernote.redis import Lookup, without_redis

KEY = "runs:models"
#: Run times of longer ago say nothing about a record that is held.
LIFE_SECONDS = 3 * 86_400

_WRITE = redis.script("""
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return redis.call('EXPIRE', KEYS[1], ARGV[1])
""")


class RunTable:
    """Model → its run times. Requests read what this process remembers; a loop calls `read` to keep that current."""

    def __init__(self, models: Collection[str]) -> None:
        self.models = models
        self._times: Mapping[str, RunTimes] = {}

    def times_of(self, model: str) -> RunTimes | None:
        """The model's run times as last read; None if there were none. It asks Redis nothing."""
        return self._times.get(model)

    @without_redis(returns=None)
    def read(self) -> None:
        """Reads all models' run times. What Redis does not have, or not legibly, stays as it is remembered."""
        self._times = {**self._times, **redis.fetch_one(Lookup(("HGETALL", KEY), read=self._legible))}

    @without_redis(returns=None)
    def write(self, model: str, times: RunTimes) -> None:
        """Stores a model's run times, in Redis and for this process; without Redis for this process alone."""
        self._times = {**self._times, model: times}
        redis.execute(_WRITE(KEY, LIFE_SECONDS, model, times.text))

    def _legible(self, fields: list[bytes]) -> dict[str, RunTimes]:
        by_model = {name.decode("utf-8", "replace"): text for name, text in zip(fields[::2], fields[1::2], strict=True)}
        read = {model: RunTimes.read(by_model[model]) for model in self.models if model in by_model}
        return {model: times for model, times in read.items() if times is not None}
