"""What a process spends while the primary cannot be reached: its share, and of a region's part.

Where there are regions, the others leave each one its part of every window. They do so for as long as they take it to
be there, so that a region which nobody has heard of for long has none.
"""

import math
import threading

from weather.budget.quota import Denied, Granted, Quota, Spender, part_of_a_region
from weather.budget.scripts import BUDGET_OF_REGION, PART_SECONDS
from weather.core.windows import WINDOW_SECONDS
from weathernote import redis
from weathernote.redis import RedisClock, Role, at, without_redis


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

    def charge(self, weight: int, spender: Spender, least: int, dataset: str) -> Granted | Denied:
        """Grants `weight`, or less down to `least`, and counts it for `dataset`."""
        with self.lock:
            granted = self.quota.take_alone(weight, least, spender, self.fleet_processes, self.clock.now(), dataset)
        if isinstance(granted, Denied) or redis.is_one_server():
            return granted
        if not self._has_part():
            with self.lock:
                self.quota.give_back(granted.weight)
                return self.quota.denied_for_the_day(self.clock.now())
        return self._limit_to_region(granted, least, dataset)

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
        return Granted(weight, granted.minute)

    @without_redis(instead=_limit_to_part)
    def _limit_to_region(self, granted: Granted, least: int, dataset: str) -> Granted | Denied:
        """What of a weight from this process's share the region has left, which its own Redis counts."""
        with self.lock:
            parts = {window: part_of_a_region(budget) for window, budget in self.quota.whole.items()}
        windows = [(name, seconds, parts[name], 0, 0, 0) for name, seconds in WINDOW_SECONDS.items()]
        arguments = [argument for window in windows for argument in window]
        clock = self.clock.script_argument
        (reply,) = redis.execute(
            BUDGET_OF_REGION(self.key, clock, granted.weight, least, "cold", 0, dataset, "", *arguments)
        )
        weight, reason, seconds = int(reply[0]), reply[1].decode(), float(reply[2])
        with self.lock:
            self.quota.give_back(granted.weight - weight)
        return Granted(weight, granted.minute) if weight > 0 else Denied(reason, max(1, math.ceil(seconds)))
