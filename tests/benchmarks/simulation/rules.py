"""By which rule the simulated services refresh their cells."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.simulation.users import Array, Whole
from weather.core.freshness import refresh_interval
from weather.core.freshness.refresh_interval import WEATHERS_AGING, Aging

#: Cells → the refresh interval of each in seconds.
Rule = Callable[[Whole], Array]

_interval: Any = np.frompyfunc(refresh_interval.interval_seconds, 3, 1)


def square_root_rule(rates: Array, price: Callable[[], float], aging: Aging = WEATHERS_AGING) -> Rule:
    """The project's own, for rates that change in place."""
    return lambda cell: _interval(rates[cell], price(), aging).astype(float)


def even_rule(active_cells: Callable[[], int], budget_per_second: Callable[[], float]) -> Rule:
    """One interval for all cells, at which their calls come to the budget."""

    def interval_seconds() -> float:
        even = active_cells() / budget_per_second()
        return min(max(refresh_interval.SHORTEST_SECONDS, even), refresh_interval.LONGEST_SECONDS)

    return lambda cell: np.full(len(cell), interval_seconds())
