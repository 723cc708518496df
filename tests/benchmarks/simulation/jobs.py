"""What a simulation is asked for and what comes of it: budgets and rules, and what clients saw on the last day."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.simulation.oracle import OracleSeen
from tests.benchmarks.simulation.plain_caches import Plain
from tests.benchmarks.simulation.seen import Seen
from tests.benchmarks.simulation.users import DAY

#: The free service's windows; a larger plan's are larger in proportion.
FREE = {"minute": 600, "hour": 5_000, "day": 10_000}
WINDOWS = {"minute": 60, "hour": 3600, "day": DAY}

#: `square root` is by intervals: what is done where no run times are known.
RULES = ("square root", "even", "edge, counts", "edge, no counts", "reference", "runs", "runs, counts")
#: The cells follow the runs of their models: with the shape of the week learned, by counts alone, without run times.
BY_RUNS = ("runs", "runs, counts", "runs unknown")
#: Services that answer about air quality as well, from the same budget.
WITH_AIR = ("with air", "reference with air")
REFERENCES = ("reference", "reference with air")


@dataclass(frozen=True)
class Scale:
    """How large the simulation is; `part` shrinks people, requests, places and budgets alike.

    `air_share` of the people ask for air quality whenever they ask for weather.
    """

    people: int = 500_000
    requests: int = 4_000_000
    scatter: float = 1.0
    warm_up_days: int = 1
    measured_days: int = 1
    part: float = 1.0
    air_share: float = 0.0
    #: `area`: each cell has the model of its area; else the hours between the runs of one model for all cells.
    runs: str = "area"


@dataclass(frozen=True)
class Job:
    """A world, and the services (budget, rule) that live in it."""

    world: str
    seed: int
    services: Sequence[tuple[int, str]]
    scale: Scale
    baselines: bool = False
    #: The budgets for which the best for the true rates and runs is worked out.
    oracles: Sequence[int] = ()


@dataclass
class Row:
    """What one service came to on the measured days; `passed` names the windows that were overspent on any."""

    budget: int
    rule: str
    seen: Seen
    passed: list[str]
    air: Seen | None = None


@dataclass
class Result:
    job: Job
    cells: int
    rows: list[Row]
    plain: dict[str, Plain]
    #: Budget → the best for the true rates and runs, and for whoever even knows each hour's requests beforehand.
    oracle: dict[int, OracleSeen]
    foreseen: dict[int, OracleSeen]
    took_seconds: float


def windows(day: int) -> dict[str, int]:
    times = max(1.0, day / FREE["day"])
    return {"minute": int(FREE["minute"] * times), "hour": int(FREE["hour"] * times), "day": day}
