"""The two steps of a run: answers re-derived from held forecasts, and due cells fetched from Open-Meteo."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from prewarm.runs.plan import Batch, Place, Rederivation
from prewarm.runs.retry import with_retries
from prewarm.runs.survey import CELLS_AT_ONCE, chunks, questions
from weather.api.composition import FRESH_SECONDS
from weather.api.service import Service
from weather.budget.quota import Spender
from weather.core import answers
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.series import Series
from weather.fetching.payment import BudgetSpent
from weather.fetching.round_result import Outcomes, RoundResult
from weather.fetching.worker import POLL_SECONDS
from weather.upstream.errors import UpstreamError, UpstreamRefused

#: How often a resting run checks whether it is to stop.
NAP_SECONDS = 0.1
#: A pause of at most so many seconds is waited out, at most so many times in a run.
BRIEFLY_SECONDS, MOST_BRIEF_PAUSES = 5, 3
MINUTE_SECONDS = 60

Advance = Callable[[int], object]


@dataclass(slots=True)
class Tally:
    """What a run has done so far; `reasons` say why anything was left undone."""

    rederived: int = 0
    refreshed: int = 0
    #: Cities that needed no refresh.
    cities_in_order: int = 0
    skipped: int = 0
    #: Cells of cities whose refresh failed; other cells are only counted.
    failed: list[Place] = field(default_factory=list)
    others_failed: int = 0
    #: Cities of which nothing is held, and for which the hour's or the day's budget had nothing.
    unpaid_cold_cities: int = 0
    calls: int = 0
    weight: float = 0.0
    reasons: dict[str, None] = field(default_factory=dict)
    #: Whether it stopped early, by a signal or after its time; and whether Redis or its lock was lost.
    was_cut_off: bool = False
    is_broken: bool = False

    @property
    def exit_code(self) -> int:
        """0 if no city failed, 1 if some did, 2 if none is in order or the budget had nothing for cold ones."""
        if self.unpaid_cold_cities and not self.refreshed:
            return 2
        if self.failed or self.is_broken:
            return 1 if self.refreshed or self.cities_in_order else 2
        return 2 if self.was_cut_off and not (self.refreshed or self.rederived) else 0

    @property
    def message(self) -> str:
        others = [f"of the cells that are no city: {self.others_failed} failed"] if self.others_failed else []
        return "; ".join([*self.reasons, *others])

    def fail(self, place: Place) -> None:
        if place.cities:
            self.failed.append(place)
        else:
            self.others_failed += 1

    def leave_unpaid(self, places: Collection[Place], window: str) -> None:
        self.skipped += len(places)
        if places:
            self.reasons[f"budget: {window}"] = None
        self.unpaid_cold_cities += sum(place.is_cold_city for place in places)


class Work:
    """Does what is planned and keeps the tally. `ends` says why to stop, as soon as there is a reason."""

    def __init__(
        self, service: Service, *, force: bool = False, pause_seconds: float = 0.0, ends: Callable[[], str]
    ) -> None:
        self.service = service
        self.store, self.cache = service.store, service.cache
        self.queue, self.round = service.queue, service.round
        self.pause_seconds = pause_seconds
        self.ends = ends
        # A forced run fetches again what was fetched a moment ago.
        self.fresh_seconds = 0 if force else FRESH_SECONDS
        self.tally = Tally()
        self._brief_pauses = 0
        #: Spender → reason, for spenders that this run has stopped serving; empty if our own limits are the reason.
        self._over: dict[Spender, str] = {}
        #: Spender → `hour` or `day`, for those that it has stopped serving because that window is spent.
        self._spent: dict[Spender, str] = {}

    # ── re-derive ─────────────────────────────────────────────────────────────────────────────────

    def rederive(self, planned: Sequence[Rederivation], advance: Advance) -> None:
        """Derives answers from held forecasts, in parts so small that few records change meanwhile.

        Raises RedisDown without Redis.
        """
        for some in chunks(planned, CELLS_AT_ONCE):
            if self.check_stop():
                return
            held = self.store.held_of(one.cell for one in some)
            known = [(one, held[one.cell]) for one in some if one.cell in held]
            self.tally.rederived += self._finish(
                (question, series, one.stale) for one, series in known for question in one.questions
            )
            advance(len(some))

    def _finish(self, wanted: Iterable[tuple[Question, Series, bool]]) -> int:
        now, life = self.service.now(), self.service.life_seconds
        finished = {
            question: answers.derive(question, series, now, life(question), stale=stale)
            for question, series, stale in wanted
        }
        return with_retries(lambda: self.cache.store_answers(finished))

    # ── refresh ───────────────────────────────────────────────────────────────────────────────────

    def refresh(self, batches: Iterable[Batch], advance: Advance) -> None:
        """Fetches the cells of the batches, one round after another, and stores their answers.

        Raises RedisDown if the answers cannot be stored.
        """
        for batch in batches:
            waiting = {place.cell: place for place in batch.places}
            while (cells := list(waiting)) and not self.check_stop() and batch.spender not in self._over:
                if result := self._round(batch, cells):
                    self._note(result, waiting, advance)
                    self.rest(result.cells * self.pause_seconds)
                    self._heed(result.refusal_of(cells), batch.spender)
                else:
                    time.sleep(POLL_SECONDS)
            self._give_up(waiting.values(), batch.spender)

    def _round(self, batch: Batch, cells: Sequence[Cell]) -> RoundResult | None:
        """Runs a round for cells of the batch and the cold ones that requests wait for.

        None while another process has the lease, or Redis could not hold what comes.
        """
        lease = self.queue.lease(batch.slot)
        if lease is None or not lease.token:
            return None
        return self.round.run(lease.for_cells(cells, batch.spender, self.queue.batch), fresh_seconds=self.fresh_seconds)

    def _note(self, result: RoundResult, waiting: dict[Cell, Place], advance: Advance) -> None:
        """Stores the answers of what came, and takes what is settled out of `waiting`."""
        self.tally.calls += result.calls
        self.tally.weight = round(self.tally.weight + result.weight, 6)
        outcomes = {cell: result.outcomes[cell] for cell in waiting if cell in result.outcomes}
        self._store_answers(outcomes)
        for cell, outcome in outcomes.items():
            if not isinstance(outcome, BudgetSpent | UpstreamRefused):
                self._settle(waiting.pop(cell), outcome, was_called=cell in result.called)
                advance(1)

    def _store_answers(self, outcomes: Outcomes) -> None:
        series = {cell: outcome for cell, outcome in outcomes.items() if isinstance(outcome, Series)}
        for some in chunks(list(series), CELLS_AT_ONCE):
            self._finish((question, series[cell], False) for cell in some for question in questions(cell))

    def _settle(self, place: Place, outcome: Series | UpstreamError, *, was_called: bool) -> None:
        if isinstance(outcome, UpstreamError):
            self.tally.fail(place)
            self.tally.reasons[f"Open-Meteo: {outcome}"] = None
        elif was_called:
            self.tally.refreshed += 1
        else:
            # Another process had just fetched it.
            self.tally.skipped += 1
            self.tally.cities_in_order += bool(place.cities)

    def _heed(self, refusal: BudgetSpent | UpstreamRefused | None, spender: Spender) -> None:
        """Waits if the refusal is over soon; else stops serving the spender, or both if it was Open-Meteo's."""
        if refusal is None:
            return
        seconds = refusal.retry_after_seconds or 0
        ours = refusal.reason if isinstance(refusal, BudgetSpent) else "closed"
        is_ours = ours not in ("closed", "failures")
        if is_ours and spender == "cold" and seconds <= MINUTE_SECONDS:
            self.rest(seconds)
        elif not is_ours and seconds <= BRIEFLY_SECONDS and self._brief_pauses < MOST_BRIEF_PAUSES:
            self._brief_pauses += 1
            self.rest(max(1, seconds))
        elif is_ours:
            self._over[spender] = ""
            self.tally.reasons[f"budget: {ours}"] = None
            if ours in ("hour", "day"):
                self._spent[spender] = ours
        else:
            self._over = dict.fromkeys(("cold", "refresh"), f"Open-Meteo: {refusal}")

    def _give_up(self, places: Collection[Place], spender: Spender) -> None:
        """What Open-Meteo's trouble kept from being asked has failed; what our limits did waits for the next run."""
        if places and (trouble := self._over.get(spender)):
            self.tally.reasons[trouble] = None
            for place in places:
                self.tally.fail(place)
        elif spender in self._spent:
            self.tally.leave_unpaid(places, self._spent[spender])
        else:
            self.tally.skipped += len(places)

    # ── the end ───────────────────────────────────────────────────────────────────────────────────

    def rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.check_stop():
            time.sleep(min(left, NAP_SECONDS))

    def check_stop(self) -> bool:
        """Whether the run is to stop now; the reason goes into the tally."""
        if reason := self.ends():
            self.tally.reasons[reason] = None
            self.tally.was_cut_off = True
        return bool(reason)
