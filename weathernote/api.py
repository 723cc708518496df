"""The base of every API view: one form of answer, and one round trip to Redis for throttle and view together."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from weathernote import redis
from weathernote.problems import Problem
from weathernote.read_only import what_is_allowed
from weathernote.redis import Command
from weathernote.roundtrip import RoundTripThrottle


class JsonAlone(BaseContentNegotiation):
    """There is one form of every answer, so `Accept` is not asked and never varies it."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return None

    def select_renderer(self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None) -> Any:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class ApiViewSet(ViewSet):
    """`look_up` and the throttles name their commands, Redis is asked once, then DRF's own steps follow.

    What `look_up` refuses is refused after the throttle has counted the request.
    """

    content_negotiation_class = JsonAlone
    #: As how many requests the call counts; `look_up` may say more.
    counts_as = 1

    def look_up(self, request: Request) -> list[Command]:
        """What the view wants from Redis; it finds the replies in `self.replies`."""
        return []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.throttles: list[RoundTripThrottle] = []
        if request.method == "OPTIONS":
            return
        self.throttles = [throttle for throttle in super().get_throttles() if isinstance(throttle, RoundTripThrottle)]
        wrong: Problem | None = None
        wanted: list[Command] = []
        if request.method in ("GET", "HEAD"):
            try:
                wanted = self.look_up(request)
            except Problem as problem:
                wrong = problem
        if self.counts_as > 1:
            for throttle in self.throttles:
                throttle.counts_as = self.counts_as
        replies = redis.ask(*[throttle.command(request) for throttle in self.throttles], *wanted)
        for throttle in self.throttles:
            throttle.reply = replies.pop(0)
        self.replies = replies
        super().initial(request, *args, **kwargs)
        if wrong:
            raise wrong

    def get_throttles(self) -> Any:
        others = [throttle for throttle in super().get_throttles() if not isinstance(throttle, RoundTripThrottle)]
        return [*self.throttles, *others]

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return what_is_allowed()

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        finished = super().finalize_response(request, response, *args, **kwargs)
        for throttle in self.throttles:
            for name, value in throttle.headers().items():
                # An allowance that the view refused by stands beside the client's own limit.
                finished.headers[name] = f"{value}, {finished.headers[name]}" if name in finished.headers else value
        return finished
