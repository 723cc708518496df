"""`/api/v1/weather` and `/api/v1/forecast`: from the query to finished bytes and honest headers."""

import json
from collections.abc import Sequence
from functools import lru_cache
from time import time
from typing import ClassVar

from django.conf import settings
from django.http import HttpResponse, HttpResponseNotModified
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from weather.api import batch, schema
from weather.api.batch import Outcome
from weather.api.query import MOST_PLACES, is_about_several, plain_question_in, question_in, questions_in
from weather.api.service import NOBODY, Origin, Served, service
from weather.core.answers import Answer, Question
from weather.fetching.admission import Asker
from weathernote.http import problems
from weathernote.http.api_view import ApiViewSet
from weathernote.http.conditional import matches, weak_etag
from weathernote.http.prerendered import PrerenderedResponse
from weathernote.http.problems import Problem
from weathernote.http.request_context import context_of
from weathernote.redis import Command, Reply
from weathernote.telemetry.request_event import CellAnswer

_CACHE_STATUS: dict[Origin, str] = {
    "found": "weathernote; hit; ttl={ttl}",
    "derived": "weathernote; hit; ttl={ttl}",
    "fetched": "weathernote; fwd=miss{stored}",
    "stale": "weathernote; fwd=stale{stored}",
}
_WORST_FIRST = ("none", "fetched", "stale", "derived", "memory", "found")
NO_STORE = "no-store"
_JSON = "application/json"


class CellViewSet(ApiViewSet):
    """What /weather and /forecast share: the question, and its answer with honest headers."""

    default_days: ClassVar[int | None] = None
    #: Of a call about several places, each or what is wrong with it.
    asked: Sequence[Question | Problem] = ()

    def look_up(self, request: Request) -> list[Command]:
        if plain := plain_question_in(request._request.META.get("QUERY_STRING", ""), self.default_days):
            self.question = plain
            return [service().finding(plain)]
        try:
            self.question = question_in(request.query_params, self.default_days)
        except Problem:
            if not is_about_several(request.query_params):
                raise
            return self._look_up_several(request)
        return [service().finding(self.question)]

    def _look_up_several(self, request: Request) -> list[Command]:
        # More than a client's whole limit would never pass.
        most = min(MOST_PLACES, settings.RATE_LIMIT_REQUESTS)
        self.asked = questions_in(request.query_params, self.default_days, most)
        self.counts_as = len(self.asked)
        # Two places in one cell are asked for once.
        self.questions = list(dict.fromkeys(one for one in self.asked if isinstance(one, Question)))
        return [service().finding(question) for question in self.questions]

    def respond(self, request: Request) -> HttpResponse:
        if self.asked:
            return self._respond_to_several(request)
        cell, reply = self.question.cell, self.replies[0]
        context = context_of(request._request)
        context.answer = CellAnswer(cell, "none")  # if nothing better comes of it
        served = service().answer(self.question, reply, _asker(request))
        now = time()
        origin = "memory" if served.origin == "found" and isinstance(reply, Exception) else served.origin
        context.answer = CellAnswer(cell, origin, now - served.answer.fetched_at)
        headers = _headers(served, int(now))
        if matches(request._request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
            return HttpResponseNotModified(headers=headers)
        text = served.answer.fetched_text if served.origin == "fetched" else served.answer.text
        return PrerenderedResponse(text, headers)

    def _respond_to_several(self, request: Request) -> HttpResponse:
        outcomes = batch.answers_to(service(), self.questions, self.replies, _asker(request))
        now = time()
        context = context_of(request._request)
        context.answer, context.batch = _recorded(outcomes, self.replies, now)
        in_order: list[Outcome] = [one if isinstance(one, Problem) else outcomes[one] for one in self.asked]
        if not any(isinstance(one, Served) for one in in_order):
            raise batch.soonest(outcomes.values())
        headers = _headers_of_several(in_order, int(now))
        if headers["Cache-Control"] != NO_STORE:
            texts = [one.answer.text for one in in_order if isinstance(one, Served)]
            headers["ETag"] = weak_etag(batch.envelope(texts))
            if matches(request._request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
                return HttpResponseNotModified(headers=headers)
        text = batch.envelope(_text(request, one) for one in in_order)
        return PrerenderedResponse(text, headers)


def _text(request: Request, outcome: Outcome) -> bytes:
    """A place's answer as its own call would get it, or what stands in its stead."""
    if isinstance(outcome, Served):
        return outcome.answer.fetched_text if outcome.origin == "fetched" else outcome.answer.text
    problem = problems.problem_details(request._request, outcome)
    if outcome.retry_after_seconds is not None:
        problem["retry_after_seconds"] = outcome.retry_after_seconds
    return json.dumps({"problem": problem}, ensure_ascii=False, separators=(",", ":")).encode()


def _recorded(
    outcomes: dict[Question, Outcome], replies: Sequence[Reply], now: float
) -> tuple[CellAnswer, tuple[CellAnswer, ...]]:
    """Of a call about several cells: the first one with the worst origin of all, and each cell's answer."""
    answers: list[CellAnswer] = []
    for (question, outcome), reply in zip(outcomes.items(), replies, strict=True):
        if isinstance(outcome, Problem):
            answers.append(CellAnswer(question.cell, "none"))
            continue
        origin = "memory" if outcome.origin == "found" and isinstance(reply, Exception) else outcome.origin
        answers.append(CellAnswer(question.cell, origin, now - outcome.answer.fetched_at))
    worst = min((answer.origin for answer in answers), key=_WORST_FIRST.index)
    return CellAnswer(answers[0].cell, worst), tuple(answers)


def _asker(request: Request) -> Asker:
    context = context_of(request._request)
    return Asker(context.client_hash, context.address_hash) if context.client_hash else NOBODY


class WeatherViewSet(CellViewSet):
    @extend_schema(operation_id="weather", summary="The weather of a cell now", **schema.WEATHER)
    def retrieve(self, request: Request) -> HttpResponse:
        """The conditions of the present minute in the 0.1° cell of a position, or of several."""
        return self.respond(request)


class ForecastViewSet(CellViewSet):
    default_days = 7

    @extend_schema(operation_id="forecast", summary="The forecast of a cell", **schema.FORECAST)
    def retrieve(self, request: Request) -> HttpResponse:
        """Up to ten days and the next 48 hours in the 0.1° cell of a position, or of several."""
        return self.respond(request)


def _headers(served: Served, now: int) -> dict[str, str]:
    answer = served.answer
    life_seconds = max(0, answer.expires_at - now)
    return {
        "Content-Type": _JSON,
        "Cache-Control": _cache_control(life_seconds, _left_of_day(answer)),
        "ETag": answer.etag,
        "Cache-Status": _cache_status(served.origin, life_seconds, served.kept),
    }


def _headers_of_several(outcomes: Sequence[Outcome], now: int) -> dict[str, str]:
    """Those of the place that has to be asked for soonest; what holds a problem is kept by nobody."""
    served = [one for one in outcomes if isinstance(one, Served)]
    life_seconds = max(0, min(one.answer.expires_at for one in served) - now)
    is_whole = len(served) == len(outcomes)
    origin = min((one.origin for one in served), key=_WORST_FIRST.index) if is_whole else "fetched"
    kept = is_whole and all(one.kept for one in served)
    return {
        "Content-Type": _JSON,
        "Cache-Control": _cache_control(life_seconds, min(_left_of_day(one.answer) for one in served))
        if is_whole
        else NO_STORE,
        "Cache-Status": _cache_status(origin, life_seconds, kept),
    }


def _left_of_day(answer: Answer) -> int:
    # Nobody is shown yesterday as today: what may be kept past its end ends with the cell's day.
    return 3600 if answer.midnight is None else min(3600, max(0, answer.midnight - answer.expires_at))


@lru_cache(maxsize=4096)
def _cache_control(life_seconds: int, left_of_day: int) -> str:
    return (
        f"public, max-age={life_seconds}, stale-while-revalidate={min(60, left_of_day)}, stale-if-error={left_of_day}"
    )


@lru_cache(maxsize=4096)
def _cache_status(origin: Origin, life_seconds: int, is_kept: bool) -> str:
    return _CACHE_STATUS[origin].format(ttl=life_seconds, stored="; stored" if is_kept else "")
