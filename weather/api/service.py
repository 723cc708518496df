"""The service: answers questions from the cache, from held records, or from what is fetched."""

import threading
from collections.abc import Iterable, Mapping
from typing import Literal

from django.conf import settings

from weather.api.answer_cache import Cached
from weather.api.composition import Parts, Shared
from weather.api.misses import Misses, Outcome, Served
from weather.api.records import Record, RecordLookup, sources
from weather.api.sources import Source
from weather.core.answers import Answer, Question
from weather.core.cells import Cell
from weather.core.datasets import DATASETS, WEATHER, Dataset
from weather.fetching.admission import UNIDENTIFIED
from weather.fetching.admission import Requester as Requester  # for the ways in, which stand on this module alone
from weathernote import redis
from weathernote.http.problems import Problem
from weathernote.http.request_context import RequestContext
from weathernote.redis import Lookup


class Service(Parts):
    """Answers questions about one dataset. Background loops, prewarm and staff pages use its parts directly."""

    __slots__ = ()

    def lookup(self, question: Question) -> Lookup[Cached]:
        """The finished answer to a question, for `answer` and `answers`; sent together with the throttle's count."""
        return self.cache.answer(question)

    def answer(self, question: Question, found: Cached, requester: Requester) -> Outcome:
        """The outcome of a question, given what `lookup` found."""
        if found.answer is None:
            return self.answers({question: found}, requester)[question]
        self.popularity.record(question.cell)
        return _hit(found.answer, found)

    def answers(self, found: Mapping[Question, Cached], requester: Requester) -> dict[Question, Outcome]:
        """The outcome of each question, in order, given what `lookup` found; several may be about one cell."""
        for cell in dict.fromkeys(question.cell for question in found):
            self.popularity.record(cell)
        missed = {question: one for question, one in found.items() if one.answer is None}
        outcomes = Misses(self).outcomes(missed, requester) if missed else {}
        hits = {question: _hit(one.answer, one) for question, one in found.items() if one.answer is not None}
        return {question: hits.get(question) or outcomes[question] for question in found}

    def present(self, shown: Mapping[Question, int]) -> dict[Question, Outcome]:
        """The answer to each question now, for somebody who was shown one before: it counts no request.

        Each question must be about a different cell, and comes with the time (unix seconds) after which the forecast
        behind the answer must have been fetched: a finished answer with an older one is not taken, but one is derived
        from what is held. Refreshes are queued and not waited for. A question about a cell without a record is
        left out.
        """
        questions = list(shown)
        found = dict(zip(questions, redis.fetch_all(map(self.lookup, questions)), strict=True))
        outcomes: dict[Question, Outcome] = {
            question: _hit(one.answer, one)
            for question, one in found.items()
            if one.answer is not None and one.answer.fetched_at > shown[question]
        }
        missed = {
            question: Cached(None, one.is_redis_up) for question, one in found.items() if question not in outcomes
        }
        if missed:
            outcomes |= Misses(self).outcomes(missed, None)
        return outcomes

    def fetched_at_of(self, cells: Iterable[Cell]) -> dict[Cell, int]:
        """Cell → when its held record was fetched, in unix seconds, for those that have one. Raises RedisDown."""
        return self.store.fetched_at_of(cells)

    def record(self, cell: Cell) -> Lookup[Record]:
        """What is held of a cell, for `sources`; sent together with the throttle's count."""
        return RecordLookup(self, cell)

    def count(self, cells: Iterable[Cell], times: int = 1) -> None:
        """Counts requests for each cell in its popularity; `answer` and `answers` do that by themselves."""
        for cell in cells:
            self.popularity.record(cell, times)

    def sources(self, found: Mapping[Cell, Record], requester: Requester) -> dict[Cell, Source | Problem]:
        """What to derive the answer about each cell from, given what `record` found, or why there is none.

        Decided, refreshed, fetched and charged for as `answers` does.
        """
        return sources(self, found, requester)


def requester_of(context: RequestContext) -> Requester:
    """Who is charged for new places that a request asks about."""
    return Requester(context.client_hash, context.address_hash) if context.client_hash else UNIDENTIFIED


def _hit(answer: Answer, found: Cached) -> Served:
    return Served(answer, "found" if found.is_redis_up else "memory", is_stored=True)


_services: dict[Dataset, Service] = {}
_making = threading.Lock()


def service_of(dataset: Dataset) -> Service:
    """This process's service for one of DATASETS; those of all are made from the settings at the first call."""
    return (_services or _made_once())[dataset]


def service() -> Service:
    """The service for weather, which prewarm and staff's pages are about; its budget and price are those of all."""
    return service_of(WEATHER)


def services() -> list[Service]:
    """The services for all datasets, weather's first."""
    return [service_of(dataset) for dataset in DATASETS]


def forget_service() -> None:
    """For tests, which change the settings."""
    global _services
    _services = {}


def _made_once() -> dict[Dataset, Service]:
    global _services
    # Two threads that call `service_of` at the same time must not make two services for a dataset.
    with _making:
        if not _services:
            extended = {dataset: dataset.with_extras(settings.EXTRA_VARIABLES) for dataset in DATASETS}
            shared = Shared.from_settings(list(extended.values()))
            _services = {dataset: Service.of(one, shared) for dataset, one in extended.items()}
        return _services


def upstream_state(*, ask_redis: bool) -> Literal["ok", "paused", "down"]:
    """Whether Open-Meteo answers the fleet, for /health: `down` after failures, `paused` while no call may be made.

    It is about weather alone; what fails of other datasets is in the metrics. With `ask_redis=False` it is what this
    process last knew.
    """
    budget = service().budget
    if ask_redis:
        budget.read_pause()
    if budget.is_failing():
        return "down"
    return "paused" if budget.pause_seconds() > 0 else "ok"
