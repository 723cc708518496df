"""`/api/v1/weather`, `/forecast`, `/air-quality`: the query in, the finished text and its HTTP caching headers out."""

import json
from collections.abc import Sequence
from itertools import chain
from time import time
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from weather.api import batch
from weather.api.answer_cache import Cached
from weather.api.answer_headers import NO_STORE, answer_headers, left_of_day
from weather.api.misses import Outcome, Served
from weather.api.openapi import schema
from weather.api.query import MOST_PLACES, is_about_several, plain_question_in, question_in, questions_in
from weather.api.service import Service, requester_of, service_of
from weather.core.answers import Question
from weather.core.datasets import AIR_QUALITY, USUAL_DAYS, WEATHER, Dataset
from weathernote import redis
from weathernote.http import problems
from weathernote.http.api_view import ApiViewSet
from weathernote.http.headers.conditional import matches, weak_etag
from weathernote.http.pipelined_throttle import PipelinedThrottle
from weathernote.http.prerendered import PrerenderedResponse
from weathernote.http.problems import Problem
from weathernote.http.request_context import context_of
from weathernote.redis import Lookup
from weathernote.telemetry import origin
from weathernote.telemetry.request_event import CellAnswer


class CellViewSet(ApiViewSet[Cached]):
    """Reads the question of a request, or the questions of a call about several places, and answers it."""

    dataset: ClassVar[Dataset]
    service: Service
    #: The days of a forecast that names none; None for /weather.
    default_days: ClassVar[int | None] = None
    #: The question about each place of a call about several, or what is wrong with it; empty for a call about one.
    asked: Sequence[Question | Problem] = ()

    @classmethod
    def answer_at_once(cls, request: HttpRequest) -> HttpResponse | None:
        """The finished answer to a plain question, if one is found and the client is within its limit.

        It is what nearly every request gets, and takes half the time without DRF's steps.
        """
        if request.method != "GET":
            return None
        question = plain_question_in(request.META.get("QUERY_STRING", ""), cls.dataset, cls.default_days)
        if question is None:
            return None
        service, context = service_of(cls.dataset), context_of(request)
        counts: list[Lookup[Any]] = [throttle.lookup(request, 1) for throttle in cls.throttle_classes]
        values = redis.fetch_lazily([*counts, service.lookup(question)])
        throttles: list[PipelinedThrottle] = [next(values) for _ in counts]
        if not all(throttle.is_allowed for throttle in throttles):
            context.fetched = chain(throttles, values)
            return None
        (found,) = values
        if found.answer is None:
            context.fetched = iter((*throttles, found))
            return None
        try:
            response = _response(request, question, service.answer(question, found, requester_of(context)))
        except Exception:  # noqa: BLE001 - DRF's steps meet it again, and tell of it
            context.fetched = iter((*throttles, found))
            return None
        for throttle in throttles:
            for name, value in throttle.headers().items():
                response.headers[name] = value
        return response

    def look_up(self, request: Request) -> list[Lookup[Cached]]:
        """The finished answers to the request's questions."""
        self.service = service_of(self.dataset)
        # DRF's request takes 0.6 µs for an attribute of the one it wraps: every hit goes by here.
        if plain := plain_question_in(request._request.META.get("QUERY_STRING", ""), self.dataset, self.default_days):
            self.question = plain
            return [self.service.lookup(plain)]
        try:
            self.question = question_in(request.query_params, self.dataset, self.default_days)
        except Problem:
            if not is_about_several(request.query_params):
                raise
            return self._look_up_several(request)
        return [self.service.lookup(self.question)]

    def _look_up_several(self, request: Request) -> list[Lookup[Cached]]:
        # A call for more places than a client has requests could never pass.
        most = min(MOST_PLACES, settings.RATE_LIMIT_REQUESTS)
        self.asked = questions_in(request.query_params, self.dataset, self.default_days, most)
        self.counts_as = len(self.asked)
        # Two places in one cell are looked up once.
        self.questions = list(dict.fromkeys(one for one in self.asked if isinstance(one, Question)))
        return [self.service.lookup(question) for question in self.questions]

    def respond(self, request: Request) -> HttpResponse:
        """200 with the answer, or 304. Raises Problem (429, 503) if not one place can be answered."""
        if self.asked:
            return self._respond_to_several(request)
        question, context = self.question, context_of(request._request)
        try:
            outcome = self.service.answer(question, self.values[0], requester_of(context))
        except Exception:
            context.answer = CellAnswer(question.cell, "none", question.dataset.name)
            raise
        return _response(request._request, question, outcome)

    def _respond_to_several(self, request: Request) -> HttpResponse:
        found = dict(zip(self.questions, self.values, strict=True))
        context = context_of(request)
        outcomes = self.service.answers(found, requester_of(context))
        now = time()
        context.batch = tuple(_recorded(question, outcome, now) for question, outcome in outcomes.items())
        worst = origin.worst([answer.origin for answer in context.batch])
        context.answer = context.batch[0]._replace(origin=worst, age_seconds=None)
        in_order: list[Outcome] = [one if isinstance(one, Problem) else outcomes[one] for one in self.asked]
        if not any(isinstance(one, Served) for one in in_order):
            raise batch.soonest(outcomes.values())
        headers = _headers_of_several(in_order, int(now))
        if headers["Cache-Control"] != NO_STORE:
            texts = [one.answer.text for one in in_order if isinstance(one, Served)]
            headers["ETag"] = weak_etag(batch.envelope(texts))
            if matches(request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
                return HttpResponseNotModified(headers=headers)
        text = batch.envelope(_text(request, one) for one in in_order)
        return PrerenderedResponse(text, headers)


def _response(request: HttpRequest, question: Question, outcome: Outcome) -> HttpResponse:
    """200 or 304 of the answer to the only question of a request; raises the Problem if there is none."""
    now = time()
    context_of(request).answer = _recorded(question, outcome, now)
    if isinstance(outcome, Problem):
        raise outcome
    answer = outcome.answer
    life_seconds = max(0, answer.expires_at - int(now))
    headers = answer_headers(
        life_seconds, left_of_day(answer.midnight, answer.expires_at), outcome.origin, is_stored=outcome.is_stored
    )
    headers["ETag"] = answer.etag
    if matches(request.META.get("HTTP_IF_NONE_MATCH"), answer.etag):
        return HttpResponseNotModified(headers=headers)
    return PrerenderedResponse(outcome.text, headers)


def _text(request: Request, outcome: Outcome) -> bytes:
    """The body that a single call about the place would get, or `{"problem": …}`."""
    if isinstance(outcome, Served):
        return outcome.text
    problem = problems.problem_details(request, outcome)
    if outcome.retry_after_seconds is not None:
        problem["retry_after_seconds"] = outcome.retry_after_seconds
    return json.dumps({"problem": problem}, ensure_ascii=False, separators=(",", ":")).encode()


def _recorded(question: Question, outcome: Outcome, now: float) -> CellAnswer:
    if isinstance(outcome, Problem):
        return CellAnswer(question.cell, "none", question.dataset.name)
    return CellAnswer(question.cell, outcome.origin, question.dataset.name, now - outcome.answer.fetched_at)


class WeatherViewSet(CellViewSet):
    """/weather: the present conditions."""

    dataset = WEATHER

    @extend_schema(operation_id="weather", summary="The weather of a cell now", **schema.WEATHER)
    def retrieve(self, request: Request) -> HttpResponse:
        """The conditions of the present minute in the 0.1° cell of a position, or of several."""
        return self.respond(request)


class ForecastViewSet(CellViewSet):
    """/forecast: days and hours, for a week if the client names no number of days."""

    dataset = WEATHER
    default_days = USUAL_DAYS

    @extend_schema(operation_id="forecast", summary="The forecast of a cell", **schema.FORECAST)
    def retrieve(self, request: Request) -> HttpResponse:
        """Up to ten days and the next 48 hours in the 0.1° cell of a position, or of several."""
        return self.respond(request)


class AirQualityViewSet(CellViewSet):
    """/air-quality: now, the coming hours and the maxima of days."""

    dataset = AIR_QUALITY

    @extend_schema(operation_id="air_quality", summary="The air quality of a cell", **schema.AIR_QUALITY)
    def retrieve(self, request: Request) -> HttpResponse:
        """Indices, pollutants and, in Europe, pollen in the 0.1° cell of a position, or of several."""
        return self.respond(request)


def _headers_of_several(outcomes: Sequence[Outcome], now: int) -> dict[str, str]:
    """The headers of the place that ends first; a body that holds a problem is not to be cached."""
    served = [one for one in outcomes if isinstance(one, Served)]
    life_seconds = max(0, min(one.answer.expires_at for one in served) - now)
    if len(served) < len(outcomes):
        return answer_headers(life_seconds, 0, "fetched", is_stored=False) | {"Cache-Control": NO_STORE}
    shown_seconds = min(left_of_day(one.answer.midnight, one.answer.expires_at) for one in served)
    worst, are_stored = origin.worst([one.origin for one in served]), all(one.is_stored for one in served)
    return answer_headers(life_seconds, shown_seconds, worst, is_stored=are_stored)
