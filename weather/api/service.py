"""The service: answers questions from the cache, from held records, or from what is fetched."""

import threading
from collections.abc import Mapping
from typing import Literal

from weather.api.answer_cache import Cached
from weather.api.composition import Parts
from weather.api.misses import Outcome, Served
from weather.core.answers import Answer, Question
from weather.fetching.admission import Requester
from weathernote.http.problems import Problem
from weathernote.redis import Lookup


class Service(Parts):
    """Answers questions about cells. Background loops, prewarm and staff pages use its parts directly."""

    __slots__ = ()

    def lookup(self, question: Question) -> Lookup[Cached]:
        """The finished answer to a question, for `answer` and `answers`; sent together with the throttle's count."""
        return self.cache.answer(question)

    def answer(self, question: Question, found: Cached, requester: Requester) -> Served:
        """The answer to a question, given what `lookup` found. Raises Problem if there is none."""
        self.popularity.record(question.cell)
        if found.answer is not None:
            return _hit(found.answer, found)
        outcome = self.misses.outcomes({question: found}, requester)[question]
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    def answers(self, found: Mapping[Question, Cached], requester: Requester) -> dict[Question, Outcome]:
        """The outcome of each question, in order, given what `lookup` found; each must be about a different cell."""
        for question in found:
            self.popularity.record(question.cell)
        missed = {question: one for question, one in found.items() if one.answer is None}
        outcomes = self.misses.outcomes(missed, requester) if missed else {}
        hits = {question: _hit(one.answer, one) for question, one in found.items() if one.answer is not None}
        return {question: hits.get(question) or outcomes[question] for question in found}


def _hit(answer: Answer, found: Cached) -> Served:
    return Served(answer, "found" if found.is_redis_up else "memory", is_stored=True)


_service: Service | None = None
_making = threading.Lock()


def service() -> Service:
    """This process's service, made from the settings at the first call."""
    return _service or _made_once()


def forget_service() -> None:
    """For tests, which change the settings."""
    global _service
    _service = None


def _made_once() -> Service:
    global _service
    # Two threads that call `service` at the same time must not create two services.
    with _making:
        _service = _service or Service.from_settings()
        return _service


def upstream_state(*, ask_redis: bool) -> Literal["ok", "paused", "down"]:
    """Whether Open-Meteo answers the fleet, for /health: `down` after failures, `paused` while no call may be made.

    With `ask_redis=False` it is what this process last knew.
    """
    budget = service().budget
    if ask_redis:
        budget.read_pause()
    if budget.is_failing:
        return "down"
    return "paused" if budget.pause_seconds() > 0 else "ok"
