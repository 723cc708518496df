"""How soon a new model run is in the answers that people get: a real instance, and a run that comes while it is asked.

    python -m tests.benchmarks.run_arrival [--cells 200] [--rate 40]

The run is settled two minutes after the start. By then each cell is held, without the run. What is counted are answers
of requests, the more popular the cell the more, and all of them under their key: within the seconds that are printed
the refresher has had the forecast fetched and the answer put in the old one's place. By Open-Meteo's free limits; five
minutes at most.
"""

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import requests

from tests.support.limits import LIFTED
from tests.support.servers import Instance, Valkey
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.runs.run_times import SETTLED_SECONDS
from weather.simulator.server import OpenMeteoSimulator

MODEL, INTERVAL_SECONDS = "dwd_icon_d2", 3 * 3600
UNTIL_SETTLED_SECONDS, MOST_SECONDS = 120, 300
SHARES = (0.5, 0.9, 0.99)
#: The seconds whose requests a share is of.
WINDOW_SECONDS = 2
_ALL = LIFTED | {"UPSTREAM_MINUTE_BUDGET": 600, "UPSTREAM_HOUR_BUDGET": 5_000, "UPSTREAM_DAY_BUDGET": 10_000}


class Answered(NamedTuple):
    """One answer: how many seconds after the run was settled, and whether it was a hit, and of the run."""

    seconds: float
    is_hit: bool
    has_run: bool


def cells(count: int) -> list[Cell]:
    """Cells from Northern Italy to the Baltic Sea, all of one model."""
    grid = [Cell(lat, lon) for lat, lon in itertools.product(range(436, 541, 5), range(92, 201, 7))]
    assert WEATHER.areas and all(WEATHER.areas.model_of(cell).name == MODEL for cell in grid)
    return grid[:: max(1, len(grid) // count)][:count]


def reached(answered: Sequence[Answered], share: float) -> float | None:
    """The seconds at which the first window ends of whose answers so large a share has the run; None if none has."""
    windows = itertools.groupby(answered, key=lambda one: one.seconds // WINDOW_SECONDS)
    for at, some in windows:
        have = [one.has_run for one in some]
        if sum(have) >= share * len(have):
            return (at + 1) * WINDOW_SECONDS
    return None


def asked(base: str, run: int, settled: float, known: list[Cell], rate: float) -> Iterator[Answered]:
    """Answers to requests at a steady rate, from now until long after the run or until all have it."""
    chance, weights = np.random.default_rng(1), 1 / np.arange(1, len(known) + 1)
    text = f"{datetime.fromtimestamp(run, UTC):%Y-%m-%dT%H:%M:%SZ}"
    have_it: set[Cell] = set()
    with requests.Session() as session:
        for number in itertools.count():
            cell = known[chance.choice(len(known), p=weights / weights.sum())]
            answer = session.get(f"{base}/api/v1/weather?lat={cell.latitude}&lon={cell.longitude}", timeout=10)
            seconds = time.time() - settled
            has_run = answer.json()["run"] == text
            yield Answered(seconds, "; hit" in answer.headers["Cache-Status"], has_run)
            have_it |= {cell} if has_run else set()
            if seconds > MOST_SECONDS or (seconds > 60 and len(have_it) == len(known)):
                return
            if number % int(max(1, rate // 4)) == 0:
                time.sleep(max(1, rate // 4) / rate)


def measured(folder: Path, count: int, rate: float) -> list[Answered]:
    """The answers from the moment at which the run is settled on."""
    known, settled = cells(count), int(time.time()) + UNTIL_SETTLED_SECONDS
    available = settled - SETTLED_SECONDS
    run = available // INTERVAL_SECONDS * INTERVAL_SECONDS
    with ExitStack() as stack:
        valkey = Valkey(folder / "valkey")
        stack.callback(valkey.stop)
        simulator = stack.enter_context(OpenMeteoSimulator(model_runs=True))
        simulator.settings(run_lateness_seconds=0, run_delay_seconds=available - run)
        servers = {"REDIS_URL": valkey.url, "OPEN_METEO_URL": simulator.url, "WORKERS": 2}
        instance = stack.enter_context(Instance(folder / "instance", **{**_ALL, **servers}))
        for cell in known * 3:  # a cell that was asked for once may never be again
            instance.get(f"/api/v1/weather?lat={cell.latitude}&lon={cell.longitude}").raise_for_status()
        assert time.time() < settled, "the machine is too slow: the cells were not held before the run"
        answered = list(asked(instance.base, run, settled, known, rate))
        print(f"{len(known)} cells; {simulator.state()['cells'] - len(known)} refreshes after the run")
    assert not any(one.has_run for one in answered if one.seconds < 0)
    return [one for one in answered if one.seconds >= 0]


def main() -> None:
    """Prints the seconds at which each share is reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--rate", type=float, default=40, help="requests a second")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        answered = measured(Path(folder), options.cells, options.rate)
    hits = sum(one.is_hit for one in answered) / len(answered)
    print(f"{len(answered)} requests after the run was settled, {hits:.1%} of them found under their key")
    for share in SHARES:
        seconds = reached(answered, share)
        print(f"{share:4.0%} of requests got the run: {'never' if seconds is None else f'after {seconds:.0f} s'}")


if __name__ == "__main__":
    main()
