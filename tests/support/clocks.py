"""Clocks that tests and simulations set, for this process and for Redis' scripts."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import time_machine

from weather.core.windows import WINDOW_SECONDS, BudgetWindow
from weather.simulator.server import OpenMeteoSimulator
from weathernote.redis import RedisClock

#: A midnight of UTC, in seconds since 1970.
MIDNIGHT = 1_800_000_000 // 86_400 * 86_400


@contextmanager
def around_noon(simulator: OpenMeteoSimulator) -> Iterator[None]:
    """Sets this process and the simulator back to the last 12 o'clock UTC, with the present minutes and seconds.

    Europe, Africa, India and the Americas are hours away from their midnight then, at which a forecast ends. Redis'
    clock is not moved: it is ahead, so that what Redis holds until a moment of its own is not over for this process.
    """
    now = datetime.now(UTC)
    with time_machine.travel(now - timedelta(hours=(now.hour - 12) % 24), tick=True):
        simulator.settings(clock_offset_seconds=time.time() - simulator.now())
        yield


def wait_for_room(window: BudgetWindow, now: Callable[[], float] = time.time, *, seconds: float = 15) -> None:
    """Returns at once, or after the end of the budget's window if that is less than `seconds` away."""
    left = WINDOW_SECONDS[window] - now() % WINDOW_SECONDS[window]
    if left < seconds:
        time.sleep(left + 1)


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
