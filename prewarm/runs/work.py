"""The two steps of a run: answers re-derived from held forecasts, and due cells fetched from Open-Meteo."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from prewarm.runs.plan import Batch, Candidate, Rederivation
from prewarm.runs.retry import with_retries
from prewarm.runs.survey import CELLS_AT_ONCE, chunks, questions
from weather.api.composition import FRESH_SECONDS
from weather.api.service import Service
from weather.budget.quota import Spender
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.round_result import BudgetSpent, CellOutcomes, RoundResult
from weather.fetching.worker import POLL_SECONDS
from weather.upstream.errors import UpstreamError, UpstreamRefused

#: The interval of checks for a signal during a pause.
STOP_CHECK_SECONDS = 0.1
#: A refusal of at most BRIEF_SECONDS (such as "Too many concurrent requests") is waited out, at most MOST_BRIEF_PAUSES
#: times a run.
BRIEF_SECONDS, MOST_BRIEF_PAUSES = 5, 3
MINUTE_SECONDS = 60

Advance = Callable[[int], object]


@dataclass(slots=True)
class Tally:
    """What a run has done so far, in cells; `reasons` say why something was left undone, in order and once each."""

    rederived: int = 0
    refreshed: int = 0
    #: Cities that needed no refresh.
    cities_in_order: int = 0
    skipped: int = 0
    #: Cells of cities that failed; other cells are only counted, in `others_failed`.
    failed: list[Candidate] = field(default_factory=list)
    others_failed: int = 0
    #: Cities without a held forecast that the hour's or the day's budget could not pay for.
    unpaid_cold_cities: int = 0
    calls: int = 0
    weight: float = 0.0
    reasons: dict[str, None] = field(default_factory=dict)
    #: The run was stopped early, by a signal or its time limit for example.
    was_cut_off: bool = False
    #: Redis or the lock was lost, or the run met a fault.
    is_broken: bool = False

    @property
    def exit_code(self) -> int:
        """0 if no city failed, 1 if a city failed or the run broke off, with something done, 2 with nothing done.

        "Done" is a cell refreshed or a city in order. A run that breaks off has lost Redis or the lock. One that a
        signal or the time limit stops has 2 only if it neither refreshed nor re-derived anything. It is also 2 if the
        budget had nothing for cold cities and nothing was refreshed.
        """
        if self.unpaid_cold_cities and not self.refreshed:
            return 2
        if self.failed or self.is_broken:
            return 1 if self.refreshed or self.cities_in_order else 2
        return 2 if self.was_cut_off and not (self.refreshed or self.rederived) else 0

    @property
    def message(self) -> str:
        """The reasons in one line, joined by `; `, and how many cells without a city failed."""
        others = [f"of the cells that are no city: {self.others_failed} failed"] if self.others_failed else []
        return "; ".join([*self.reasons, *others])

    def fail(self, candidate: Candidate) -> None:
        """Counts a failed candidate: by name if it is a city's."""
        if candidate.cities:
            self.failed.append(candidate)
        else:
            self.others_failed += 1

    def leave_unpaid(self, candidates: Collection[Candidate], window: str) -> None:
        """Counts candidates as skipped because the budget of `window`, hour or day, is spent."""
        self.skipped += len(candidates)
        if candidates:
            self.reasons[f"budget: {window}"] = None
        self.unpaid_cold_cities += sum(candidate.is_cold_city for candidate in candidates)


class Work:
    """Does the two steps of a run and counts what it did in `tally`.

    `stop_reason` is called again and again: it returns why the run must stop, or an empty string. With `force` cells
    that were fetched a moment ago are fetched again. `pause_seconds` is the pause after a call for each of its cells.
    """

    def __init__(
        self, service: Service, *, force: bool = False, pause_seconds: float = 0.0, stop_reason: Callable[[], str]
    ) -> None:
        self.service = service
        self.store, self.cache = service.store, service.cache
        self.queue, self.round = service.queue, service.round
        self.pause_seconds = pause_seconds
        self.stop_reason = stop_reason
        self.fresh_seconds = 0 if force else FRESH_SECONDS
        self.tally = Tally()
        self._brief_pauses = 0
        #: Spender → why its cells count as failed; empty if our own budget ended it.
        self._stopped: dict[Spender, str] = {}
        #: Spender → the window that is spent, `hour` or `day`.
        self._spent: dict[Spender, str] = {}

    # ── re-derive ─────────────────────────────────────────────────────────────────────────────────

    def rederive(self, planned: Sequence[Rederivation], advance: Advance) -> None:
        """Derives the planned answers from held forecasts, in parts so small that few records change meanwhile.

        `advance` is called with the number of cells of each part.

        Raises RedisDown without Redis.
        """
        for part in chunks(planned, CELLS_AT_ONCE):
            if self.check_stop():
                return
            held = self.store.held_of(one.cell for one in part)
            known = [(one, held[one.cell]) for one in part if one.cell in held]
            self.tally.rederived += self._derive_and_store(
                (question, series, one.stale) for one, series in known for question in one.questions
            )
            advance(len(part))

    def _derive_and_store(self, wanted: Iterable[tuple[Question, Series, bool]]) -> int:
        if runs := self.service.runs:
            # They come while this run of prewarm lasts, and no loop reads of them in its process.
            runs.known.table.read()
        now, derive = self.service.now(), self.service.derive
        finished = {question: derive(question, series, now, stale=stale) for question, series, stale in wanted}
        # The replica may lack a record that a process of this region has fetched and answered with.
        return with_retries(lambda: self.cache.store_answers(finished, unless_newer=True))

    # ── refresh ───────────────────────────────────────────────────────────────────────────────────

    def refresh(self, batches: Iterable[Batch], advance: Advance) -> None:
        """Fetches the batches, one call after the other, each when there is a lease for it.

        `advance` is called with 1 for each cell that is dealt with. Raises RedisDown without Redis.
        """
        for batch in batches:
            waiting = {candidate.cell: candidate for candidate in batch.candidates}
            while (cells := list(waiting)) and not self.check_stop() and batch.spender not in self._stopped:
                if result := self._fetch(batch, cells):
                    self._take_over(result, waiting, advance)
                    self.pause(result.cells * self.pause_seconds)
                    self._react_to(result.refusal_of(cells), batch.spender)
                else:
                    time.sleep(POLL_SECONDS)
            self._count_unserved(waiting.values(), batch.spender)

    def _fetch(self, batch: Batch, cells: Sequence[Cell]) -> RoundResult | None:
        """Fetches cells of the batch and, in the same call, cold cells that requests are waiting for.

        None if there is no lease to be had, others ask for all of them, or Redis cannot store the result.
        """
        lease = self.queue.lease_for(cells, batch.spender)
        if lease is None or not lease.token:
            return None
        return self.round.run(lease, fresh_seconds=self.fresh_seconds)

    def _take_over(self, result: RoundResult, waiting: dict[Cell, Candidate], advance: Advance) -> None:
        """Stores the answers of fetched cells, and removes from `waiting` what need not be asked for again."""
        self.tally.calls += result.calls
        self.tally.weight = round(self.tally.weight + result.weight, 6)
        outcomes = {cell: result.outcomes[cell] for cell in waiting if cell in result.outcomes}
        self._store_answers(outcomes)
        for cell, outcome in outcomes.items():
            if not isinstance(outcome, BudgetSpent | UpstreamRefused):
                self._count(waiting.pop(cell), outcome, was_called=cell in result.called)
                advance(1)

    def _store_answers(self, outcomes: CellOutcomes) -> None:
        series = {cell: outcome for cell, outcome in outcomes.items() if isinstance(outcome, Series)}
        for part in chunks(list(series), CELLS_AT_ONCE):
            self._derive_and_store((question, series[cell], False) for cell in part for question in questions(cell))

    def _count(self, candidate: Candidate, outcome: Series | UpstreamError, *, was_called: bool) -> None:
        if isinstance(outcome, UpstreamError):
            self.tally.fail(candidate)
            self.tally.reasons[f"Open-Meteo: {outcome}"] = None
        elif was_called:
            self.tally.refreshed += 1
        else:
            # Another process had just fetched it.
            self.tally.skipped += 1
            self.tally.cities_in_order += bool(candidate.cities)

    def _react_to(self, refusal: BudgetSpent | UpstreamRefused | None, spender: Spender) -> None:
        """After a refusal by Open-Meteo or by our budget: waits if it is short, else gives up on this spender."""
        if refusal is None:
            return
        seconds = refusal.retry_after_seconds or 0
        ours = refusal.reason if isinstance(refusal, BudgetSpent) else "closed"
        is_ours = ours not in ("closed", "failures")
        if is_ours and spender == "cold" and seconds <= MINUTE_SECONDS:
            self.pause(seconds)
        elif not is_ours and seconds <= BRIEF_SECONDS and self._brief_pauses < MOST_BRIEF_PAUSES:
            self._brief_pauses += 1
            self.pause(max(1, seconds))
        elif is_ours:
            self._stopped[spender] = ""
            self.tally.reasons[f"budget: {ours}"] = None
            if ours in ("hour", "day"):
                self._spent[spender] = ours
        else:
            self._stopped = dict.fromkeys(("cold", "refresh"), f"Open-Meteo: {refusal}")

    def _count_unserved(self, candidates: Collection[Candidate], spender: Spender) -> None:
        """Counts cells that were not fetched: failed because of Open-Meteo, or skipped because of a limit of ours."""
        if candidates and (trouble := self._stopped.get(spender)):
            self.tally.reasons[trouble] = None
            for candidate in candidates:
                self.tally.fail(candidate)
        elif spender in self._spent:
            self.tally.leave_unpaid(candidates, self._spent[spender])
        else:
            self.tally.skipped += len(candidates)

    # ── the end ───────────────────────────────────────────────────────────────────────────────────

    def pause(self, seconds: float) -> None:
        """Sleeps `seconds`, or until the run must stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.check_stop():
            time.sleep(min(left, STOP_CHECK_SECONDS))

    def check_stop(self) -> bool:
        """Whether the run must stop now; the tally gets the reason."""
        if reason := self.stop_reason():
            self.tally.reasons[reason] = None
            self.tally.was_cut_off = True
        return bool(reason)
