"""The run times of all models, and which models are in use: in one hash in Redis, and in each process' memory."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from weather.core.runs.run_times import RunTimes
from weathernote import redis
from weathernote.redis import Lookup, Role, at, without_redis

KEY = "runs:models"
#: Run times of longer ago say nothing about a record that is held.
LIFE_SECONDS = 3 * 86_400
#: A model is in use for so long after one of its cells was asked for or prewarmed.
USED_SECONDS = 86_400

#: Before the name of a model in the field that says when it was used last.
_USED = "used:"
_WRITE = redis.script(
    """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
for at = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
end
return redis.call('EXPIRE', KEYS[1], ARGV[1])
""",
    role=Role.PRIMARY,
)


class RunTable:
    """Model → its run times. Requests read what this process remembers; a loop calls `read` to keep that current.

    `models` are all that there may be, by Open-Meteo's names.
    """

    def __init__(self, models: Collection[str]) -> None:
        self.models = tuple(models)
        self._times: Mapping[str, RunTimes] = {}
        self._used: Mapping[str, int] = {}

    def times_of(self, model: str) -> RunTimes | None:
        """The model's run times as last read; None if there were none. It asks Redis nothing."""
        return self._times.get(model)

    def used(self, now: float) -> list[str]:
        """The models that were used within a day, as last read. It asks Redis nothing."""
        return [model for model in self.models if self._used.get(model, 0) >= now - USED_SECONDS]

    @without_redis(returns=None)
    def read(self) -> None:
        """Reads the hash. What Redis does not have, or not legibly, stays as it is remembered."""
        self._take(redis.fetch_one(Lookup(at(Role.REPLICA, "HGETALL", KEY), read=_texts)))

    @without_redis(returns=None)
    def read_newest(self) -> None:
        """Reads the hash where it is written, before this process adds to it."""
        self._take(redis.fetch_one(Lookup(at(Role.PRIMARY, "HGETALL", KEY), read=_texts)))

    def _take(self, fields: Mapping[str, bytes]) -> None:
        times = {model: RunTimes.read(fields[model]) for model in self.models if model in fields}
        self._times = {**self._times, **{model: one for model, one in times.items() if one is not None}}
        self._used = {**self._used, **self._read_used(fields)}

    @without_redis(returns=None)
    def write(self, model: str, times: RunTimes) -> None:
        """Stores a model's run times, in Redis and for this process; without Redis for this process alone."""
        self._times = {**self._times, model: times}
        redis.execute(_WRITE(KEY, LIFE_SECONDS, model, times.text))

    @without_redis(returns=None)
    def note_used(self, models: Iterable[str], now: float) -> None:
        """Has the poller follow these models for a day from `now`; without Redis that of this process alone."""
        used = dict.fromkeys(models, int(now))
        self._used = {**self._used, **used}
        fields = [text for model, seconds in used.items() for text in (f"{_USED}{model}", str(seconds))]
        if fields:
            redis.execute(_WRITE(KEY, LIFE_SECONDS, *fields))

    def _read_used(self, fields: Mapping[str, bytes]) -> dict[str, int]:
        used = {}
        for model in self.models:
            with suppress(KeyError, ValueError):
                used[model] = int(fields[f"{_USED}{model}"])
        return used


def _texts(fields: list[bytes]) -> dict[str, bytes]:
    return {name.decode("utf-8", "replace"): text for name, text in zip(fields[::2], fields[1::2], strict=True)}
