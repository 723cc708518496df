"""The age at which a cell's forecast is due for a refresh, given how often the cell is asked for; pure.

A cell asked for `rate` times a second, each time without memory of the last, is refreshed by the first request that
comes more than T after the last refresh. With y = rate·T + 1 such a cycle lasts y ÷ rate and holds y requests, and
their ages, summed over a second, are y/2 + 1/(2y), for rate ÷ y calls. The sum of ages over all cells for a given sum
of calls is smallest (Lagrange) where y = √(1 + 2·price·rate), with one price for all cells: popular cells are refreshed
in proportion to the square root of their requests, and rare ones still have an interval. The price is what makes the
calls of all cells come to the budget.

A dataset whose models run less often loses less by an hour of age: the ages that are summed are each multiplied by
their dataset's worth, so that a cell's interval follows from the price divided by that worth. The price is one for all
datasets, so that a refresh goes wherever it takes most off that sum. Late datasets may raise it only so far: FIRST_PART
of the refreshes' budget is for the others, if they can use it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

#: The life of a finished answer: a shorter interval would have no effect.
SHORTEST_SECONDS = 600.0
#: Some hours before the record expires, so that the refresh happens behind a request and none has to wait.
LONGEST_SECONDS = 44 * 3600.0
#: A refresh is worth waiting for if the forecast is older than this and than twice its cell's interval.
WORTH_A_WAIT_SECONDS = 3 * 3600.0

#: The part of the refreshes' budget that late datasets leave to the others, however many of their cells are asked for.
FIRST_PART = 0.75

_HIGHEST_PRICE = 1e15
_HALVINGS = 32

#: How many cells are asked for at a rate, in requests per second.
Rates = Iterable[tuple[float, int]]
#: A price → the weight per second that is spent at it.
Spending = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Aging:
    """How a dataset's records age: what an hour of age counts, of weather 1, and the shortest refresh interval."""

    worth: float = 1.0
    shortest_seconds: float = SHORTEST_SECONDS


WEATHERS_AGING = Aging()


class Standing(NamedTuple):
    """How a held record stands: its age in seconds, how late its refresh is (due from 1 on), whether to wait for it."""

    age_seconds: float
    lateness: float
    should_wait: bool

    @property
    def is_due(self) -> bool:
        """Whether the record is to be refreshed."""
        return self.lateness >= 1


class Demand(NamedTuple):
    """What is asked for of one dataset: its cells' rates, how its records age, and what a cell's refresh weighs.

    A late dataset comes after the others.
    """

    rates: Rates
    aging: Aging = WEATHERS_AGING
    weight: float = 1.0
    is_late: bool = False


def interval_seconds(rate: float, price: float, aging: Aging = WEATHERS_AGING) -> float:
    """The age in seconds at which the next request for a cell, asked for `rate` times a second, has it refreshed.

    It is (y - 1) ÷ rate with the y of this module's formula, within the shortest and the longest interval.
    """
    # The root's numerator multiplied out: exact for the smallest rates too, where it tends to the price itself.
    price /= aging.worth
    best = 2 * price / (sqrt(1 + 2 * price * rate) + 1)
    return min(max(best, aging.shortest_seconds), LONGEST_SECONDS)


def calls_per_second(rate: float, interval: float) -> float:
    """How many calls a second a cell causes that is asked for `rate` times a second and refreshed at an interval."""
    return rate / (rate * interval + 1)


def price_of(demands: Iterable[Demand], weight_per_second: float, by_runs: Spending | None = None) -> float:
    """The price at which the calls of all datasets come to the budget; 0 where it is enough for the shortest intervals.

    `by_runs` is the spending of cells that are refreshed when their model has a new run. Late datasets raise the price
    no further than to what the others would pay for FIRST_PART of the budget by themselves. Beyond that their calls are
    more than what is left, and some are not made.
    """
    given = [demand._replace(rates=list(demand.rates)) for demand in demands]
    price = _common_price(given, weight_per_second, by_runs)
    first = [demand for demand in given if demand.rates and not demand.is_late]
    is_late = any(demand.rates and demand.is_late for demand in given)
    if not is_late or not (first or by_runs):
        return price
    return min(price, _common_price(first, FIRST_PART * weight_per_second, by_runs))


def _common_price(demands: Iterable[Demand], weight_per_second: float, by_runs: Spending | None) -> float:
    """The price at which the calls come to the budget.

    The calls fall as the price rises, so bisection finds it; on a logarithmic scale, because it spans ten decades.
    """
    cells = [(rate, number * weight, aging) for rates, aging, weight, _ in demands for rate, number in rates]

    def fits(price: float) -> bool:
        weights = (
            weight * calls_per_second(rate, interval_seconds(rate, price, aging)) for rate, weight, aging in cells
        )
        return sum(weights) + (by_runs(price) if by_runs else 0.0) <= weight_per_second

    if fits(0):
        return 0.0
    low, high = SHORTEST_SECONDS, _HIGHEST_PRICE
    for _ in range(_HALVINGS):
        middle = sqrt(low * high)
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def standing(age: float, interval: float) -> Standing:
    """How a forecast of `age` seconds stands by a refresh interval in seconds."""
    return Standing(age, age / interval, should_wait(age, interval))


def is_due(age: float, interval: float) -> bool:
    """Whether a forecast of `age` seconds is to be refreshed."""
    return age >= interval


def is_ending(age: float) -> bool:
    """Whether a forecast is due however rarely its cell is asked for: unless it is refreshed, the cell is cold soon."""
    return age >= LONGEST_SECONDS


def should_wait(age: float, interval: float) -> bool:
    """Whether a request should wait for the refresh: the forecast is older than 3 hours and twice its interval."""
    return age > max(WORTH_A_WAIT_SECONDS, 2 * interval)
