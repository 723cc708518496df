"""Answers that are not in the cache: derived from held records, or fetched together for all places of one request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from weather.api.answer_cache import Cached
from weather.api.composition import Parts
from weather.api.not_fetched import problem_of
from weather.budget.quota import Spender
from weather.core import answers
from weather.core.answers import Answer, Question
from weather.core.cells import Cell
from weather.core.decision import Decision, decide
from weather.core.series import Series
from weather.fetching.admission import NotFetched, Requester
from weather.fetching.cell_state import CellState, states_of
from weathernote.http.problems import Problem
from weathernote.redis import without_redis
from weathernote.telemetry import metrics
from weathernote.telemetry.origin import Origin


class Served(NamedTuple):
    """An answer, where it came from, and whether Redis keeps it now."""

    answer: Answer
    origin: Origin
    is_stored: bool

    @property
    def text(self) -> bytes:
        """The body; it says `"cached": false` if it was fetched for this request."""
        return self.answer.fetched_text if self.origin == "fetched" else self.answer.text


#: The outcome of a question: an answer, or why there is none.
Outcome = Served | Problem


@dataclass(slots=True)
class _Miss:
    """A question whose answer is not in the cache, the state of its cell, and the decision how to answer it."""

    question: Question
    cell: Cell
    is_redis_up: bool
    state: CellState
    decision: Decision
    expired: Answer | None

    @property
    def refresh_spender(self) -> Spender:
        """The spender for an awaited refresh: `cold` without Redis, as there is no queue for refreshes then."""
        return "refresh" if self.is_redis_up else "cold"


@dataclass(frozen=True, slots=True)
class Misses:
    """Answers the questions of one request, one or twenty, about one dataset, whose answers are not in the cache."""

    parts: Parts

    def outcomes(self, missed: Mapping[Question, Cached], requester: Requester) -> dict[Question, Outcome]:
        """The outcome for each question about a different cell, given what the cache said of it."""
        parts, cells = self.parts, [question.cell for question in missed]
        states = states_of(cells, parts.store, parts.popularity, parts.queue)
        misses = [self._decided(question, found, states[question.cell]) for question, found in missed.items()]
        fetched = self._fetched(misses, requester)
        outcomes: dict[Question, Outcome] = {}
        sources: dict[Question, tuple[Series, Origin]] = {}
        for miss in misses:
            got = fetched.get(miss.cell)
            if isinstance(got, NotFetched):
                outcomes[miss.question] = problem_of(got)
            elif got is not None:
                sources[miss.question] = got, "fetched"
            elif miss.state.held is not None:
                sources[miss.question] = miss.state.held, "derived" if miss.decision is Decision.DERIVE else "stale"
            elif miss.expired is not None:
                outcomes[miss.question] = Served(miss.expired, "stale", is_stored=False)
        return outcomes | self._derived(sources)

    def _decided(self, question: Question, found: Cached, state: CellState) -> _Miss:
        age = None if state.held is None else self.parts.now() - state.held.fetched_at
        # `expired_answer` counts a metric, so it is called only if the answer may be shown.
        expired = self.parts.cache.expired_answer(question) if age is None and not found.is_redis_up else None
        decision = decide(
            age,
            self.parts.price.interval_seconds(state.rate, self.parts.dataset.aging),
            is_redis_up=found.is_redis_up,
            remembers_expired=expired is not None,
            refreshes_late=self.parts.dataset.refreshes_late,
        )
        return _Miss(question, question.cell, found.is_redis_up, state, decision, expired)

    def _fetched(self, misses: list[_Miss], requester: Requester) -> dict[Cell, Series | NotFetched]:
        """The outcome of each cell that a request waits for; queues the refreshes that no request waits for."""
        cold = {miss.cell: miss.state for miss in misses if miss.decision is Decision.WAIT}
        awaited = {miss.cell: miss.refresh_spender for miss in misses if miss.decision is Decision.WAIT_THEN_STALE}
        fetched = self.parts.admission.fetch(cold, awaited, requester) if cold or awaited else {}
        behind = [miss.cell for miss in misses if miss.decision is Decision.SERVE_STALE_AND_REFRESH]
        # A refresh that did not come in time continues in the background.
        behind += [cell for cell, spender in awaited.items() if spender == "refresh" and cell not in fetched]
        if behind:
            self.parts.workers.submit(dict.fromkeys(behind, "refresh"), has_waiters=False)
        return fetched

    def _derived(self, sources: Mapping[Question, tuple[Series, Origin]]) -> dict[Question, Outcome]:
        """Derives an answer from each question's series and stores all of them in Redis."""
        now = self.parts.now()
        derived = {
            question: answers.derive(question, series, now, self.parts.life_seconds(question), stale=origin == "stale")
            for question, (series, origin) in sources.items()
        }
        is_stored = bool(derived) and self._is_stored(derived)
        return {question: Served(answer, sources[question][1], is_stored) for question, answer in derived.items()}

    @without_redis(instead=metrics.count_lost_write)
    def _is_stored(self, derived: Mapping[Question, Answer]) -> bool:
        return self.parts.cache.store_answers(derived) == len(derived)
