"""Answers that are not in the cache: derived from held records, or fetched together for all places of one request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from weather.api.answer_cache import Cached
from weather.api.composition import Parts
from weather.api.not_fetched import problem_of
from weather.api.sources import DecidedCell, Source, sources_of
from weather.core.answers import Answer, Question
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


@dataclass(frozen=True, slots=True)
class Misses:
    """Answers the questions of one request, one or twenty, about one dataset, whose answers are not in the cache."""

    parts: Parts

    def outcomes(self, missed: Mapping[Question, Cached], requester: Requester | None) -> dict[Question, Outcome]:
        """The outcome for each question about a different cell, given what the cache said of it.

        Without a requester nobody waits for Open-Meteo, and a question that only a fetch could answer is left out.
        """
        parts, cells = self.parts, [question.cell for question in missed]
        states = states_of(cells, parts.store, parts.popularity, parts.queue)
        expired = {
            question: self._expired(question, found, states[question.cell]) for question, found in missed.items()
        }
        decided = [
            DecidedCell.of(
                parts,
                question.cell,
                states[question.cell],
                has_replied=found.is_redis_up,
                remembers_expired=expired[question] is not None,
            )
            for question, found in missed.items()
        ]
        sources = sources_of(parts, decided, requester)
        outcomes: dict[Question, Outcome] = {}
        derivable: dict[Question, Source] = {}
        for question in missed:
            source, old = sources[question.cell], expired[question]
            if isinstance(source, NotFetched):
                outcomes[question] = problem_of(source)
            elif source is not None:
                derivable[question] = source
            elif old is not None:
                outcomes[question] = Served(old, "stale", is_stored=False)
        return outcomes | self._derived(derivable)

    def _expired(self, question: Question, found: Cached, state: CellState) -> Answer | None:
        """The expired answer that may be shown; asked for only if it may be, since that counts a metric."""
        if state.held is not None or found.is_redis_up:
            return None
        return self.parts.cache.expired_answer(question)

    def _derived(self, sources: Mapping[Question, Source]) -> dict[Question, Outcome]:
        """Derives an answer from each question's series and stores all of them in Redis."""
        now = self.parts.now()
        derived = {
            question: self.parts.derive(question, series, now, stale=origin == "stale")
            for question, (series, origin) in sources.items()
        }
        is_stored = bool(derived) and self._is_stored(derived)
        return {question: Served(answer, sources[question][1], is_stored) for question, answer in derived.items()}

    @without_redis(instead=metrics.count_lost_write)
    def _is_stored(self, derived: Mapping[Question, Answer]) -> bool:
        return self.parts.cache.store_answers(derived) == len(derived)
