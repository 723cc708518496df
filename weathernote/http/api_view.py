"""The base of every API view: one form of answer, and one round trip to Redis for throttle and view together."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django.http import HttpRequest
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from weathernote import redis
from weathernote.http.pipelined_throttle import PipelinedThrottle
from weathernote.http.problems import Problem
from weathernote.http.read_only import options_response
from weathernote.redis import Lookup

_JSON, _NEGOTIATION = JSONRenderer(), DefaultContentNegotiation()  # made once, where DRF would for each request

T = TypeVar("T")


class ApiViewSet(ViewSet, Generic[T]):
    """Redis is asked once for what the throttles and `look_up` want to know; then DRF's own steps follow.

    What `look_up` refuses is refused after the throttle has counted the request. Nobody logs in, nothing is parsed
    and there is one form of every answer, so `Accept` never varies it: DRF's steps for these have nothing to do.
    """

    throttle_classes: Sequence[type[PipelinedThrottle]]
    #: This request's, as soon as Redis was asked.
    throttles: Sequence[PipelinedThrottle] = ()
    #: As how many requests the call counts; `look_up` may say more.
    counts_as = 1
    #: The values of the lookups that `look_up` named, in their order, for the method that answers.
    values: Sequence[T] = ()

    def look_up(self, request: Request) -> Sequence[Lookup[T]]:
        """What the view wants from Redis, of GET and HEAD; raises Problem for a request that makes no sense."""
        return []

    # ── DRF's steps, in their order ───────────────────────────────────────────────────────────────

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            # DRF hangs the view's own bound methods on it: a cycle that only the collector would end.
            for method in self.action_map:
                delattr(self, method)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        wrapped = Request(request, negotiator=_NEGOTIATION)
        wrapped.method = request.method or ""  # found at once, and not after a look elsewhere
        self.action = self.action_map.get(wrapped.method.lower())  # type: ignore[assignment] # None for a method that has none
        wrapped.parser_context.clear()  # it holds the request itself: a cycle that only the collector would end
        return wrapped

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "OPTIONS":
            super().initial(request, *args, **kwargs)
            return
        lookups, refusal = self._lookups(request)
        counts = [throttle.lookup(request, self.counts_as) for throttle in self.throttle_classes]
        counting = redis.commands_of(counts)
        replies = redis.ask(*counting, *redis.commands_of(lookups))
        self.throttles = redis.values_of(counts, replies)
        super().initial(request, *args, **kwargs)
        if refusal:
            raise refusal
        # Not before the throttles let the request pass: reading an answer may mean parsing it.
        self.values = redis.values_of(lookups, replies[len(counting) :])

    def _lookups(self, request: Request) -> tuple[Sequence[Lookup[T]], Problem | None]:
        """What the view wants to know, and why it refuses the request if it does."""
        if request.method not in ("GET", "HEAD"):
            return (), None
        try:
            return self.look_up(request), None
        except Problem as refusal:
            return (), refusal

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return _JSON, _JSON.media_type

    def perform_authentication(self, request: Request) -> None:
        pass

    def get_throttles(self) -> Any:
        return self.throttles

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return options_response()

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        finished = super().finalize_response(request, response, *args, **kwargs)
        for throttle in self.throttles:
            for name, value in throttle.headers().items():
                # An allowance that the view refused by stands beside the client's own limit.
                is_joined = finished.status_code >= 400 and name in finished.headers
                finished.headers[name] = f"{value}, {finished.headers[name]}" if is_joined else value
        return finished
