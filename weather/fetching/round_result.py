"""What a round asks, and what it did: the outcome of each cell, and what it cost."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from weather.budget.quota import Denied
from weather.core.cells import Cell
from weather.core.series import Series
from weather.core.windows import WINDOW_SECONDS
from weather.upstream.errors import UpstreamError, UpstreamRefused


class BudgetSpent(UpstreamError):
    """The call was not made: it would have passed the budget, or Open-Meteo wants to be left alone for a while."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(f"no call was made: {denied.reason}")
        self.reason = denied.reason
        self.retry_after_seconds = denied.retry_after_seconds

    @property
    def is_a_window(self) -> bool:
        """Whether the budget of a window is spent; else Open-Meteo is left alone after a refusal or failures."""
        return self.reason in WINDOW_SECONDS


#: What became of each cell: its series, or why there is none.
CellOutcomes = dict[Cell, Series | UpstreamError]


class Upstream(Protocol):
    """A client that fetches cells, such as OpenMeteo; it calls `before_attempt` with the weight before each attempt."""

    def fetch(self, cells: list[Cell], before_attempt: Callable[[int], None]) -> CellOutcomes:
        """Cell → its series or the error about it, by one call. Raises UpstreamError if the call failed."""
        ...


@dataclass(slots=True)
class RoundResult:
    """What a round did.

    `outcomes` has the cells of the lease that were dealt with: those that were known, those that calls were made for
    and, where the budget had room for none, the reason. A cell that is left out is still in the queue: the budget had
    room for some of its kind, or a call failed in a way that nobody foresaw.
    """

    weight_of_a_cell: float = 1.0
    outcomes: CellOutcomes = field(default_factory=dict)
    #: The cells that calls were made for; the others of `outcomes` were known, or not paid for.
    called: set[Cell] = field(default_factory=set)
    #: Attempts, retries included.
    calls: int = 0
    #: The cells of all these attempts; one that was asked for twice counts twice.
    cells: int = 0

    @property
    def weight(self) -> float:
        """What the calls weigh in Open-Meteo's quota."""
        return self.cells * self.weight_of_a_cell

    def refusal_of(self, cells: Iterable[Cell]) -> BudgetSpent | UpstreamRefused | None:
        """Why any of the cells were not fetched: the budget or the pace had no room, or Open-Meteo said 429."""
        outcomes = map(self.outcomes.get, cells)
        return next((got for got in outcomes if isinstance(got, BudgetSpent | UpstreamRefused)), None)
