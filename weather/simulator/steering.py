"""What steers the simulator and what it tells: its counters, settings and fault."""

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any

from weather.simulator.answers.air_quality import AIR_QUALITY
from weather.simulator.answers.forecast import FORECAST
from weather.simulator.counts import Counts, Settings
from weather.simulator.faults.active_fault import Fault
from weather.simulator.limits import FREE_LIMITS, NO_LIMITS, Quota, Turns

#: By path.
PRODUCTS = {product.path: product for product in (FORECAST, AIR_QUALITY)}
#: Run times are told below it; a fault with this path strikes them alone.
RUNS_PATH = "/data"


class SteeredService:
    """The counters, the settings and the fault of the service; thread-safe.

    Its clock is `clock` and can be moved: setting `clock_offset_seconds`.
    """

    def __init__(
        self,
        *,
        base_ms: float = 20,
        per_place_ms: float = 1,
        unlimited: bool = False,
        model_runs: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self._first_settings = Settings(base_ms, per_place_ms, None if unlimited else 1, model_runs=model_runs)
        self._first_limits = NO_LIMITS if unlimited else FREE_LIMITS
        self.lock = threading.Lock()
        self.open_calls = 0
        self.current_fault: Fault | None = None
        self._lifted = threading.Event()
        self.turns = Turns(None, 0)
        self.reset()

    def now(self) -> float:
        """The simulated time in unix seconds."""
        return self.clock() + self.current_settings.clock_offset_seconds

    def state(self) -> dict[str, Any]:
        """The counters, the weight spent by window and the settings, as JSON objects."""
        with self.lock:
            return {
                **self.counts.state(),
                "spent": self.quota.spent(self.now()),
                "most_spent": dict(self.quota.most_spent),
                "settings": {**dataclasses.asdict(self.current_settings), "limits": dict(self.quota.limits)},
            }

    def reset(self) -> None:
        """Counters, faults and settings back to the start."""
        with self.lock:
            self.counts = Counts()
            self.quota = Quota(self._first_limits)
            self.current_settings = self._first_settings
        self.turns.allow(self.current_settings.concurrency, self.current_settings.queue)
        self.fault(None)

    def settings(self, **changes: Any) -> None:
        """Any of `Settings`, and `limits`: `{"minute": 5}`, or None for none. ValueError for anything else."""
        names = {setting.name for setting in dataclasses.fields(Settings)} | {"limits"}
        if unknown := changes.keys() - names:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        with self.lock:
            if "limits" in changes:
                self.quota.limit(changes.pop("limits"))
            self.current_settings = dataclasses.replace(self.current_settings, **changes)
        self.turns.allow(self.current_settings.concurrency, self.current_settings.queue)

    def fault(
        self,
        kind: str | None,
        *,
        place: str | None = None,
        path: str | None = None,
        times: int | None = None,
        **arguments: Any,
    ) -> None:
        """Switches a fault on, in place of the one before, or off with None; ends what hangs or drips.

        Kinds and their arguments are the functions of `faults`; ValueError for others, and for an unknown path. Run
        times are struck only by a fault with the path RUNS_PATH.
        """
        if path not in (None, RUNS_PATH, *PRODUCTS):
            raise ValueError(f"no such path: {path}; there are {', '.join([*PRODUCTS, RUNS_PATH])}")
        fault = None if kind is None else Fault(kind, place, path, times, arguments)
        with self.lock:
            self.current_fault = fault
            lifted, self._lifted = self._lifted, fault.lifted if fault else threading.Event()
        lifted.set()

    def open(self) -> None:
        """Accepts calls, also after `close`."""
        self.turns = Turns(self.current_settings.concurrency, self.current_settings.queue)
        self._lifted = threading.Event()
        if self.current_fault:
            self.current_fault.lifted = self._lifted

    def close(self) -> None:
        """Ends every wait of a call: for its turn, in a fault, or for its answer's time; such calls may fail."""
        self.turns.close()
        self._lifted.set()

    def pause(self, seconds: float) -> bool:
        """Waits; False if the fault or the simulator ended meanwhile."""
        return not self._lifted.wait(max(0.0, seconds))
