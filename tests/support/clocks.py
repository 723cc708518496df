"""Clocks that tests and simulations set, for this process and for Redis' scripts."""

from collections.abc import Callable

from weathernote.redis import RedisClock

#: A midnight of UTC, in seconds since 1970.
MIDNIGHT = 1_800_000_000 // 86_400 * 86_400


class ClockOf(RedisClock):
    """Goes by `source`, which gives unix seconds, and by nothing that Redis says."""

    def __init__(self, source: Callable[[], float]) -> None:
        super().__init__()
        self.source = source

    def now(self) -> float:
        return self.source()

    def synchronize(self, redis_now: float) -> None:
        """Nobody but the test sets it."""

    @property
    def script_argument(self) -> float:
        return self.source()


class SetClock(ClockOf):
    """Stands at `seconds`; called, it gives them, as `time.time` does."""

    def __init__(self, seconds: float) -> None:
        super().__init__(self)
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds
