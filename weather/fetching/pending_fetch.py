"""The cells that this process has asked for, each between the first request for it and the outcome."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from weather.budget.quota import Spender
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.fetch_queue import REFRESH_QUEUED_SECONDS
from weather.fetching.round_result import CellOutcomes
from weather.upstream.errors import UpstreamError
from weathernote.threads import let_answer

#: Where the process that took a cell fails, the cell is gone from the queue: who still waits queues it again so soon.
REQUEUE_SECONDS = 0.25


class Submitted(NamedTuple):
    """The future of a cell, and whether this submit was the first for the cell in this process."""

    future: Future[Series]
    is_first: bool


@dataclass(slots=True)
class PendingFetch:
    """Who pays for the cell, its deadline, whether a thread waits for it, and when it was last queued.

    Times are monotonic seconds. The future gives the cell's series or raises UpstreamError.
    """

    spender: Spender
    deadline: float
    has_waiters: bool = False
    #: Whether a round of this process asks for it now.
    is_asked: bool = False
    queued_at: float | None = None
    future: Future[Series] = field(default_factory=Future)

    def should_queue(self, now: float) -> bool:
        """Whether the cell is to be queued now: once, and a cold one again and again as long as someone waits."""
        if self.queued_at is None:
            return True
        return self.spender == "cold" and self.deadline > now and now - self.queued_at >= REQUEUE_SECONDS

    def is_abandoned(self, now: float) -> bool:
        """Whether nobody waits for a cold cell any more, so that only its charge is still to be settled."""
        return self.spender == "cold" and self.deadline <= now


class PendingFetches:
    """The pending cells of one dataset, for all threads of the process.

    `wait` returns when there is news: a cell to queue, or what a round's end may have made possible.
    """

    def __init__(self) -> None:
        self._by_cell: dict[Cell, PendingFetch] = {}
        self._changed = threading.Condition()
        self._has_news = False

    def __contains__(self, cell: Cell) -> bool:
        return cell in self._by_cell

    def __len__(self) -> int:
        return len(self._by_cell)

    def join(
        self, cells: Mapping[Cell, Spender], wait_seconds: float, *, has_waiters: bool, before_news: Callable[[], None]
    ) -> dict[Cell, Submitted]:
        """Adds what is not pending yet, each cell paid by its spender; calls `before_news` if there is any."""
        with self._changed:
            submitted = {cell: self._join(cell, spender, wait_seconds) for cell, spender in cells.items()}
            joined = [self._by_cell[cell] for cell in cells]
            for one in joined:
                one.has_waiters |= has_waiters
            has_news = any(one.queued_at is None for one in joined)
        if has_news:
            before_news()
            self.tell()
        return submitted

    def _join(self, cell: Cell, spender: Spender, wait_seconds: float) -> Submitted:
        deadline = monotonic() + (wait_seconds if spender == "cold" else REFRESH_QUEUED_SECONDS)
        is_first = cell not in self._by_cell
        pending = self._by_cell.setdefault(cell, PendingFetch(spender, deadline))
        if spender == "cold":
            if pending.spender == "refresh":
                pending.queued_at = None  # queue it again, now as cold
            pending.spender, pending.deadline = spender, deadline
        return Submitted(pending.future, is_first)

    def cold_to_queue(self, cells: Iterable[Cell]) -> list[Cell]:
        """Those of the cells that are cold and not queued; they count as queued now, and the caller is to do that."""
        with self._changed:
            found = {cell: one for cell in cells if (one := self._by_cell.get(cell)) and one.queued_at is None}
            cold = [cell for cell, one in found.items() if one.spender == "cold"]
            for cell in cold:
                found[cell].queued_at = monotonic()
            return cold

    def tell(self) -> None:
        """There is news."""
        with self._changed:
            self._has_news = True
            self._changed.notify()

    def wait(self, poll_seconds: float) -> None:
        """Waits for news, for `poll_seconds` at most if a cell is pending that no round of this process asks for."""
        with self._changed:
            while not self._has_news:
                is_polling = any(not one.is_asked for one in self._by_cell.values())
                if not self._changed.wait(poll_seconds if is_polling else None):
                    break
            self._has_news = False

    def not_asked(self) -> dict[Cell, PendingFetch]:
        """What is pending and no round of this process asks for; refreshes that are not started in time are dropped."""
        with self._changed:
            now = monotonic()
            # Cold cells were charged to a client: they are kept until the outcome decides whether to refund.
            self._by_cell = {
                cell: one
                for cell, one in self._by_cell.items()
                if one.is_asked or one.deadline > now or one.spender == "cold"
            }
            return {cell: one for cell, one in self._by_cell.items() if not one.is_asked}

    def mark(self, cells: Iterable[Cell], *, is_asked: bool) -> None:
        """Notes whether a round of this process asks for the cells."""
        with self._changed:
            for cell in cells:
                if cell in self._by_cell:
                    self._by_cell[cell].is_asked = is_asked

    def answer(self, outcomes: CellOutcomes) -> None:
        """Ends the waiting for each pending cell that has an outcome."""
        with self._changed:
            done = [(got, self._by_cell.pop(cell)) for cell, got in outcomes.items() if cell in self._by_cell]
        for got, one in done:
            if isinstance(got, Series):
                one.future.set_result(got)
            else:
                one.future.set_exception(got)
            # All at once they would delay hits, each of which needs the interpreter several times.
            if one.has_waiters:
                let_answer()

    def fail(self, error: Exception, cells: Collection[Cell] | None = None) -> None:
        """Ends the waiting for `cells`, or for all that is pending, with an error that nobody expected."""
        failed = list(self._by_cell) if cells is None else cells
        self.answer(dict.fromkeys(failed, UpstreamError(str(error))))
