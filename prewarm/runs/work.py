"""The two steps of a run: answers re-derived from held forecasts, and due cells fetched from Open-Meteo."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from prewarm.runs.plan import Batch, Candidate, Rederivation
from prewarm.runs.retry import with_retries
from prewarm.runs.survey import CELLS_AT_ONCE, chunks, questions
from weather.api.answering import Service
from weather.api.service import FRESH_SECONDS
from weather.budget.quota import Spender
from weather.core import answers
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.payment import BudgetSpent
from weather.fetching.round_result import Outcomes, RoundResult
from weather.fetching.worker import POLL_SECONDS
from weather.upstream.errors import UpstreamError, UpstreamRefused

#: How often a signal is looked for while nothing is done.
STOP_CHECK_SECONDS = 0.1
#: "Too many concurrent requests" and a short pause are waited out, so often in a run.
BRIEF_SECONDS, MOST_BRIEF_PAUSES = 5, 3
MINUTE_SECONDS = 60

Advance = Callable[[int], object]


@dataclass(slots=True)
class Tally:
    """What a run has done so far; `reasons` say why something was not."""

    rederived: int = 0
    refreshed: int = 0
    #: Cities that needed no refresh.
    cities_in_order: int = 0
    skipped: int = 0
    #: Cities' cells; of the others it is enough to know how many.
    failed: list[Candidate] = field(default_factory=list)
    others_failed: int = 0
    #: Cities of which nothing is held, and for which the hour's or the day's budget had nothing.
    unpaid_cold_cities: int = 0
    calls: int = 0
    weight: float = 0.0
    reasons: dict[str, None] = field(default_factory=dict)
    #: It ended before its time: by a signal, say; or because Redis or the lock was gone.
    was_cut_off: bool = False
    is_broken: bool = False

    @property
    def exit_code(self) -> int:
        """0 where no city failed, 1 where some did, 2 where no city is in order, or nothing was done for cold ones."""
        if self.unpaid_cold_cities and not self.refreshed:
            return 2
        if self.failed or self.is_broken:
            return 1 if self.refreshed or self.cities_in_order else 2
        return 2 if self.was_cut_off and not (self.refreshed or self.rederived) else 0

    @property
    def message(self) -> str:
        others = [f"of the cells that are no city: {self.others_failed} failed"] if self.others_failed else []
        return "; ".join([*self.reasons, *others])

    def fail(self, candidate: Candidate) -> None:
        if candidate.cities:
            self.failed.append(candidate)
        else:
            self.others_failed += 1

    def leave_unpaid(self, candidates: Collection[Candidate], window: str) -> None:
        self.skipped += len(candidates)
        if candidates:
            self.reasons[f"budget: {window}"] = None
        self.unpaid_cold_cities += sum(candidate.is_cold_city for candidate in candidates)


class Work:
    """Does what is planned and keeps the tally. `ends` says why to stop, as soon as there is a reason."""

    def __init__(
        self, service: Service, *, force: bool = False, pause_seconds: float = 0.0, stop_reason: Callable[[], str]
    ) -> None:
        self.service = service
        self.pause_seconds = pause_seconds
        self.stop_reason = stop_reason
        # Who forces asks again for what was just fetched.
        self.fresh_seconds = 0 if force else FRESH_SECONDS
        self.tally = Tally()
        self._brief_pauses = 0
        #: Spender → Open-Meteo's trouble, empty for a limit of ours: spenders that this run has stopped serving.
        self._stopped: dict[Spender, str] = {}
        #: Of these, the spenders whose hour or day is spent, and which.
        self._spent: dict[Spender, str] = {}

    # ── re-derive ─────────────────────────────────────────────────────────────────────────────────

    def rederive(self, planned: Sequence[Rederivation], advance: Advance) -> None:
        """Derives answers from held forecasts, in parts so small that few records change meanwhile.

        Raises RedisDown without Redis.
        """
        for part in chunks(planned, CELLS_AT_ONCE):
            if self.check_for_stop():
                return
            held = self.service.store.held_of(one.cell for one in part)
            known = [(one, held[one.cell]) for one in part if one.cell in held]
            self.tally.rederived += self._derive_and_store(
                (question, series, one.stale) for one, series in known for question in one.questions
            )
            advance(len(part))

    def _derive_and_store(self, wanted: Iterable[tuple[Question, Series, bool]]) -> int:
        now, life = self.service.now(), self.service.life_seconds
        finished = {
            question: answers.derive(question, series, now, life(question), stale=stale)
            for question, series, stale in wanted
        }
        return with_retries(lambda: self.service.cache.store_answers(finished))

    # ── refresh ───────────────────────────────────────────────────────────────────────────────────

    def refresh(self, batches: Iterable[Batch], advance: Advance) -> None:
        """One call after the other, each when the fleet's slot is free. RedisDown without Redis."""
        for batch in batches:
            waiting = {candidate.cell: candidate for candidate in batch.candidates}
            while waiting and not self.check_for_stop() and batch.spender not in self._stopped:
                if result := self._round(batch, list(waiting)):
                    self._take_over(result, waiting, advance)
                    self.pause(result.cells * self.pause_seconds)
                    self._react_to(result.refusal, batch.spender)
                else:
                    time.sleep(POLL_SECONDS)
            self._count_unserved(waiting.values(), batch.spender)

    def _round(self, batch: Batch, cells: Sequence[Cell]) -> RoundResult | None:
        """A round about cells of the batch and the cold ones that requests wait for; None if it cannot be now.

        Another process has the lease, or Redis could not hold what comes.
        """
        queue = self.service.queue
        lease = queue.lease(batch.slot)
        if lease is None or not lease.token:
            return None
        return self.service.round.run(
            lease.for_cells(cells, batch.spender, queue.batch), fresh_seconds=self.fresh_seconds
        )

    def _take_over(self, result: RoundResult, waiting: dict[Cell, Candidate], advance: Advance) -> None:
        """Stores the answers of what came, and takes what is settled out of `waiting`."""
        self.tally.calls += result.calls
        self.tally.weight += result.weight
        outcomes = {cell: result.outcomes[cell] for cell in waiting if cell in result.outcomes}
        self._store_answers(outcomes)
        for cell, outcome in outcomes.items():
            if not isinstance(outcome, BudgetSpent | UpstreamRefused):
                self._count(waiting.pop(cell), outcome, was_called=cell in result.called)
                advance(1)

    def _store_answers(self, outcomes: Outcomes) -> None:
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
        """Where a call was refused or not paid for: waits if that is over soon, else nothing more is asked."""
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
        """What Open-Meteo's trouble kept from being asked has failed; what our limits did waits for the next run."""
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
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.check_for_stop():
            time.sleep(min(left, STOP_CHECK_SECONDS))

    def check_for_stop(self) -> bool:
        if reason := self.stop_reason():
            self.tally.reasons[reason] = None
            self.tally.was_cut_off = True
        return bool(reason)
