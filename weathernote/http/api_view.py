"""The base of every API view: one form of answer, and one round trip to Redis for throttle and view together."""

from typing import Any

from django.http import HttpRequest
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from weathernote import redis
from weathernote.http.pipelined_throttle import RoundTripThrottle
from weathernote.http.problems import Problem
from weathernote.http.read_only import options_response
from weathernote.redis import Command

_JSON, _NEGOTIATION = JSONRenderer(), DefaultContentNegotiation()  # made once, where DRF would for each request


class ApiViewSet(ViewSet):
    """`look_up` and the throttles name their commands, Redis is asked once, then DRF's own steps follow.

    What `look_up` refuses is refused after the throttle has counted the request. Nobody logs in, nothing is parsed
    and there is one form of every answer, so `Accept` never varies it: DRF's steps for these have nothing to do.
    """

    #: As how many requests the call counts; `look_up` may say more.
    counts_as = 1

    def look_up(self, request: Request) -> list[Command]:
        """What the view wants from Redis; it finds the replies in `self.replies`."""
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
        self.throttles: list[Any] = []
        if request.method == "OPTIONS":
            return
        self.throttles = super().get_throttles()
        wrong = self._ask_redis(request)
        super().initial(request, *args, **kwargs)
        if wrong:
            raise wrong

    def _ask_redis(self, request: Request) -> Problem | None:
        """The one round trip; what `look_up` refused."""
        wrong: Problem | None = None
        wanted: list[Command] = []
        if request.method in ("GET", "HEAD"):
            try:
                wanted = self.look_up(request)
            except Problem as problem:
                wrong = problem
        counting = self._counting()
        if self.counts_as > 1:
            for throttle in counting:
                throttle.counts_as = self.counts_as
        replies = redis.ask(*[throttle.command(request) for throttle in counting], *wanted)
        for throttle in counting:
            throttle.reply = replies.pop(0)
        self.replies = replies
        return wrong

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
        for throttle in self._counting():
            for name, value in throttle.headers().items():
                # An allowance that the view refused by stands beside the client's own limit.
                is_joined = finished.status_code >= 400 and name in finished.headers
                finished.headers[name] = f"{value}, {finished.headers[name]}" if is_joined else value
        return finished

    def _counting(self) -> list[RoundTripThrottle]:
        return [throttle for throttle in self.throttles if isinstance(throttle, RoundTripThrottle)]
