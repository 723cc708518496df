"""Payment for cells before they are asked for, out of a budget that counts in whole numbers."""

import threading
from collections.abc import Sequence

from weather.budget.budget import Budget
from weather.budget.quota import Denied, Granted, Spender
from weather.core.cells import Cell
from weather.core.datasets import WEATHER, rounded_up


class Payments:
    """Charges the budget for cells of `dataset` that weigh `weight_of_a_cell` each.

    What was charged beyond the cells' weight, for budgets count in whole numbers, is a credit towards the next cells
    of the same minute. The credit lapses at the end of that minute and is not carried over.
    """

    def __init__(self, budget: Budget, weight_of_a_cell: float = 1.0, dataset: str = WEATHER.name) -> None:
        self.budget = budget
        self.dataset = dataset
        self.weight_of_a_cell = weight_of_a_cell
        self._credit = 0.0
        self._minute = 0
        self._paying = threading.Lock()

    def pay(
        self, cells: Sequence[Cell], spender: Spender, charged: Granted | Denied | None = None
    ) -> dict[Cell, Denied | None]:
        """None for each of the first cells, as many as the budget has room for; the others are left out.

        Where it has room for none, the Denied for each of the cells. What was `charged` for them already is taken in
        place of a new charge.
        """
        if not (cells or charged):
            return {}
        with self._paying:
            if self._credit:
                self._enter(self.budget.minute())
            granted = charged or self.budget.charge(
                self._price(len(cells)), spender, least=self._price(1), dataset=self.dataset
            )
            if isinstance(granted, Denied):
                return dict.fromkeys(cells, granted)
            # Another minute, if it ended meanwhile or Redis' clock is not quite what was thought.
            self._enter(granted.minute)
            paid = granted.weight + self._credit
            affordable = min(len(cells), int(round(paid / self.weight_of_a_cell, 6)))
            self._credit = paid - affordable * self.weight_of_a_cell
            return dict.fromkeys(cells[:affordable])

    def credit(self) -> tuple[float, int]:
        """The weight that is paid already, and the minute in which it is good, in unix seconds."""
        with self._paying:
            return self._credit, self._minute

    def pay_again(self, weight: int) -> Denied | None:
        """Charges a further attempt as `cold`, whatever the call is about; Denied if the budget has no room for it."""
        granted = self.budget.charge(weight, "cold", dataset=self.dataset)
        return granted if isinstance(granted, Denied) else None

    def _enter(self, minute: int) -> None:
        if minute != self._minute:
            self._minute, self._credit = minute, 0.0

    def _price(self, cells: int) -> int:
        return max(1, rounded_up(cells * self.weight_of_a_cell - self._credit))
