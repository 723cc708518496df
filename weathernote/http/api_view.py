"""The base of every API view: JSON answers alone, and one round trip to Redis for throttle and view together."""

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from django.http import HttpRequest, HttpResponse
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from weathernote import redis
from weathernote.http.pipelined_throttle import PipelinedThrottle
from weathernote.http.problems import Problem
from weathernote.http.read_only import options_response
from weathernote.http.request_context import context_of
from weathernote.redis import Lookup

_JSON, _NEGOTIATION = JSONRenderer(), DefaultContentNegotiation()  # made once, where DRF would for each request

T = TypeVar("T")


class ApiViewSet(ViewSet, Generic[T]):
    """Sends the lookups of the throttles and of `look_up` to Redis in one round trip, then follows DRF's own steps.

    A Problem from `look_up` is answered after the throttle has counted the request. DRF's steps for authentication,
    parsing and content negotiation do nothing: nobody logs in, no body is read, and `Accept` never varies an answer.
    """

    throttle_classes: Sequence[type[PipelinedThrottle]]
    #: The throttles of this request, once Redis has replied.
    throttles: Sequence[PipelinedThrottle] = ()
    #: The methods that `look_up` reads a question of.
    looking_up_methods: ClassVar[frozenset[str]] = frozenset({"GET", "HEAD"})
    #: The number of requests that the call counts as; `look_up` may raise it.
    counts_as = 1
    #: The values of the lookups from `look_up`, in their order, for the view's method.
    values: Sequence[T] = ()

    @classmethod
    def answer_at_once(cls, request: HttpRequest) -> HttpResponse | None:
        """The response to a request that needs none of DRF's steps; None for one that goes through them.

        What has been fetched for such a request by then is left in `RequestContext.fetched`.
        """
        return None

    def look_up(self, request: Request) -> Sequence[Lookup[T]]:
        """The lookups that answering a request needs; raises Problem for parameters that make no sense."""
        return []

    # ── DRF's steps, in their order ───────────────────────────────────────────────────────────────

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The response, by DRF's steps; frees the view without the garbage collector."""
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            # DRF sets the view's bound methods as its attributes: a cycle that only the collector would free.
            for method in self.action_map:
                delattr(self, method)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """DRF's request, without parsers and authenticators; sets `action`."""
        wrapped = Request(request, negotiator=_NEGOTIATION)
        wrapped.method = request.method or ""  # an attribute of its own: DRF would search two objects for it
        self.action = self.action_map.get(wrapped.method.lower())  # type: ignore[assignment] # None for a method that has none
        wrapped.parser_context.clear()  # it holds the request: a cycle that only the collector would free
        return wrapped

    @property
    def default_response_headers(self) -> dict[str, str]:
        """No headers: DRF's own would add `Allow` and `Vary` to every answer."""
        return {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Fills `throttles` and `values`; raises Throttled, or the Problem of `look_up`. OPTIONS asks Redis nothing.

        Of DRF's steps only those that can refuse: all others find what every request finds, in 4 µs.
        """
        if request.method == "OPTIONS":
            super().initial(request, *args, **kwargs)
            return
        request.accepted_renderer, request.accepted_media_type = _JSON, _JSON.media_type
        lookups, refusal = self._lookups(request)
        inner = request._request  # DRF's request takes 0.6 µs for an attribute of the one it wraps
        values = context_of(inner).fetched
        if values is None:
            counts: list[Lookup[Any]] = [throttle.lookup(inner, self.counts_as) for throttle in self.throttle_classes]
            values = redis.fetch_lazily([*counts, *lookups])
        self.throttles = [next(values) for _ in self.throttle_classes]
        self.check_permissions(request)
        self.check_throttles(request)
        if refusal:
            raise refusal
        # After the throttles let the request pass, since reading an answer may mean parsing it.
        self.values = list(values)

    def _lookups(self, request: Request) -> tuple[Sequence[Lookup[T]], Problem | None]:
        """The view's lookups, or none and the Problem that it refuses the request with."""
        if request.method not in self.looking_up_methods:
            return (), None
        try:
            return self.look_up(request), None
        except Problem as refusal:
            return (), refusal

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """JSON, whatever `Accept` says."""
        return _JSON, _JSON.media_type

    def perform_authentication(self, request: Request) -> None:
        """Does nothing: the API has no users, and reading a session would need the database."""

    def get_throttles(self) -> Any:
        """The throttles that Redis has replied to; none for OPTIONS."""
        return self.throttles

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """A 204 with `Allow`."""
        return options_response(self.allowed_methods)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The response with the headers of the throttles."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        for throttle in self.throttles:
            for name, value in throttle.headers().items():
                # The allowance that a refusal of the view names is listed after the client's own limit.
                is_joined = finished.status_code >= 400 and name in finished.headers
                finished.headers[name] = f"{value}, {finished.headers[name]}" if is_joined else value
        return finished
