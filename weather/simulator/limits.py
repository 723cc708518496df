"""Open-Meteo's limits: what may be spent in a minute, an hour and a day, and how many calls run and queue at once."""

import threading
from collections import deque
from collections.abc import Mapping

#: Seconds of a window, what the free service allows in it, and what it says past that.
WINDOWS = {
    "minute": (60, 600.0, "Minutely API request limit exceeded. Please try again in one minute."),
    "hour": (3600, 5000.0, "Hourly API request limit exceeded. Please try again in the next hour."),
    "day": (86_400, 10_000.0, "Daily API request limit exceeded. Please try again tomorrow."),
}
HEAVIEST_CALL = 5000
TOO_HEAVY = (
    "Your API call requests too much data. Please reduce the number of variables, locations and/or weather models."
)
TOO_MANY_AT_ONCE = "Too many concurrent requests"

Limits = dict[str, float | None]

NO_LIMITS: Limits = dict.fromkeys(WINDOWS)
FREE_LIMITS: Limits = {name: most for name, (_, most, _) in WINDOWS.items()}


class Quota:
    """Weight spent per window of the UTC clock; not thread-safe.

    As on the real server a call is let through as long as anything is left, and what it weighs is counted afterwards.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = dict(limits)
        self.most_spent = dict.fromkeys(WINDOWS, 0.0)
        self._spent = dict.fromkeys(WINDOWS, (0, 0.0))

    def exceeded(self, now: float) -> str | None:
        """The reason to refuse a call, if a window is used up."""
        spent = self.spent(now)
        for name, (_, _, reason) in WINDOWS.items():
            most = self.limits[name]
            if most is not None and spent[name] >= most:
                return reason
        return None

    def spend(self, weight: float, now: float) -> None:
        """Counts `weight` in each window that `now` (unix seconds) lies in."""
        for name, before in self.spent(now).items():
            self._spent[name] = (int(now // WINDOWS[name][0]), before + weight)
            self.most_spent[name] = max(self.most_spent[name], before + weight)

    def spent(self, now: float) -> dict[str, float]:
        """What is spent in the windows that `now` lies in."""
        return {
            name: weight if window == now // WINDOWS[name][0] else 0.0 for name, (window, weight) in self._spent.items()
        }

    def limit(self, changes: Mapping[str, float | None] | None) -> None:
        """Sets the limits that are named; None lifts one, or all of them."""
        changes = NO_LIMITS if changes is None else changes
        if unknown := set(changes) - set(WINDOWS):
            raise ValueError(f"no such window: {', '.join(sorted(unknown))}")
        self.limits |= changes


class TurnsClosed(Exception):
    """The simulator stopped while a call was waiting for its turn."""


class TooManyAtOnce(Exception):
    """Enough calls run and enough wait."""


class Turns:
    """Lets `concurrency` calls run, `queue` more wait in order, and turns away the rest; None is no bound at all."""

    def __init__(self, concurrency: int | None, queue: int) -> None:
        self.concurrency = concurrency
        self.queue = queue
        self._running = 0
        self._waiting: deque[object] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            if self._busy() and len(self._waiting) >= self.queue:
                raise TooManyAtOnce
            me = object()
            self._waiting.append(me)
            self._changed.wait_for(lambda: self._closed or (self._waiting[0] is me and not self._busy()))
            self._waiting.remove(me)
            self._changed.notify_all()
            if self._closed:
                raise TurnsClosed
            self._running += 1

    def __exit__(self, *exception: object) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def allow(self, concurrency: int | None, queue: int) -> None:
        """Changes how many calls run at once and how many more wait."""
        with self._changed:
            self.concurrency, self.queue = concurrency, queue
            self._changed.notify_all()

    def close(self) -> None:
        """Makes every call that waits raise TurnsClosed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _busy(self) -> bool:
        return self.concurrency is not None and self._running >= self.concurrency
