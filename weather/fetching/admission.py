"""Limits which requests wait for Open-Meteo, charges them, and says why others do not."""

import math
import threading
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Literal

from weather.budget.allowance import Allowance, Charge, Exceeded
from weather.budget.budget import Budget
from weather.budget.quota import Denied, Spender
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.cell_state import CellState
from weather.fetching.pending_fetch import Submitted
from weather.fetching.rejections import REJECTED_SECONDS
from weather.fetching.round_result import BudgetSpent
from weather.fetching.worker import Workers
from weather.upstream.errors import CallRejected, NoWeatherHere, UpstreamError
from weathernote.telemetry import request_events

RETRY_SECONDS = 10

#: `rejected`: there is no weather for the cell. `paused`: no calls are made for a while. `late`: it did not answer in
#: time. `failed`: it cannot be reached, or does not answer as it should.
Reason = Literal["allowance", "budget", "overloaded", "rejected", "paused", "late", "failed"]


@dataclass(frozen=True, slots=True)
class NotFetched:
    """Why a cell was not fetched, and when it may be asked for again."""

    reason: Reason
    retry_after_seconds: int
    #: The allowance that is used up, for the reason `allowance`.
    exceeded: Exceeded | None = None
    #: The window whose budget is spent, for the reason `budget`.
    window: str = ""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who is charged for a new place: a client and its address, as hashes."""

    client: str
    address: str


#: The outcome of a cell: its series, or why it was not fetched.
FetchOutcome = Series | NotFetched

#: Requests without an identified client share one allowance.
UNIDENTIFIED = Requester("nobody", "nobody")


class ColdAdmission:
    """Each thread that waits for Open-Meteo, for at most `wait_seconds`, takes one of `waiting`, which bounds them."""

    def __init__(
        self,
        workers: Workers,
        budget: Budget,
        allowance: Allowance,
        *,
        dataset: str,
        weight_of_a_cell: float,
        wait_seconds: float,
        waiting: threading.BoundedSemaphore,
    ) -> None:
        self.workers = workers
        self.budget = budget
        self.allowance = allowance
        self.dataset = dataset
        self.weight_of_a_cell = weight_of_a_cell
        self.wait_seconds = wait_seconds
        self._waiting = waiting

    def fetch(
        self, cold: Mapping[Cell, CellState], refreshes: Mapping[Cell, Spender], requester: Requester
    ) -> dict[Cell, FetchOutcome]:
        """Cell → its series from Open-Meteo, or why there is none; waits once for all of them.

        `cold` cells have no held record: the first requester of each is charged, and every one is in the result.
        `refreshes` (cell → spender) have a held record: those that were not fetched are left out.
        """
        got: dict[Cell, FetchOutcome] = {
            cell: NotFetched("rejected", state.rejected_seconds)
            for cell, state in cold.items()
            if state.rejected_seconds > 0
        }
        admitted = [cell for cell in cold if cell not in got]
        if self._pause_seconds() > 0:
            return got | {cell: self._paused() for cell in admitted}
        new = [cell for cell in admitted if not (cold[cell].is_queued or self.workers.has_pending(cell))]
        if new and (empty := self.budget.denied_by_room(self.weight_of_a_cell)):
            got |= {cell: _spent(empty) for cell in new}
            admitted, new = [cell for cell in admitted if cell not in got], []
        if not (admitted or refreshes):
            return got
        if not self._waiting.acquire(blocking=False):
            return got | {cell: NotFetched("overloaded", 1) for cell in admitted}
        try:
            charges, exceeded = self._charge(new, requester)
            spenders: dict[Cell, Spender] = {cell: "cold" for cell in admitted if cell not in exceeded}
            outcomes = self._wait_for(spenders | dict(refreshes), charges)
        finally:
            self._waiting.release()
        return got | exceeded | {cell: one for cell, one in outcomes.items() if cell in cold or isinstance(one, Series)}

    # ── who may wait ──────────────────────────────────────────────────────────────────────────────

    def _charge(
        self, cells: Collection[Cell], requester: Requester
    ) -> tuple[dict[Cell, Charge], dict[Cell, FetchOutcome]]:
        """The charges for cells that no request waits for yet, and the refusals."""
        charges: dict[Cell, Charge] = {}
        exceeded: dict[Cell, FetchOutcome] = {}
        outcomes = self.allowance.charge(requester.client, requester.address, len(cells)) if cells else []
        for cell, outcome in zip(cells, outcomes, strict=True):
            if isinstance(outcome, Exceeded):
                exceeded[cell] = NotFetched("allowance", outcome.retry_after_seconds, exceeded=outcome)
            else:
                charges[cell] = outcome
        return charges, exceeded

    # ── waiting ───────────────────────────────────────────────────────────────────────────────────

    def _wait_for(self, cells: Mapping[Cell, Spender], charges: Mapping[Cell, Charge]) -> dict[Cell, FetchOutcome]:
        began = monotonic()
        submitted = self.workers.submit(cells)
        wait([future for future, _ in submitted.values()], self.wait_seconds)
        request_events.note_upstream_wait(monotonic() - began)
        outcomes = {cell: self._outcome(future) for cell, (future, _) in submitted.items()}
        self._settle((charge, submitted[cell]) for cell, charge in charges.items())
        return outcomes

    def _outcome(self, future: Future[Series]) -> FetchOutcome:
        try:
            return future.result(0)
        except TimeoutError:
            return NotFetched("late", RETRY_SECONDS)
        except BudgetSpent as spent:
            return _spent(spent) if spent.is_a_window else self._paused()
        except NoWeatherHere:
            return NotFetched("rejected", REJECTED_SECONDS)
        except UpstreamError:
            if self._pause_seconds() > 0:
                return self._paused()
            return NotFetched("failed", RETRY_SECONDS)

    def _paused(self) -> NotFetched:
        return NotFetched("paused", max(1, math.ceil(self._pause_seconds())))

    def _pause_seconds(self) -> float:
        return self.budget.pause_seconds(self.dataset)

    # ── who pays ──────────────────────────────────────────────────────────────────────────────────

    def _settle(self, charges: Iterable[tuple[Charge, Submitted]]) -> None:
        """Refunds charges for fetches that cost nothing: now, or when the cell's future ends.

        A charge is refunded, too, if another request of this process had submitted the cell first.
        """
        back = []
        for charge, submitted in charges:
            if not submitted.is_first:
                back.append(charge)
            elif not submitted.future.done():
                submitted.future.add_done_callback(partial(self._settle_later, charge))
            elif not _is_owed(submitted.future):
                back.append(charge)
        if back:
            self.allowance.give_back(back)

    def _settle_later(self, charge: Charge, future: Future[Series]) -> None:
        self._settle([(charge, Submitted(future, is_first=True))])


def _is_owed(future: Future[Series]) -> bool:
    """Whether the fetch spent budget: it returned weather, or a call found that there is none.

    Cells known to have none were never charged.
    """
    error = future.exception()
    return error is None or isinstance(error, NoWeatherHere | CallRejected)


def _spent(spent: BudgetSpent | Denied) -> NotFetched:
    return NotFetched("budget", spent.retry_after_seconds, window=spent.reason)
