"""Who may open a stream: what is asked of a request before its connection becomes one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from weather.api.answer_cache import Cached
from weather.core.answers import Question
from weather.fetching.admission import Requester
from weather.live.answers import Answers, Counted
from weather.live.limits import Limits
from weathernote.http import cors, problems
from weathernote.http.problems import Problem
from weathernote.http.request_context import context_of
from weathernote.telemetry import metrics

#: While this process stops, another one has room.
_STOPPING = "This process is about to stop; another one has room."


class Refused(Exception):
    """A stream is not opened: for this problem, with these headers."""

    def __init__(self, problem: Problem, headers: dict[str, str]) -> None:
        super().__init__(problem.text)
        self.problem = problem
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who opens a stream, the headers of the limit, and what the cache said of the question, if there was one."""

    requester: Requester
    request_id: str
    headers: dict[str, str]
    question: Question | None
    found: Cached | None


class Gate:
    """Counts requests by the throttles of REST, and streams by the LIVE_STREAMS settings."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.limits = Limits(settings.LIVE_STREAMS_PER_CLIENT, settings.LIVE_STREAMS_PER_ADDRESS, settings.LIVE_STREAMS)
        self.is_stopping = False

    async def admit(self, request: HttpRequest, question: Question | Problem | None = None) -> Admitted:
        """Counts the request; raises Refused if its client is over a limit, or for a Problem in place of a question.

        The stream itself is counted by `counting`, which must be entered before anything is awaited.
        """
        self._require_running()
        wanted = question if isinstance(question, Question) else None
        counted = await self.answers.count(request, wanted)
        self._require_running()  # it was perhaps told to stop meanwhile, and would not close this stream
        headers = _headers_of(counted)
        context = context_of(request)
        if counted.is_refused:
            raise Refused(problems.too_many_requests(counted.wait_seconds), headers)
        if isinstance(question, Problem):
            raise Refused(question, headers)
        requester = Requester(context.client_hash, context.address_hash)
        if limit := self.limits.exceeded(*_names(requester)):
            metrics.LIVE_DROPPED.labels(limit).inc()
            raise Refused(self.limits.problem(limit), headers)
        return Admitted(requester, context.request_id, headers, wanted, counted.found)

    def _require_running(self) -> None:
        if self.is_stopping:
            raise Refused(Problem("overloaded", _STOPPING, retry_after_seconds=1), {})

    @contextmanager
    def counting(self, requester: Requester, kind: str) -> Iterator[None]:
        """Counts a stream while it is open."""
        names, gauge = _names(requester), metrics.LIVE_STREAMS.labels(kind)
        self.limits.opened(*names)
        gauge.inc()
        try:
            yield
        finally:
            self.limits.closed(*names)
            gauge.dec()


def cors_headers(request: HttpRequest) -> dict[str, str]:
    """CORS for who may read the stream: every origin by API_CORS, else the page of the instance beside this process.

    That page has the same host name and another port. Browsers know no such rule for WebSockets.
    """
    if not request.path_info.startswith(cors.API_PATHS):
        return {}
    headers = cors.HEADERS if settings.API_CORS else {}
    origin = request.META.get("HTTP_ORIGIN", "")
    if not headers and origin:
        host = request.META.get("HTTP_HOST", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if origin in (f"http://{name}:{settings.PORT}", f"https://{name}:{settings.PORT}"):
            headers = cors.HEADERS | {"Access-Control-Allow-Origin": origin}
    return headers | cors.PREFLIGHT_HEADERS if headers and request.method == "OPTIONS" else dict(headers)


def _headers_of(counted: Counted) -> dict[str, str]:
    return {name: value for throttle in counted.throttles for name, value in throttle.headers().items()}


def _names(requester: Requester) -> tuple[str, str]:
    return requester.client, requester.address
