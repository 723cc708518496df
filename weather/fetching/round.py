"""The calls of one turn: paid for before they are made, halved where a place spoils one, and each outcome told."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from weather.budget.budget import Budget, Denied
from weather.budget.quota import Spender
from weather.core.cells import Cell
from weather.core.series import Series
from weather.core.windows import WINDOW_SECONDS
from weather.fetching.fetch_queue import Conversation, Turn
from weather.upstream.client import CallRejected, PlaceRejected, UpstreamError, UpstreamNonsense, UpstreamRefused, whole
from weathernote.telemetry import metrics

log = logging.getLogger(__name__)

#: Enough to single out two bad places of a hundred; a call that is wrong as a whole must not cost two hundred.
CALLS_TO_FIND_A_BAD_PLACE = 30

Fetched = dict[Cell, Series | UpstreamError]


class Upstream(Protocol):
    def fetch(self, cells: list[Cell], before_attempt: Callable[[int], None]) -> Fetched: ...


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


class Caller:
    """Asks Open-Meteo for the cells of a turn, each of a weight."""

    def __init__(
        self, upstream: Upstream, budget: Budget, conversation: Conversation, *, weight_of_a_cell: float = 1.0
    ) -> None:
        self.upstream = upstream
        self.budget = budget
        self.conversation = conversation
        self.weight_of_a_cell = weight_of_a_cell
        # Budgets count in whole numbers: what was paid beyond the cells' weight is a credit for the next ones of that
        # minute. The credit lapses at the end of that minute and is not carried over.
        self._paid_ahead = 0.0
        self._paid_in_minute = 0
        self._paying = threading.Lock()

    def paid_for(self, cells: list[Cell], spender: Spender) -> dict[Cell, BudgetSpent | None]:
        """None for the cells that the budget has room for; why not, for all, where it has room for none."""
        if not cells:
            return {}
        with self._paying:
            return self._paid(cells, spender)

    def _paid(self, cells: list[Cell], spender: Spender) -> dict[Cell, BudgetSpent | None]:
        if self._paid_ahead:
            self._keep_to(self.budget.minute())
        granted = self.budget.charge(self._price(len(cells)), spender, least=self._price(1))
        if isinstance(granted, Denied):
            return dict.fromkeys(cells, BudgetSpent(granted))
        # Another one, where it ended meanwhile or Redis' clock is not quite what was thought.
        self._keep_to(granted.minute)
        paid = granted.weight + self._paid_ahead
        # For so many cells it is enough; the others' turn is next.
        affordable = min(len(cells), int(round(paid / self.weight_of_a_cell, 6)))
        self._paid_ahead = paid - affordable * self.weight_of_a_cell
        return dict.fromkeys(cells[:affordable])

    def _keep_to(self, minute: int) -> None:
        if minute != self._paid_in_minute:
            self._paid_in_minute, self._paid_ahead = minute, 0.0

    def _price(self, cells: int) -> int:
        return max(1, whole(cells * self.weight_of_a_cell - self._paid_ahead))

    def asked(self, turn: Turn, cells: list[Cell]) -> Fetched:
        """One call, if all goes well. A place that Open-Meteo rejects spoils a call for all, so that is halved."""
        fetched: Fetched = {}
        groups = deque([cells])
        for call in range(CALLS_TO_FIND_A_BAD_PLACE):
            if not groups or (call and not self.conversation.renew(turn)):
                break
            group = groups.popleft()
            got = self._called(group, is_paid=call == 0)
            if not isinstance(got, PlaceRejected):
                fetched |= got
                continue
            middle = len(group) // 2
            if middle == 0:
                fetched[group[0]] = got
            groups.extend((group[:middle], group[middle:]) if middle else ())
        unresolved = CallRejected("it rejected the call and not one place in it")
        return fetched | {cell: unresolved for group in groups for cell in group}

    def _called(self, cells: list[Cell], *, is_paid: bool) -> Fetched | PlaceRejected:
        attempts = [None] if is_paid else []
        attempts_made = 0
        outcome = "failed"

        def pay(weight: int) -> None:
            nonlocal attempts_made
            # The first attempt was paid for when the cells were chosen; a further one is paid for as it is made.
            if attempts:
                attempts.pop()
            elif isinstance(granted := self.budget.charge(weight, "cold"), Denied):
                raise BudgetSpent(granted)
            attempts_made += 1

        try:
            fetched = self.upstream.fetch(cells, pay)
            outcome = "ok"
            self.budget.succeeded()
            return fetched
        except PlaceRejected as rejected:
            outcome = "rejected"
            self.budget.succeeded()
            return rejected
        except BudgetSpent as spent:
            return dict.fromkeys(cells, spent)
        except UpstreamRefused as refused:
            outcome = "refused"
            log.warning("Open-Meteo: %s", refused)
            self.budget.close(refused.window, refused.retry_after_seconds)
            return dict.fromkeys(cells, refused)
        except UpstreamError as error:
            outcome = "nonsense" if isinstance(error, UpstreamNonsense) else "failed"
            log.warning("Open-Meteo: %s", error)
            self.budget.failed()
            return dict.fromkeys(cells, error)
        finally:
            _count_calls(attempts_made, len(cells) * self.weight_of_a_cell, outcome)


def _count_calls(attempts: int, weight_of_one: float, outcome: str) -> None:
    """Counts the attempts of a call, all but the last as retried, by what Open-Meteo counts and not what was paid."""
    for at in range(1, attempts + 1):
        metrics.OPEN_METEO_WEIGHT.inc(weight_of_one)
        metrics.OPEN_METEO_CALLS.labels(outcome if at == attempts else "retried").inc()
