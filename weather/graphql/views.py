"""`/api/v1/graphql`: a query in, the JSON of what it names out, by the rules of the other ways in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from time import time
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from weather.api import batch
from weather.api.answer_headers import NO_STORE, answer_headers
from weather.api.misses import Outcome, Served
from weather.api.query import MOST_PLACES
from weather.api.service import requester_of, service_of
from weather.core.answers import Question
from weather.graphql import errors
from weather.graphql.cities import cities_source
from weather.graphql.errors import PersistedQueryNotFound, Refused
from weather.graphql.request import GraphQLRequest, request_in
from weathernote import redis
from weathernote.http.api_view import ApiViewSet
from weathernote.http.bodies.request_bodies import body_of
from weathernote.http.headers.conditional import matches, weak_etag
from weathernote.http.prerendered import PrerenderedResponse
from weathernote.http.problems import Problem
from weathernote.http.request_context import context_of
from weathernote.redis import Lookup
from weathernote.telemetry import metrics, origin
from weathernote.telemetry.origin import Origin
from weathernote.telemetry.request_event import CellAnswer

if TYPE_CHECKING:
    from graphql import GraphQLError

    from weather.graphql.engine import Engine
    from weather.graphql.execution.answering import Answered
    from weather.graphql.execution.operation import Asked, Operation

#: Positions of a request, each as often as a field names it.
MOST_POSITIONS = 100
#: Answers that a request may take: of 20 cells, two of weather and two of days, in other units again.
MOST_QUESTIONS = 100
#: Errors of parts that are told one by one.
MOST_ERRORS = 20


@cache
def engine() -> "Engine":
    """The documents and answers that this process remembers.

    strawberry is imported at the first query: it would add a tenth to the time that an instance takes to start.
    """
    from weather.graphql.engine import Engine

    return Engine()


class GraphQLViewSet(ApiViewSet[Any]):
    """Reads the document and its variables, looks all cells up in one round trip, and answers them together."""

    looking_up_methods: ClassVar[frozenset[str]] = frozenset({"GET", "HEAD", "POST"})
    #: The label of the metrics; what cannot be read is of no kind.
    kind = "unread"
    asked: "Asked"
    questions: Sequence[Question] = ()
    #: A request whose document is to be read once the throttle has let it pass.
    unread: GraphQLRequest | None = None

    def look_up(self, request: Request) -> list[Lookup[Any]]:
        """The finished answers to all questions about cells, the cities where they are asked for, and a note of use.

        None for a document that takes long to read, which waits until the throttle has let the request pass.
        """
        with self._counting_refusals():
            given = request_in(request._request, body_of(request._request))
            if not engine().is_at_hand(given, is_kept=request.method == "POST"):
                self.unread = given
                return []
            return self._lookups_in(given, request.method or "")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As every API view's; then reads a document that takes long, and counts its further cells."""
        super().initial(request, *args, **kwargs)
        if self.unread is None:
            return
        with self._counting_refusals():
            lookups = self._lookups_in(self.unread, request.method or "")
        further, client = self.counts_as - 1, context_of(request._request).client_hash
        counts = [one.lookup_again(client, further) for one in self.throttle_classes] if further else []
        values = redis.fetch_lazily([*counts, *lookups])
        self.throttles = [next(values) for _ in counts] or self.throttles
        self.check_throttles(request)
        self.values = list(values)

    def check_throttles(self, request: Request) -> None:
        """As DRF's; a refusal is counted."""
        try:
            super().check_throttles(request)
        except Throttled:
            self._count("limited")
            raise

    @contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        try:
            yield
        except Problem as refused:
            is_overload = refused.status_code >= 500
            not_found = isinstance(refused, PersistedQueryNotFound)
            self._count("failed" if is_overload else "not_found" if not_found else "refused")
            raise

    def _lookups_in(self, given: GraphQLRequest, method: str) -> list[Lookup[Any]]:
        operation = self._operation(given, method)
        self.kind = "introspection" if operation.is_introspection else self.kind
        asked = operation.asked(given.variables)
        if isinstance(asked, list):
            raise _refused(asked)
        return [*self._lookups_of(asked), *engine().use_of(given)]

    def _operation(self, given: GraphQLRequest, method: str) -> "Operation":
        self.kind = "persisted" if given.is_persisted else "query"
        document = engine().document(given, is_kept=method == "POST")
        if isinstance(document, list):
            raise _refused(document)
        operation = document.operation(given.operation_name)
        if operation is None:
            raise Refused("operationName must name one of the document's queries.")
        return operation

    def _lookups_of(self, asked: "Asked") -> list[Lookup[Any]]:
        self.asked, self.questions = asked, asked.questions()
        cells, searches = len({question.cell for question in self.questions}), len(asked.searches())
        # More than a client has requests could never pass.
        most = min(MOST_PLACES, settings.RATE_LIMIT_REQUESTS)
        counted = ((cells, "cells", most), (searches, "searches for places", most))
        bounded = ((asked.positions(), "positions", MOST_POSITIONS), (len(self.questions), "answers", MOST_QUESTIONS))
        for number, what, most in (*counted, *bounded):
            if number > most:
                raise Refused(f"The query is about {number} {what}; {most} are the most.")
        self.counts_as = max(1, cells, searches)
        lookups: list[Lookup[Any]] = [service_of(one.dataset).lookup(one) for one in self.questions]
        return [*lookups, cities_source().lookup()] if asked.asks_cities() else lookups

    def get_exception_handler(self) -> Any:
        """Errors in GraphQL's shape."""
        return errors.from_exception

    @extend_schema(exclude=True)
    def answer(self, request: Request) -> HttpResponse:
        """200 with the data, or 304. Where all of it failed for now, the status of the problem that ends first."""
        context = context_of(request._request)
        found = dict(zip(self.questions, self.values, strict=False))
        outcomes: Mapping[Question, Outcome] = {}
        try:
            outcomes = engine().outcomes(found, requester_of(context))
        finally:
            now = time()
            events = tuple(_event(question, outcomes.get(question), now) for question in self.questions)
            if events:
                worst = origin.worst([one.origin for one in events])
                context.answer = events[0] if len(events) == 1 else events[0]._replace(origin=worst, age_seconds=None)
                context.batch = events if len(events) > 1 else ()
        cities = self.values[len(self.questions)] if self.asked.asks_cities() else None
        answered = engine().answered(self.asked, outcomes, cities)
        if answered.failed:
            response = self._respond_in_part(request, answered)
        else:
            self._count("ok")
            response = self._respond(request._request, answered)
        if "HTTP_X_COUNTED_BY" in request.META:
            # An edge that keeps the answer counts whom it gives it to.
            response["X-Counted-As"] = str(self.counts_as)
        return response

    def _respond(self, request: HttpRequest, answered: "Answered") -> HttpResponse:
        text = b'{"data":%s}' % answered.text
        worst: Origin = origin.worst([one.origin for one in answered.served] or ["found"])
        are_stored = all(one.is_stored for one in answered.served)
        headers = answer_headers(answered.life_seconds, answered.stale_seconds, worst, is_stored=are_stored)
        if request.method == "POST":
            headers["Cache-Control"] = NO_STORE
            return PrerenderedResponse(text, headers)
        headers["ETag"] = weak_etag(answered.cached_text)
        if matches(request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
            return HttpResponseNotModified(headers=headers)
        return PrerenderedResponse(text, headers)

    def _respond_in_part(self, request: Request, answered: "Answered") -> HttpResponse:
        """What was answered, with the errors of the rest; nothing of it is kept by a cache."""
        problems = [failed.problem for failed in answered.failed]
        told = [errors.of_problem(request, failed.problem, failed.path) for failed in answered.failed[:MOST_ERRORS]]
        if len(problems) > MOST_ERRORS:
            told.append({"message": f"{len(problems) - MOST_ERRORS} more parts failed."})
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        is_failure = sum(failed.is_whole_part for failed in answered.failed) == answered.parts
        self._count("failed" if is_failure else "partial")
        response = HttpResponse(b'{"data":%s,"errors":%s}' % (answered.text, text), content_type=errors.CONTENT_TYPE)
        response["Cache-Control"] = NO_STORE
        if is_failure and all(problem.retry_after_seconds is not None for problem in problems):
            soonest = batch.soonest(problems)
            response.status_code = soonest.status_code
            response._has_been_logged = True  # type: ignore[attr-defined] # as for every problem
            if soonest.retry_after_seconds is not None:
                response["Retry-After"] = str(soonest.retry_after_seconds)
            if soonest.policy is not None:
                response["RateLimit-Policy"] = soonest.policy
        return response

    def _count(self, outcome: str) -> None:
        metrics.GRAPHQL_OPERATIONS.labels(self.kind, outcome).inc()


def _refused(wrong: Sequence["GraphQLError"]) -> Refused:
    return Refused("; ".join(error.message for error in wrong), [dict(error.formatted) for error in wrong])


def _event(question: Question, outcome: Outcome | None, now: float) -> CellAnswer:
    if isinstance(outcome, Served):
        return CellAnswer(question.cell, outcome.origin, question.dataset.name, now - outcome.answer.fetched_at)
    return CellAnswer(question.cell, "none", question.dataset.name)
