"""One round: look up a lease's cells, pay for the unknown ones, call Open-Meteo, and store the results.

It runs in the caller's thread: a worker's, or prewarm's.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping
from time import time

from weather.budget.budget import Budget
from weather.budget.payment import Payments
from weather.budget.quota import SPENDERS, Denied, Granted, Spender
from weather.core.cells import Cell
from weather.core.series import Series, with_earlier_rows
from weather.fetching import observation
from weather.fetching.fetch_queue import FetchQueue, Lease
from weather.fetching.known_cells import KnownCells
from weather.fetching.opening import OpenedLease, Opening
from weather.fetching.round_result import BudgetSpent, CellOutcomes, RoundResult, Upstream
from weather.fetching.store import Store
from weather.runs.evidence import Evidence
from weather.upstream.errors import (
    CallRejected,
    InvalidResponse,
    LocationRejected,
    NoWeatherHere,
    UnreadableHere,
    UpstreamError,
    UpstreamRefused,
)
from weathernote import redis
from weathernote.redis import Role
from weathernote.telemetry import metrics
from weathernote.threads import long_work

log = logging.getLogger(__name__)

#: Enough to isolate two bad places in a hundred; bounds the cost if Open-Meteo rejects the call as a whole.
CALLS_TO_FIND_A_BAD_PLACE = 30


class Round:
    """Fetches the cells of leases from `upstream`, except those that `known_cells` knows by `fresh_seconds`.

    `spender_of` says who pays for the refresh of a cell, given when its record was fetched, None without one, and now.
    `evidence` is of the dataset's models; None for a dataset whose model runs are not followed.
    """

    def __init__(
        self,
        upstream: Upstream,
        store: Store,
        payments: Payments,
        budget: Budget,
        queue: FetchQueue,
        known_cells: KnownCells,
        opening: Opening | None = None,
        *,
        weight_of_a_cell: float,
        fresh_seconds: int,
        spender_of: Callable[[Cell, int | None, float], Spender] = lambda *_: "refresh",
        evidence: Evidence | None = None,
        now: Callable[[], float] = time,
    ) -> None:
        self.upstream = upstream
        self.store = store
        self.dataset = store.name
        self.topic = self.dataset.replace("_", " ")
        self.payments = payments
        self.budget = budget
        self.weight_of_a_cell = weight_of_a_cell
        self.queue = queue
        self.known_cells = known_cells
        self.opening = opening
        self.fresh_seconds = fresh_seconds
        self.spender_of = spender_of
        self.evidence = evidence
        self.now = now

    def open(self, cold: Collection[Cell], wait_seconds: float, refresh: Collection[Cell]) -> Lease | None:
        """A lease for `run`: queues cells and takes a lease, as FetchQueue.lease, in one round trip."""
        return (self.opening or self.queue).lease(cold, wait_seconds, refresh)

    def run(
        self,
        lease: Lease,
        *,
        fresh_seconds: int | None = None,
        answer: Callable[[CellOutcomes], None] = lambda _: None,
    ) -> RoundResult:
        """Fetches the cells of a lease, in one call if all goes well, stores the records and releases the lease.

        `fresh_seconds` overrides the default. Where the primary is not this region's own server, `answer` is given the
        outcomes before they are stored there, for that takes as long as the line to it.
        """
        result = RoundResult(self.weight_of_a_cell)
        fetched: dict[Cell, Series] = {}
        rejected: list[Cell] = []
        try:
            fresh_seconds = self.fresh_seconds if fresh_seconds is None else fresh_seconds
            opened = lease if isinstance(lease, OpenedLease) else None
            result.outcomes, held = self.known_cells.of(lease.cells, fresh_seconds, self.now(), opened)
            if paid := self._paid(lease, held, result):
                self._ask(lease, paid, result)
                fetched = {cell: got for cell in paid if isinstance(got := result.outcomes.get(cell), Series)}
                if self.store.keeps_earlier_rows:
                    again = held.keys() & fetched.keys()
                    fetched |= {cell: with_earlier_rows(fetched[cell], held[cell]) for cell in again}
                result.outcomes |= fetched
                rejected = self._rejected({cell: result.outcomes[cell] for cell in paid if cell in result.outcomes})
                observation.note(held, fetched, self.now(), self.store.drift, self.evidence)
        finally:
            # Release after storing: a process that then sees the lease free can read the records.
            with long_work():
                self._hold_and_release(lease, result.outcomes, fetched, rejected, answer)
        return result

    def known(self, cells: Collection[Cell]) -> CellOutcomes:
        """The outcomes of those `cells` that need no call, as `KnownCells` says, without asking Open-Meteo."""
        return self.known_cells.of(cells, self.fresh_seconds, self.now())[0]

    # ── pay and ask ───────────────────────────────────────────────────────────────────────────────

    def _paid(self, lease: Lease, held: Mapping[Cell, Series], result: RoundResult) -> list[Cell]:
        """The unknown cells that the budget has room for; for cells without budget, the reason is put in `result`."""
        paid: list[Cell] = []
        by_spender: dict[Spender, list[Cell]] = {spender: [] for spender in SPENDERS}
        for cell in lease.cells:
            if cell not in result.outcomes:
                fetched_at = held[cell].fetched_at if cell in held else None
                spender = "cold" if cell in lease.cold else self.spender_of(cell, fetched_at, self.now())
                by_spender[spender].append(cell)
        pays: list[tuple[list[Cell], Spender, Granted | Denied | None]] = [
            (cells, spender, None) for spender, cells in by_spender.items()
        ]
        if isinstance(lease, OpenedLease) and lease.charged:
            cold, unheld = by_spender["cold"], lease.unheld
            of_charge = [cell for cell in cold if cell in unheld]
            pays[:1] = (of_charge, "cold", lease.charged), ([cell for cell in cold if cell not in unheld], "cold", None)
        for cells, spender, charged in pays:
            for cell, denied in self.payments.pay(cells, spender, charged).items():
                if denied is None:
                    paid.append(cell)
                else:
                    result.outcomes[cell] = BudgetSpent(denied)
        return paid

    def _ask(self, lease: Lease, cells: list[Cell], result: RoundResult) -> None:
        """Makes one call. A rejected place fails the whole call: the cells are then split in halves and asked again."""
        groups = deque([cells])
        for call in range(CALLS_TO_FIND_A_BAD_PLACE):
            if not groups or (call and not self.queue.renew(lease)):
                break
            group = groups.popleft()
            got = self._call(group, result, is_paid=call == 0)
            if not isinstance(got, LocationRejected):
                result.outcomes |= got
                continue
            middle = len(group) // 2
            if middle == 0:
                result.outcomes[group[0]] = got
            groups.extend((group[:middle], group[middle:]) if middle else ())
        unresolved = CallRejected("it rejected the call and not one place in it")
        result.outcomes |= {cell: unresolved for group in groups for cell in group}

    def _call(self, cells: list[Cell], result: RoundResult, *, is_paid: bool) -> CellOutcomes | LocationRejected:
        attempts = 0
        outcome = "failed"

        def before_attempt(weight: int) -> None:
            nonlocal attempts
            # The first attempt was paid for when the cells were chosen; a further one is paid for as it is made.
            if (attempts or not is_paid) and (denied := self.payments.pay_again(weight)):
                raise BudgetSpent(denied)
            attempts += 1
            result.called.update(cells)

        try:
            got = self.upstream.fetch(cells, before_attempt)
            outcome = "ok"
            self.budget.succeeded(self.dataset)
            return got
        except LocationRejected as rejected:
            outcome = "rejected"
            self.budget.succeeded(self.dataset)
            return rejected
        except BudgetSpent as spent:
            return dict.fromkeys(cells, spent)
        except UpstreamRefused as refused:
            outcome = "refused"
            log.warning("Open-Meteo about %s: %s", self.topic, refused)
            self.budget.close(refused.window, refused.retry_after_seconds)
            return dict.fromkeys(cells, refused)
        except UpstreamError as error:
            outcome = "invalid_response" if isinstance(error, InvalidResponse) else "failed"
            log.warning("Open-Meteo about %s: %s", self.topic, error)
            self.budget.failed(self.dataset)
            return dict.fromkeys(cells, error)
        finally:
            self._count(result, attempts, len(cells), outcome)

    def _count(self, result: RoundResult, attempts: int, cells: int, outcome: str) -> None:
        """Adds a call about so many cells, whose last attempt had the outcome, to the result and the metrics."""
        if not attempts:
            return
        result.calls += attempts
        result.cells += attempts * cells
        # Open-Meteo's weight, not our charge, which is rounded up.
        weight = attempts * cells * self.weight_of_a_cell
        metrics.OPEN_METEO_WEIGHT.inc(weight)
        metrics.DATASET_WEIGHT.labels(self.dataset).inc(weight)
        for ended, times in (("retried", attempts - 1), (outcome, 1)):
            metrics.OPEN_METEO_CALLS.labels(ended).inc(times)
            metrics.DATASET_CALLS.labels(self.dataset, ended).inc(times)

    # ── hold ──────────────────────────────────────────────────────────────────────────────────────

    def _hold_and_release(
        self,
        lease: Lease,
        done: CellOutcomes,
        fetched: Mapping[Cell, Series],
        rejected: Collection[Cell],
        answer: Callable[[CellOutcomes], None],
    ) -> None:
        """Holds records and rejections, tells who listens, and releases the lease without the cells that are `done`."""
        is_cluster = redis.is_cluster(Role.PRIMARY)  # another shard could tell of a record before its own holds it
        holding = self.store.holding(fetched, announces=not is_cluster)
        rejecting, releasing = self.store.rejections.adding(rejected), self.queue.releasing(lease, done)
        if not redis.is_one_server():
            answer(done)  # this process has the records in memory by now
        _, _, is_released = redis.fetch(holding, rejecting, releasing)
        if is_cluster:
            redis.fetch_one(self.store.announcing(fetched))
        if lease.token and not is_released:
            # Lost with the large write before it; if it were not sent again, the slot would be blocked for a while.
            self.queue.release(lease, done)

    def _rejected(self, outcomes: CellOutcomes) -> list[Cell]:
        """The cells that have no data; those that only this machine cannot read are remembered here instead."""
        without = {cell: got for cell, got in outcomes.items() if isinstance(got, NoWeatherHere)}
        unreadable = [cell for cell, why in without.items() if isinstance(why, UnreadableHere)]
        if unreadable:
            self.store.rejections.add_here(unreadable)
        for why in dict.fromkeys(map(str, without.values())):
            log.warning("Open-Meteo has no %s for a place: %s", self.topic, why)
        return [cell for cell in without if cell not in unreadable]
