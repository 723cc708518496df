"""The workers of this process: they queue the cells that its requests want, and run the rounds that fetch them.

A request submits its cells and waits for their futures, so that a hundred misses cost only a few calls. One thread
queues cells and takes leases. It runs the rounds too where there is one slot; where there are several, rounds have
threads of their own, so that a process can use them side by side.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic, sleep

from weather.budget.budget import Budget
from weather.budget.quota import Spender
from weather.core.cells import Cell
from weather.fetching.fetch_queue import FetchQueue, Lease
from weather.fetching.pending_fetch import REQUEUE_SECONDS, PendingFetch, PendingFetches, Submitted
from weather.fetching.round import Round
from weather.fetching.round_threads import RoundThreads
from weather.upstream.errors import UpstreamUnavailable
from weathernote import redis
from weathernote.threads import long_work

log = logging.getLogger(__name__)

#: How often a process looks whether a lease is free, or another process has fetched the cells that it waits for.
POLL_SECONDS = 0.025
#: How long a process waits at least before it tries again: what comes meanwhile is queued together.
PAUSE_SECONDS = 0.01


class Workers:
    """Fetches the cells that this process wants of one dataset, in threads that start with the first cell.

    Cold cells stay queued for `wait_seconds`. Without Redis `calling_alone` is held during each call, so that the
    process makes one call at a time.
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
        self.round = round_
        self.queue = queue
        self.budget = budget
        self.wait_seconds = wait_seconds
        self._calling_alone = calling_alone
        self._pending = PendingFetches()
        self._rounds = RoundThreads(self._run_round)
        #: The threads in which rounds run, some of which have answered and are storing.
        self._running: set[int] = set()
        self._polled_at = self._looked_at_all = 0.0
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, cells: Mapping[Cell, Spender], *, has_waiters: bool = True) -> dict[Cell, Submitted]:
        """Has cells fetched, each paid by its spender; gives the future of each, which may raise UpstreamError.

        A cell that is already pending, here or elsewhere in the fleet, is joined and never asked for twice. All
        cells are submitted together, so that one call can fetch them.
        """
        submitted = self._pending.join(cells, self.wait_seconds, has_waiters=has_waiters, before_news=self._start_once)
        # The thread that queues cells is busy with a round: what comes meanwhile is queued here, for others to see.
        if self.queue.slots == 1 and self._running and (late := self._pending.cold_to_queue(cells)):
            self.queue.enqueue(late, self.wait_seconds)
        return submitted

    def has_pending(self, cell: Cell) -> bool:
        """Whether this process has submitted the cell and it has no outcome yet."""
        return cell in self._pending

    @property
    def is_idle(self) -> bool:
        """Whether no cell is pending or being stored."""
        return not self._pending and not self._running

    def _start_once(self) -> None:
        # Started lazily: the server forks after construction, and threads do not survive a fork.
        with self._starting:
            if self._thread is not None and self._thread.is_alive():
                return
            thread = threading.Thread(target=self._work, name="worker", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no thread can be started; the next submit tries again
                self._pending.fail(error)
                return
            self._thread = thread

    # ── in the thread that queues cells and takes leases ──────────────────────────────────────────

    def _work(self) -> None:
        while True:
            self._pending.wait(POLL_SECONDS)
            try:
                while self._step():
                    pass
            except Exception as error:  # the thread must outlive whatever happens to one step
                log.exception("A worker failed.")
                self._pending.fail(error)
                sleep(POLL_SECONDS)

    def _step(self) -> bool:
        """Queues what is pending and starts a round if there is a lease; False if there was none to start."""
        pending = self._pending.not_asked()
        if not pending:
            return False
        lease = self._lease(pending)
        if lease and lease.cells:
            return self._start_round(lease)
        if lease:
            self.queue.release(lease)
        self._find_outcomes(pending)
        sleep(PAUSE_SECONDS)
        return False

    def _lease(self, pending: Mapping[Cell, PendingFetch]) -> Lease | None:
        """A lease with a batch of the cells that all processes queued; None if there is none to be had."""
        now = monotonic()
        due = {cell: one for cell, one in pending.items() if one.should_queue(now)}
        cold = {cell: one.deadline - now for cell, one in due.items() if one.spender == "cold"}
        refresh = [cell for cell in due if cell not in cold]
        for one in due.values():
            one.queued_at = now
        lease = self.round.open(cold, max(cold.values(), default=0.0), refresh)
        if lease and not lease.token and not lease.cells:
            # There is no shared queue without Redis, so refreshes wait until it is back.
            alone = [cell for cell, one in pending.items() if one.spender == "cold" and not one.is_abandoned(now)]
            return replace(lease, cold=alone[: self.queue.batch])
        return lease

    def _start_round(self, lease: Lease) -> bool:
        """Starts a round for the lease, or runs it; False if none can be made now, or the round failed."""
        if self.budget.is_failing(self.round.dataset):
            # Try one cell only, so that a call that fails again costs least.
            lease = lease.first_cell_only()
        if not lease.token:
            return self._call_alone(lease)
        self._pending.mark(lease.cells, is_asked=True)
        if self.queue.slots == 1:  # no other call can be made meanwhile
            return self._run_round(lease)
        try:
            self._rounds.start(lease)
        except RuntimeError:  # no thread can be started
            return self._run_round(lease)
        return True

    def _call_alone(self, lease: Lease) -> bool:
        if not self._calling_alone.acquire(blocking=False):
            return False
        try:
            is_done = self._run_round(lease)
        finally:
            self._calling_alone.release()
        if is_done:
            # Without Redis no queue gives turns: until now the workers of other datasets could not call. Each of them
            # looks within this time.
            sleep(2 * POLL_SECONDS)
        return is_done

    def _find_outcomes(self, pending: Mapping[Cell, PendingFetch]) -> None:
        """Answers those whose cell another process has fetched, or will not fetch any more.

        The holder of the lease removes a cell from the queue when it is done, and queue entries expire. A cell that is
        neither queued nor fetched will not be fetched any more. Those that are queued are looked up now and then, for a
        process may have stored a record and died before it removed the cell.
        """
        now = monotonic()
        if now - self._polled_at < POLL_SECONDS:
            return
        self._polled_at = now
        queued = self.queue.queued_of(pending)
        ended = {cell for cell, one in pending.items() if one.spender == "refresh" or one.is_abandoned(now)} - queued
        looked_up = pending.keys() - queued
        if now - self._looked_at_all >= REQUEUE_SECONDS:
            self._looked_at_all, looked_up = now, set(pending)
        # The region's replica may not have the record yet, which this process remembers if it looks at the newest.
        looks_at_ended = redis.is_replicated()
        self._pending.answer(
            self.round.known(
                [cell for cell in looked_up if pending[cell].has_waiters or (looks_at_ended and cell in ended)]
            )
        )
        self._pending.answer(dict.fromkeys(ended, UpstreamUnavailable("nobody could ask for the cell in time")))

    # ── in the thread that runs a round ─────────────────────────────────────────────────────────────────

    def _run_round(self, lease: Lease) -> bool:
        """Runs a round for the lease and answers those who wait; False if it failed in a way that nobody foresaw."""
        self._running.add(threading.get_ident())
        try:
            outcomes = self.round.run(lease, answer=self._pending.answer).outcomes
            with long_work():
                self._pending.answer(outcomes)
        except Exception as error:  # those who wait get the error, and nobody tries again too fast
            log.exception("A round failed.")
            self._pending.fail(error, lease.cells)
            return False
        finally:
            self._pending.mark(lease.cells, is_asked=False)
            self._running.discard(threading.get_ident())
        self._pending.tell()
        return True
