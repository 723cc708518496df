"""The workers of this process: they queue the cells that its requests want, and run the rounds that fetch them.

A request submits its cells and waits for their futures, so that a hundred misses cost only a few calls. Each slot has
a worker with a thread of its own, so that a process can use several slots.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from time import monotonic, sleep
from typing import NamedTuple

from weather.budget.budget import Budget
from weather.budget.quota import Spender
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.fetch_queue import REFRESH_QUEUED_SECONDS, FetchQueue, Lease
from weather.fetching.pending_fetch import PendingFetch
from weather.fetching.round import Round
from weather.fetching.round_result import CellOutcomes
from weather.upstream.errors import UpstreamError, UpstreamUnavailable
from weathernote import redis
from weathernote.threads import give_way

log = logging.getLogger(__name__)

#: How often a process looks whether the lease is free, or another process has fetched the cells that it waits for.
POLL_SECONDS = 0.025


class Submitted(NamedTuple):
    """The future of a cell, and whether this submit was the first for the cell in this process."""

    future: Future[Series]
    is_first: bool


class Workers:
    """One worker for each slot. Cold cells stay queued for `wait_seconds`.

    Without Redis `calling_alone` is held during each call, so that the process makes one at once.
    """

    def __init__(
        self,
        round_: Round,
        queue: FetchQueue,
        budget: Budget,
        *,
        wait_seconds: float,
        calling_alone: threading.Lock,
    ) -> None:
        self.queue = queue
        self.wait_seconds = wait_seconds
        self._of_slots = [Worker(slot, round_, queue, budget, calling_alone) for slot in range(self.queue.slots)]

    def submit(self, cells: Mapping[Cell, Spender], *, has_waiters: bool = True) -> dict[Cell, Submitted]:
        """Has cells fetched, each paid by its spender; gives the future of each, which may raise UpstreamError.

        A cell that is already pending, here or elsewhere in the fleet, is joined and never asked for twice. All
        cells of one slot are submitted together, so that one call can fetch them.
        """
        by_slot: dict[int, dict[Cell, Spender]] = {}
        for cell, spender in cells.items():
            by_slot.setdefault(self.queue.slot_of(cell), {})[cell] = spender
        submitted: dict[Cell, Submitted] = {}
        for slot, some in by_slot.items():
            submitted |= self._of_slots[slot].submit(some, self.wait_seconds, has_waiters=has_waiters)
        return submitted

    def has_pending(self, cell: Cell) -> bool:
        """Whether this process has submitted the cell and it has no outcome yet."""
        return self._of_slots[self.queue.slot_of(cell)].has_pending(cell)

    @property
    def is_idle(self) -> bool:
        """Whether no cell is pending."""
        return not any(worker.is_busy for worker in self._of_slots)


class Worker:
    """Fetches what this process wants of one slot, in a thread that starts with the first cell."""

    def __init__(
        self, slot: int, round_: Round, queue: FetchQueue, budget: Budget, calling_alone: threading.Lock
    ) -> None:
        self.slot = slot
        self.round = round_
        self.queue = queue
        self.budget = budget
        self._calling_alone = calling_alone
        self._pending: dict[Cell, PendingFetch] = {}
        self._changed = threading.Condition()
        self._is_stepping = False
        self._thread: threading.Thread | None = None

    def submit(self, cells: Mapping[Cell, Spender], wait_seconds: float, *, has_waiters: bool) -> dict[Cell, Submitted]:
        """Has cells of this slot fetched, each paid by its spender; gives the future of each."""
        with self._changed:
            submitted = {cell: self._join(cell, one, wait_seconds, has_waiters) for cell, one in cells.items()}
            late = self._not_queued(cells) if self._is_stepping else []
            self._start_once()
            self._changed.notify()
        # The worker queues pending cells before each round. Cells that come during a round are queued here at once, so
        # that other processes see them.
        if late:
            self.queue.enqueue(self.slot, late, wait_seconds)
        return submitted

    def has_pending(self, cell: Cell) -> bool:
        """Whether a submitted cell of this slot has no outcome yet."""
        return cell in self._pending

    @property
    def is_busy(self) -> bool:
        """Whether any cell of this slot has no outcome yet, or one that is still being stored."""
        return bool(self._pending) or self._is_stepping

    # ── in the thread that submits ────────────────────────────────────────────────────────────────

    def _join(self, cell: Cell, spender: Spender, wait_seconds: float, has_waiters: bool) -> Submitted:
        deadline = monotonic() + (wait_seconds if spender == "cold" else REFRESH_QUEUED_SECONDS)
        is_first = cell not in self._pending
        pending = self._pending.setdefault(cell, PendingFetch(spender, deadline))
        pending.has_waiters |= has_waiters
        if spender == "cold":
            if pending.spender == "refresh":
                pending.queued_at = None  # queue it again, now as cold
            pending.spender, pending.deadline = spender, deadline
        return Submitted(pending.future, is_first)

    def _start_once(self) -> None:
        # Started lazily: the server forks after construction, and threads do not survive a fork.
        if self._thread is not None and self._thread.is_alive():
            return
        thread = threading.Thread(target=self._work, name=f"worker-{self.slot}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread can be started; the next submit tries again
            self._answer(dict.fromkeys(self._pending, UpstreamError(str(error))))
            return
        self._thread = thread

    def _not_queued(self, cells: Iterable[Cell]) -> list[Cell]:
        now = monotonic()
        late = [cell for cell in cells if self._pending[cell].spender == "cold" and not self._pending[cell].queued_at]
        for cell in late:
            self._pending[cell].queued_at = now
        return late

    # ── in the worker's own thread ────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending)
            had_round = False
            try:
                had_round = self._step()
            except Exception as error:  # the thread must outlive whatever happens to one step
                log.exception("A worker failed.")
                self._answer(dict.fromkeys(self._pending, UpstreamError(str(error))))
            finally:
                self._is_stepping = False
            if not had_round:
                sleep(POLL_SECONDS)

    def _step(self) -> bool:
        """Queues what is pending and runs a round if the lease is free; False if there was none to run."""
        pending = self._still_pending()
        lease = self._lease(pending)
        if lease and lease.cells:
            return self._run_round(lease)
        if lease:
            self.queue.release(lease)
        self._find_outcomes(pending)
        return False

    def _still_pending(self) -> dict[Cell, PendingFetch]:
        with self._changed:
            self._is_stepping = True
            now = monotonic()
            # Cold cells were charged to a client: they are kept until the outcome decides whether to refund.
            self._pending = {
                cell: one for cell, one in self._pending.items() if one.deadline > now or one.spender == "cold"
            }
            return dict(self._pending)

    def _lease(self, pending: Mapping[Cell, PendingFetch]) -> Lease | None:
        """The lease with a batch of the cells that all processes queued; None if another process has it."""
        now = monotonic()
        due = {cell: one for cell, one in pending.items() if one.should_queue(now)}
        cold = {cell: one.deadline - now for cell, one in due.items() if one.spender == "cold"}
        refresh = [cell for cell in due if cell not in cold]
        lease = self.round.open(self.slot, cold, max(cold.values(), default=0.0), refresh)
        for one in due.values():
            one.queued_at = now
        if lease and not lease.token and not lease.cells:
            # There is no shared queue without Redis, so refreshes wait until it is back.
            alone = [cell for cell, one in pending.items() if one.spender == "cold" and not one.is_abandoned(now)]
            return replace(lease, cold=alone[: self.queue.batch])
        return lease

    def _run_round(self, lease: Lease) -> bool:
        """Runs a round for the lease and answers those who wait; False if no call can be made now."""
        if not lease.token and not self._calling_alone.acquire(blocking=False):
            return False
        if self.budget.is_failing(self.round.dataset):
            # Try one cell only, so that a call that fails again costs least.
            lease = lease.first_cell_only()
        try:
            self._answer(self.round.run(lease, answer=self._answer).outcomes)
        except Exception as error:  # those who wait get the error, and nobody tries again too fast
            log.exception("A round failed.")
            self._answer(dict.fromkeys(lease.cells, UpstreamError(str(error))))
            return False
        finally:
            if not lease.token:
                self._calling_alone.release()
        if not lease.token:
            # Without Redis no queue gives turns: until now the workers of other datasets could not call. Each of them
            # looks within this time.
            sleep(2 * POLL_SECONDS)
        return True

    def _find_outcomes(self, pending: Mapping[Cell, PendingFetch]) -> None:
        """Answers those whose cell another process has fetched, or will not fetch any more.

        The holder of the lease removes a cell from the queue when it is done, and queue entries expire. A cell that is
        neither queued nor fetched will not be fetched any more.
        """
        now = monotonic()
        may_end = [cell for cell, one in pending.items() if one.spender == "refresh" or one.is_abandoned(now)]
        ended = set(may_end) - self.queue.queued_of(may_end)
        # The region's replica may not have the record yet, which this process remembers if it looks at the newest.
        looks_at_all = redis.is_replicated()
        wanted = [cell for cell, one in pending.items() if one.has_waiters or (looks_at_all and cell in ended)]
        self._answer(self.round.known(wanted))
        self._answer(dict.fromkeys(ended, UpstreamUnavailable("nobody could ask for the cell in time")))

    def _answer(self, outcomes: CellOutcomes) -> None:
        with self._changed:
            done = [(got, self._pending.pop(cell).future) for cell, got in outcomes.items() if cell in self._pending]
        for got, future in done:
            if isinstance(got, Series):
                future.set_result(got)
            else:
                future.set_exception(got)
            # Let waiting threads resume one at a time, so that they do not delay hits.
            give_way()
