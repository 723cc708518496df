"""Whether a dataset's held records are due for a refresh, and which part of the budget pays for it.

A record is judged by the runs of its cell's model where they are known, else by an interval. One price decides both.
"""

from weather.budget.price import Price
from weather.budget.quota import Spender
from weather.core.cells import Cell
from weather.core.datasets import Dataset
from weather.core.freshness import refresh_interval
from weather.core.freshness.refresh_interval import Standing
from weather.core.runs.index import RunState
from weather.runs.known import KnownRuns


class RefreshRule:
    """The rule for the records of one dataset; without `runs` all of them have intervals."""

    def __init__(self, dataset: Dataset, price: Price, runs: KnownRuns | None = None) -> None:
        self.aging = dataset.aging
        self.refreshes_late = dataset.refreshes_late
        self.price = price
        self.runs = runs

    def standing(self, cell: Cell, fetched_at: float, rate: float, now: float) -> Standing:
        """How the record of a cell stands that was fetched then, given the requests per second for the cell."""
        by_runs = self.by_runs(cell, fetched_at, rate, now)
        if by_runs is not None:
            return by_runs.standing(self.price.value)
        return refresh_interval.standing(now - fetched_at, self.price.interval_seconds(rate, self.aging))

    def is_due(self, cell: Cell, fetched_at: float, rate: float, now: float) -> bool:
        """Whether a request would have the record refreshed that was fetched then."""
        return self.standing(cell, fetched_at, rate, now).is_due

    def by_runs(
        self, cell: Cell, fetched_at: float, rate: float, now: float, least_level: float = 0.0
    ) -> RunState | None:
        """The record beside the runs of the cell's model; None where it is refreshed at intervals.

        The cell's level, which follows from its `rate` by decayed counts, is taken to be `least_level` at least.
        """
        if self.runs is None or (times := self.runs.times_for(cell, now)) is None:
            return None
        expected = self.runs.expected_requests(cell, rate, times, now, least_level)
        return RunState.of(times, fetched_at, now, expected)

    def spender(self, cell: Cell, fetched_at: float | None, now: float) -> Spender:
        """Who pays for a refresh of the cell's record.

        Records that end soon are never refreshed late: denied, they would be paid in a few hours as cold cells, which
        come before all refreshes, and while a request waits for them.
        """
        if self.runs is not None and self.runs.times_for(cell, now) is not None:
            return "run_refresh"
        is_ending = fetched_at is None or refresh_interval.is_ending(now - fetched_at)
        return "late_refresh" if self.refreshes_late and not is_ending else "refresh"
