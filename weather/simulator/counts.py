"""What can be set on the simulator, and what it counts."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """How the service behaves without a fault.

    `concurrency` None lets all calls run at once, `api_key` None takes any key and none.
    """

    base_ms: float = 20
    per_place_ms: float = 1
    concurrency: int | None = 1
    queue: int = 4
    clock_offset_seconds: float = 0
    api_key: str | None = None
    #: Whether each weather model has runs of its own, which are told, and places follow that of their area. Else
    #: everything changes every six hours, and no run times are told.
    model_runs: bool = False
    run_lateness_seconds: float = 300
    #: What every model takes from the time that its forecast starts from until the run is there; None for the usual.
    run_delay_seconds: int | None = None
    #: Unix seconds from which on there are no new runs, and from which on new ones are not told.
    runs_until: float | None = None
    run_times_until: float | None = None
    #: Model → the one that the places of its area follow instead.
    followed_models: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Counts:
    """The counters since the start or the last reset."""

    calls: int = 0
    cells: int = 0
    weight: float = 0.0
    errors: int = 0
    most_at_once: int = 0
    redirects_followed: int = 0
    #: Questions for run times, by model, which are no calls.
    run_times: Counter[str] = field(default_factory=Counter)
    cells_per_call: deque[int] = field(default_factory=lambda: deque(maxlen=1000))
    places: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    #: By path, such as `/v1/forecast`.
    calls_by_path: Counter[str] = field(default_factory=Counter)
    weight_by_path: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add_call(self, path: str) -> None:
        """Counts a call that begins."""
        self.calls += 1
        self.calls_by_path[path] += 1

    def add_weight(self, path: str, weight: float) -> None:
        """Counts what a call to `path` weighs."""
        self.weight += weight
        self.weight_by_path[path] += weight

    def add_places(self, places: Sequence[str]) -> None:
        """Counts the locations of a call, by their keys."""
        self.cells += len(places)
        self.cells_per_call.append(len(places))
        self.places.update(places)

    def state(self) -> dict[str, Any]:
        """The counters as JSON objects."""
        return {
            **vars(self),
            "weight": round(self.weight, 3),
            "cells_per_call": list(self.cells_per_call),
            "places": dict(self.places),
            "run_times": dict(self.run_times),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "calls_by_path": dict(self.calls_by_path),
            "weight_by_path": {path: round(weight, 3) for path, weight in self.weight_by_path.items()},
        }
