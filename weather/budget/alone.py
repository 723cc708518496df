"""What a process spends while the primary cannot be reached: its share, and of a region's part.

Where there are regions, the others leave each one its part of every window. They do so for as long as they take it to
be there, so that a region which nobody has heard of for long has none.
"""

import math
import threading
from dataclasses import replace

from weather.budget.quota import Denied, Granted, Quota, Spender, part_of_a_region
from weather.budget.scripts import BUDGET_OF_REGION, PART_SECONDS
from weather.core.windows import WINDOW_SECONDS, BudgetWindow
from weathernote import redis
from weathernote.redis import RedisClock, Role, at, without_redis

#: When a place that was refused may be asked for again, while the primary is not known to be away.
RETRY_SECONDS = 5


class SpendingAlone:
    """Spends of `quota`, which `lock` guards, as one of so many processes of the fleet.

    `key` is the budget's, also of what the region's own Redis counts; `region` is empty where there is one only.
    """

    def __init__(
        self, quota: Quota, lock: threading.Lock, clock: RedisClock, *, key: str, region: str, fleet_processes: int
    ) -> None:
        self.quota = quota
        self.lock = lock
        self.clock = clock
        self.key = key
        self.region = region
        self.fleet_processes = fleet_processes
        #: When the primary last replied to this process, in unix seconds.
        self.heard_at = 0.0
        #: Of each window of the region's part: when it began, what was spent of it then, and what this process spent
        #: since that the region's own Redis has not counted.
        self._of_part = dict.fromkeys(WINDOW_SECONDS, (0, 0, 0))

    def charge(self, weight: int, spender: Spender, least: int, dataset: str) -> Granted | Denied:
        """Grants `weight`, or less down to `least`, and counts it for `dataset`."""
        with self.lock:
            granted = self.quota.take_alone(weight, least, spender, self.fleet_processes, self.clock.now(), dataset)
        if isinstance(granted, Denied) or redis.is_one_server():
            return granted
        if not self._has_own_redis():
            return self._soon(self._limit_to_part(granted, least, dataset))
        if not self._has_part():
            with self.lock:
                self.quota.give_back(granted.weight)
                return self.quota.denied_for_the_day(self.clock.now())
        return self._soon(self._limit_to_region(granted, least, dataset))

    @staticmethod
    def _has_own_redis() -> bool:
        """Whether this region's own Redis is another than the primary, which counts for all."""
        of_roles = redis.servers_by_role()
        return of_roles[Role.OWN] is not of_roles[Role.PRIMARY]

    def _soon(self, granted: Granted | Denied) -> Granted | Denied:
        """What is denied, until a primary can be asked again that is not known to be away."""
        if isinstance(granted, Granted) or redis.refuses(at(Role.PRIMARY, "HGET", self.key, "")):
            return granted
        return replace(granted, retry_after_seconds=min(granted.retry_after_seconds, RETRY_SECONDS))

    def _has_part(self) -> bool:
        """Whether the others still leave this region its part, as far as it can know."""
        now = self.clock.now()
        return now - self.heard_at < PART_SECONDS or now - self._noted_at() < PART_SECONDS

    @without_redis(returns=0.0)
    def _noted_at(self) -> float:
        """When this region was last heard of at the primary, as its replica knows; 0 if it does not."""
        (noted,) = redis.execute(at(Role.REPLICA, "HGET", self.key, f"region:{self.region}"))
        try:
            return float(noted or 0)
        except ValueError:  # written by hand
            return 0.0

    def _limit_to_part(self, granted: Granted, least: int, dataset: str) -> Granted | Denied:
        """What of a weight this process has left of its share of the region's part, which nobody counts."""
        with self.lock:
            self.quota.give_back(granted.weight)
            weight = min(granted.weight, self.quota.room_of_part(self.fleet_processes))
            if weight < max(1, least):
                return self.quota.denied_of_part(self.fleet_processes, self.clock.now(), max(1, least))
            self.quota.spend_alone(weight)
            now = self.clock.now()
            for name, (start, spent, uncounted) in self._of_part.items():
                if start == (now_start := _start_of(name, now)):
                    self._of_part[name] = start, spent, uncounted + weight
                else:
                    self._of_part[name] = now_start, 0, weight
        return Granted(weight, granted.minute)

    @without_redis(instead=_limit_to_part)
    def _limit_to_region(self, granted: Granted, least: int, dataset: str) -> Granted | Denied:
        """What of a weight from this process's share the region has left, which its own Redis counts."""
        with self.lock:
            parts = {window: part_of_a_region(budget) for window, budget in self.quota.whole.items()}
            sent = dict(self._of_part)
        windows = [(name, seconds, parts[name], *sent[name]) for name, seconds in WINDOW_SECONDS.items()]
        arguments = [argument for window in windows for argument in window]
        clock = self.clock.script_argument
        (reply,) = redis.execute(
            BUDGET_OF_REGION(self.key, clock, granted.weight, least, "cold", 0, dataset, "", *arguments)
        )
        weight, reason, seconds = int(reply[0]), reply[1].decode(), float(reply[2])
        with self.lock:
            self.quota.give_back(granted.weight - weight)
            for at_window, name in enumerate(WINDOW_SECONDS):
                start, spent, _ = map(int, reply[8 + 3 * at_window : 11 + 3 * at_window])
                was_start, _, uncounted = self._of_part[name]
                # What was spent while the reply was on its way is still to be counted.
                left = uncounted - (sent[name][2] if sent[name][0] == was_start else 0) if was_start == start else 0
                self._of_part[name] = start, spent, left
        return Granted(weight, granted.minute) if weight > 0 else Denied(reason, max(1, math.ceil(seconds)))


def _start_of(window: BudgetWindow, now: float) -> int:
    return int(now // WINDOW_SECONDS[window]) * WINDOW_SECONDS[window]
