"""Redis' own clock, which all processes of the fleet share."""

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
    """What time it is by Redis' own clock, as this process last heard; until then by the machine's.

    Scripts take the time from Redis itself. A test or a simulation derives a clock of its own, which scripts go by too.
    """

    def __init__(self, machine_now: Callable[[], float] = time) -> None:
        self._machine_now = machine_now
        self._ahead_seconds = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return self._machine_now() + self._ahead_seconds

    def synchronize(self, redis_now: float) -> None:
        """Goes by the time that Redis has just given, in unix seconds."""
        self._ahead_seconds = redis_now - self._machine_now()

    @property
    def script_argument(self) -> float | str:
        """The time for a script that begins with `NOW_LUA`; empty for Redis' own."""
        return ""
