"""The budget for calls to Open-Meteo: its own windows, counted once for the fleet, never exceeded.

The counts are one hash in Redis, changed by one script with Redis' own clock before each attempt. Redis may lose them:
every process sends the most that it knows to be spent, and the script takes the larger. Without Redis each
process keeps to its share of what was left, and reports what it spent of it when Redis is back. The processes of a
region that is cut off from the primary keep, besides, to the part that the other regions leave it.
"""

import math
import threading
from collections.abc import Mapping
from contextlib import suppress

from weather.budget.alone import SpendingAlone
from weather.budget.failures import FIELDS
from weather.budget.quota import Denied, Granted, Quota, Spender
from weather.budget.scripts import BUDGET, CLOSE, LONGEST_CLOSED_SECONDS, fail, succeed
from weather.core.datasets import WEATHER
from weather.core.windows import WINDOW_SECONDS, BudgetWindow, Window
from weathernote import redis
from weathernote.redis import Command, RedisClock, Reply, Role, Word, at, without_redis

__all__ = ["Budget", "Denied", "Granted"]

KEY = "budget:open-meteo"
#: After a 429 for concurrent calls, or one that names no window: it is over when those calls are.
BRIEFLY_SECONDS = 3


class Budget:
    """Spends Open-Meteo's quota: weight a minute, an hour and a day, by `clock`."""

    def __init__(
        self,
        *,
        minute: int,
        hour: int,
        day: int,
        fleet_processes: int,
        clock: RedisClock | None = None,
        key: str = KEY,
        region: str = "",
    ) -> None:
        self.key = key
        self.region = region
        self.quota = Quota({"minute": minute, "hour": hour, "day": day})
        self.fleet_processes = fleet_processes
        self.clock = clock or RedisClock()
        self._lock = threading.Lock()  # for the bookkeeping, never while Redis is asked
        self._alone = SpendingAlone(
            self.quota, self._lock, self.clock, key=key, region=region, fleet_processes=fleet_processes
        )
        self._exchanging = threading.Lock()  # two threads at once would both report what was spent without Redis

    # ── spending ──────────────────────────────────────────────────────────────────────────────────

    def _charge_alone(
        self, weight: int, spender: Spender, *, least: int | None = None, dataset: str = WEATHER.name
    ) -> Granted | Denied:
        return self._alone.charge(weight, spender, weight if least is None else least, dataset)

    @without_redis(instead=_charge_alone)
    def charge(
        self, weight: int, spender: Spender, *, least: int | None = None, dataset: str = WEATHER.name
    ) -> Granted | Denied:
        """Grants `weight`, or less down to `least` (default: all or nothing), and counts it for `dataset`."""
        with self._lock:
            # A 429 or a failure that Redis does not know of, or forgot, still holds for this process.
            if refusal := self.quota.refusal(self.clock.now(), dataset):
                return refusal
        with self._exchanging:
            least = weight if least is None else least
            return self._exchange(weight, least, spender, dataset)

    def ahead(self, dataset: str) -> tuple[Word, ...] | None:
        """The arguments by which a script may charge for cold cells before it is known whether any are to be asked for.

        The script puts in the second and the third, the weight and the least; `learn` takes its reply. None while there
        must be no calls, or something is to be reported.
        """
        with self._lock:
            if any(self.quota.unreported.values()) or self.quota.refusal(self.clock.now(), dataset):
                return None
            return self._arguments(0, 0, "cold", dataset)

    @without_redis(returns=None)
    def synchronize(self) -> None:
        """Reads what the fleet spent, and reports what this process knows to be spent in case Redis lost it."""
        if not self._exchanging.acquire(blocking=False):
            return  # another thread is at it
        try:
            self._exchange(0, 0, "cold", WEATHER.name)
        finally:
            self._exchanging.release()

    @without_redis(returns=None)
    def read_pause(self) -> None:
        """Reads from this region's Redis, without writing, whether calls fail and until when there must be none."""
        (flat,) = redis.execute(at(Role.REPLICA, "HGETALL", self.key))
        is_cut_off = redis.refuses(at(Role.PRIMARY, "HGETALL", self.key))
        held = dict(zip(flat[::2], flat[1::2], strict=True))
        with self._lock, suppress(ValueError):  # written by hand
            latest = self.clock.now() + LONGEST_CLOSED_SECONDS
            for dataset, fields in FIELDS.items():
                row = self.quota.rows[dataset]
                failures = int(held.get(fields.failures.encode(), 0))
                paused_until = min(float(held.get(fields.paused_until.encode(), 0)), latest)
                if is_cut_off:  # the replica knows nothing of what failed here since
                    failures, paused_until = max(failures, row.failures), max(paused_until, row.paused_until)
                row.failures, row.paused_until = failures, paused_until
            self.quota.closed_until = max(self.quota.closed_until, min(float(held.get(b"closed:until", 0)), latest))

    def _exchange(self, weight: int, least: int, spender: Spender, dataset: str) -> Granted | Denied:
        with self._lock:
            reported = dict(self.quota.unreported)
            arguments = self._arguments(weight, least, spender, dataset)
        (reply,) = redis.execute(BUDGET(self.key, *arguments))
        return self.learn(reply, reported)

    def _arguments(self, weight: int, least: int, spender: Spender, dataset: str) -> tuple[Word, ...]:
        quota = self.quota
        windows = [
            (name, seconds, quota.whole[name], quota.start[name], quota.spent[name], quota.unreported[name])
            for name, seconds in WINDOW_SECONDS.items()
        ]
        of_windows = [argument for window in windows for argument in window]
        clock = self.clock.script_argument
        return (clock, weight, least, spender, quota.refreshed, dataset, self.region, *of_windows)

    def learn(self, reply: Reply, reported: Mapping[BudgetWindow, int] | None = None) -> Granted | Denied:
        """Takes over what the script replied; `reported` is what it was told to be spent without Redis."""
        granted, reason, seconds, now, closed_until, refreshed, failed, others, *windows = reply
        with self._lock:
            self.clock.synchronize(float(now))
            self._alone.heard_at = float(now)
            for dataset, failures, paused_until in zip(FIELDS, failed[::2], failed[1::2], strict=True):
                row = self.quota.rows[dataset]
                row.failures, row.paused_until = int(failures), float(paused_until)
            self.quota.closed_until = max(self.quota.closed_until, float(closed_until))
            for window, start, spent, of_runs in zip(
                WINDOW_SECONDS, windows[::3], windows[1::3], windows[2::3], strict=True
            ):
                self.quota.learn(window, int(start), int(spent), reported[window] if reported else 0)
                self.quota.of_runs[window] = int(of_runs)
            self.quota.refreshed = int(refreshed)
            self.quota.leave_to(int(others))
        if int(granted) > 0:
            return Granted(int(granted), int(windows[0]))
        return Denied(reason.decode(), max(1, math.ceil(float(seconds))))

    # ── when Open-Meteo says no ───────────────────────────────────────────────────────────────────

    def close(self, window: Window | None, retry_after_seconds: int | None = None) -> None:
        """After a 429: no calls until the window that it names ends and its Retry-After has passed."""
        length = 0 if window is None or window == "concurrency" else WINDOW_SECONDS[window]
        seconds = BRIEFLY_SECONDS if retry_after_seconds is None else retry_after_seconds
        with self._lock:
            now = self.clock.now()
            ends = (now // length + 1) * length if length else 0
            self.quota.closed_until = max(self.quota.closed_until, ends, now + seconds)
        self._send(CLOSE(self.key, self.clock.script_argument, length, seconds))

    def failed(self, dataset: str = WEATHER.name) -> None:
        """After a failed call: several in a row pause all calls for `dataset`, for 30 seconds at most."""
        with self._lock:
            self.quota.rows[dataset].add(self.clock.now())
        self._send(fail(self.key, self.clock.script_argument, dataset))

    def succeeded(self, dataset: str = WEATHER.name) -> None:
        """After a successful call: ends the dataset's row of failures and its pause."""
        with self._lock:
            if not self.quota.rows[dataset].failures:
                return
            self.quota.rows[dataset].end()
        self._send(succeed(self.key, dataset))

    @without_redis(returns=None)
    def _send(self, command: Command) -> None:
        """Sends a change; without Redis the other processes learn of it from their own calls."""
        redis.execute(command)

    # ── as this process knows it, without asking Redis ────────────────────────────────────────────

    def is_failing(self, dataset: str = WEATHER.name) -> bool:
        """Whether the fleet's last call for `dataset` failed."""
        return self.quota.rows[dataset].failures > 0

    @property
    def budgets(self) -> Mapping[BudgetWindow, int]:
        """Window → the weight that may be spent in it, without what is left to other regions."""
        return self.quota.budgets

    def pause_seconds(self, dataset: str = WEATHER.name) -> float:
        """For how many seconds there must be no calls for `dataset`, after a 429 or several failures."""
        with self._lock:
            until = max(self.quota.closed_until, self.quota.rows[dataset].paused_until)
            return max(0.0, until - self.clock.now())

    def minute(self) -> int:
        """When the present minute began, in unix seconds of Redis' clock."""
        with self._lock:
            length = WINDOW_SECONDS["minute"]
            return int(self.clock.now() // length) * length

    def remaining(self) -> dict[BudgetWindow, int]:
        """Window → weight left."""
        with self._lock:
            self.quota.roll(self.clock.now())
            return {window: self.quota.left(window) for window in WINDOW_SECONDS}

    def denied_by_room(self, weight: float) -> Denied | None:
        """If a window lacks room for `weight`: Denied until the last such window ends; else None."""
        with self._lock:
            now = self.clock.now()
            self.quota.roll(now)
            return self.quota.denied_by_room(weight, now)

    def cold_reserve(self) -> dict[BudgetWindow, float]:
        """Window → weight left for cold cells, after the part that refreshes will need."""
        with self._lock:
            now = self.clock.now()
            self.quota.roll(now)
            return {window: self.quota.left_for_cold(window, now) for window in WINDOW_SECONDS}

    def refresh_weight_per_second(self) -> float:
        """The weight per second that all refreshes may spend to keep to the day's line."""
        with self._lock:
            now = self.clock.now()
            self.quota.roll(now)
            return self.quota.refresh_weight_per_second(now)

    def refresh_weight_of_the_day(self) -> tuple[float, float]:
        """The weight that refreshes may still spend today, and the seconds until the UTC day ends."""
        with self._lock:
            now = self.clock.now()
            self.quota.roll(now)
            return self.quota.refresh_weight_of_the_day(now)
