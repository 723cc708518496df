"""Answers questions: from the cache, from held records, or from what is fetched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time

from weather.api.answer_cache import AnswerCache, Cached
from weather.api.misses import Misses, Outcome, Served
from weather.budget.budget import Budget
from weather.budget.popularity import Popularity
from weather.budget.price import Price
from weather.core.answers import Answer, Question
from weather.fetching.admission import ColdAdmission, Requester
from weather.fetching.fetch_queue import FetchQueue
from weather.fetching.round import Round
from weather.fetching.store import Store
from weather.fetching.worker import Workers
from weathernote.http.problems import Problem
from weathernote.redis import Lookup


@dataclass(slots=True)
class Service:
    """All that a process answers with."""

    cache: AnswerCache
    misses: Misses
    store: Store
    budget: Budget
    popularity: Popularity
    price: Price
    queue: FetchQueue
    round: Round
    workers: Workers
    admission: ColdAdmission
    #: How long the finished answer to a question lives.
    life_seconds: Callable[[Question], int]
    now: Callable[[], float] = time

    def lookup(self, question: Question) -> Lookup[Cached]:
        """What `answer` and `answers` want to know of a question, for whoever shares a round trip with it."""
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
        """What becomes of each question about a cell of its own, in their order, given what `lookup` found of them."""
        for question in found:
            self.popularity.record(question.cell)
        missed = {question: one for question, one in found.items() if one.answer is None}
        outcomes = self.misses.outcomes(missed, requester) if missed else {}
        hits = {question: _hit(one.answer, one) for question, one in found.items() if one.answer is not None}
        return {question: hits.get(question) or outcomes[question] for question in found}


def _hit(answer: Answer, found: Cached) -> Served:
    return Served(answer, "found" if found.is_redis_up else "memory", is_stored=True)
