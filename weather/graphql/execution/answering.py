"""Answers what a request asks: all cells together, each dataset's misses in one batch, then the text of the data."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

from django.conf import settings

from weather.api.answer_cache import Cached
from weather.api.answer_headers import left_of_day
from weather.api.misses import Outcome, Served
from weather.api.service import Requester, service_of
from weather.core.answers import Question
from weather.core.datasets import Dataset
from weather.graphql.cities import FoundCities, cities_source
from weather.graphql.errors import Refused
from weather.graphql.execution import cell_fields
from weather.graphql.execution.cell_fields import AskedCells, Failed
from weather.graphql.execution.fragments import FragmentsMemory
from weather.graphql.execution.operation import Asked, AskedField, AskedPlaces, Constant
from weather.graphql.execution.place_fields import Cities, places_text, rows_text
from weathernote.http.headers.cache_headers import STALE_IF_ERROR_SECONDS
from weathernote.http.problems import Problem

#: What depends on places or the schema alone changes with a release.
LIFE_SECONDS = 3600
#: As many as twenty cells with all their columns have, several times over.
MOST_BYTES = 1_000_000
#: After so long no further search for places is begun.
DEADLINE_SECONDS = 6.0

#: Weather is answered in the request's own thread, others beside it, so that two waits take no longer than one.
_beside = ThreadPoolExecutor(max(4, settings.THREADS // 4), "graphql")


@dataclass(slots=True)
class Answered:
    """The JSON of the data, with what failed in it, and how long it lives."""

    text: bytes
    #: The text as it will be once nothing is fetched for it, of which its entity tag is made.
    cached_text: bytes
    failed: list[Failed]
    #: How many parts there are that could fail.
    parts: int
    served: list[Served] = field(default_factory=list)
    life_seconds: int = LIFE_SECONDS
    stale_seconds: int = STALE_IF_ERROR_SECONDS


def outcomes_of(found: Mapping[Question, Cached], requester: Requester) -> dict[Question, Outcome]:
    """The outcome of each question, given what the cache had; what is missing is fetched by one call a dataset."""
    by_dataset: dict[Dataset, dict[Question, Cached]] = {}
    for question, cached in found.items():
        by_dataset.setdefault(question.dataset, {})[question] = cached
    tasks = sorted(by_dataset.items(), key=lambda task: _is_complete(task[1]))
    outcomes: dict[Question, Outcome] = {}
    # At most one of them waits here, and none that has nothing to wait for is handed to another thread.
    waiting = [
        _beside.submit(service_of(dataset).answers, asked, requester)
        for dataset, asked in tasks[1:]
        if not _is_complete(asked)
    ]
    handed = len(waiting)
    for dataset, asked in [*tasks[:1], *tasks[1 + handed :]]:
        outcomes |= service_of(dataset).answers(asked, requester)
    for one in waiting:
        outcomes |= one.result()
    return outcomes


def _is_complete(asked: Mapping[Question, Cached]) -> bool:
    return all(cached.answer is not None for cached in asked.values())


def answer(asked: Asked, outcomes: Mapping[Question, Outcome], found_cities: Any, memory: FragmentsMemory) -> Answered:
    """The data of a request, given the outcome of each question and what Redis had of the cities."""
    return _Answering(outcomes, found_cities, memory).answered(asked)


class _Answering:
    def __init__(self, outcomes: Mapping[Question, Outcome], found_cities: Any, memory: FragmentsMemory) -> None:
        self.outcomes = outcomes
        self.found_cities = found_cities
        self.memory = memory
        self.failed: list[Failed] = []
        self.parts = 0
        self.began = monotonic()
        self.cities_end: list[int] = []

    def answered(self, asked: Asked) -> Answered:
        texts = self._texts(asked)
        served = [one for one in self.outcomes.values() if isinstance(one, Served)]
        text = _object(texts)
        answered = Answered(text, text, self.failed, self.parts, served)
        if any(one.origin == "fetched" for one in served):
            answered.cached_text = _object(
                one.field.prefix + self._cells_text(one, as_cached=True) if isinstance(one, AskedCells) else text
                for one, text in zip(asked.fields, texts, strict=True)
            )
        self._set_life(answered)
        return answered

    def _texts(self, asked: Asked) -> list[bytes]:
        texts, left = [], MOST_BYTES
        for one in asked.fields:
            texts.append(self._text(one))
            left -= len(texts[-1])
            if left < 0:
                raise Refused(f"The answer would have more than {MOST_BYTES:,} bytes; ask for fewer fields or cells.")
        return texts

    def _text(self, asked: AskedField) -> bytes:
        if isinstance(asked, Constant):
            return asked.prefix + asked.text
        if isinstance(asked, AskedCells):
            self.parts += len(asked.places)
            return asked.field.prefix + cell_fields.text_of(asked, self.outcomes, self.memory, self.failed)
        self.parts += 1
        try:
            return asked.field.prefix + rows_text(asked.field, self._rows(asked))
        except Problem as problem:
            self.failed.append(Failed([asked.field.alias], problem))
            return asked.field.prefix + b"null"

    def _cells_text(self, asked: AskedCells, *, as_cached: bool) -> bytes:
        return cell_fields.text_of(asked, self.outcomes, self.memory, [], as_cached=as_cached)

    def _rows(self, asked: AskedPlaces) -> bytes:
        if isinstance(asked.asked, Problem):
            raise asked.asked
        if isinstance(asked.asked, Cities):
            found: FoundCities = cities_source().answer(self.found_cities, asked.asked.search)
            self.cities_end.append(found.expires_at)
            return found.text
        if monotonic() - self.began > DEADLINE_SECONDS:
            raise Problem("overloaded", "The places took too long; come again in 5 s.", retry_after_seconds=5)
        return places_text(asked.asked)

    def _set_life(self, answered: Answered) -> None:
        now = int(time())
        ends = [one.answer.expires_at for one in answered.served] + self.cities_end
        if ends:
            answered.life_seconds = min(LIFE_SECONDS, max(0, min(ends) - now))
        shown = [left_of_day(one.answer.midnight, one.answer.expires_at) for one in answered.served]
        answered.stale_seconds = min([*shown, STALE_IF_ERROR_SECONDS])


def _object(texts: Sequence[bytes] | Any) -> bytes:
    return b"{%s}" % b",".join(texts)
