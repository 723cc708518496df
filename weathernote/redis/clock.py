"""The clock of the Redis server, which all processes of the fleet share."""

from collections.abc import Callable
from time import time

#: Opens a script whose first argument is `RedisClock.script_argument`: `now` is the time in unix seconds.
NOW_LUA = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end
"""


class RedisClock:
    """The time by Redis' clock, as last synchronized; before that, by the machine's clock.

    Scripts read the time from Redis itself. Tests and simulations subclass this clock, and scripts then use its time.
    """

    def __init__(self, machine_now: Callable[[], float] = time) -> None:
        self._machine_now = machine_now
        self._ahead_seconds = 0.0

    def now(self) -> float:
        """The time in unix seconds."""
        return self._machine_now() + self._ahead_seconds

    def synchronize(self, redis_now: float) -> None:
        """Sets the clock to `redis_now`, the time in unix seconds that Redis has just replied."""
        self._ahead_seconds = redis_now - self._machine_now()

    @property
    def script_argument(self) -> float | str:
        """The first argument of a script that begins with `NOW_LUA`: unix seconds, or empty for Redis' own time."""
        return ""
