"""Asks the service, which is synchronous, in threads: the event loop of all streams never waits for it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, ParamSpec, TypeVar

from django.http import HttpRequest
from rest_framework.request import Request

from weather.api.answer_cache import Cached
from weather.api.misses import Outcome
from weather.api.service import service_of
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.fetching.admission import Requester
from weathernote import redis
from weathernote.http.api_view import ApiViewSet
from weathernote.http.pipelined_throttle import PipelinedThrottle
from weathernote.http.problems import Problem
from weathernote.redis import Lookup

#: For what Redis answers: at most so many threads ask it at once.
QUICK_THREADS = 8
#: For places that have to be fetched first, which takes seconds; beyond MOST_WAITING phones are told to come again.
SLOW_THREADS, MOST_WAITING = 32, 256
#: Cells whose records are looked at in one round trip.
CELLS_AT_ONCE = 100

P = ParamSpec("P")
T = TypeVar("T")
Throttles = Sequence[PipelinedThrottle]


class Counted(NamedTuple):
    """The throttles that have counted a request, and what the cache said of its question, None where it has none."""

    throttles: Throttles
    found: Cached | None

    @property
    def is_refused(self) -> bool:
        """Whether the client is over its limit; counts that in the metrics, so ask once."""
        # The throttles of the project decide when they are made; DRF's arguments are for others.
        decided = [throttle.allow_request(None, None) for throttle in self.throttles]  # type: ignore[arg-type]
        return not all(decided)

    @property
    def wait_seconds(self) -> float:
        """When the client may come again."""
        return max((throttle.wait() or 0 for throttle in self.throttles), default=0)


class Answers:
    """The service for weather, asked in two pools of threads: one for what is quick, one for what may wait."""

    def __init__(self, throttles: Sequence[type[PipelinedThrottle]] | None = None) -> None:
        self.throttles = ApiViewSet.throttle_classes if throttles is None else throttles
        self._quick = ThreadPoolExecutor(QUICK_THREADS, "live")
        self._slow = ThreadPoolExecutor(SLOW_THREADS, "live-waiting")
        self._waiting = 0

    async def count(self, request: HttpRequest, question: Question | None = None) -> Counted:
        """Identifies the client, counts a request of it, and looks the question up, in one round trip to Redis."""
        wrapped = Request(request)
        wrapped.parser_context.clear()  # it holds the request: a cycle that only the garbage collector would free
        counts = [throttle.lookup(wrapped, 1) for throttle in self.throttles]
        return await self._in(self._quick, _ask, counts, question)

    async def count_again(self, client: str, question: Question | None = None) -> Counted:
        """The same for a client that was identified before, by its hash."""
        counts = [throttle.lookup_again(client, 1) for throttle in self.throttles]
        return await self._in(self._quick, _ask, counts, question)

    async def answer(self, question: Question, found: Cached, requester: Requester) -> Outcome:
        """The outcome of a question, given what the cache said; may wait for Open-Meteo for some seconds."""
        service = service_of(WEATHER)
        if found.answer is not None:
            return service.answer(question, found, requester)  # at once: it asks nobody
        if self._waiting >= MOST_WAITING:
            return Problem("overloaded", "Too many streams wait for new places.", retry_after_seconds=10)
        self._waiting += 1
        try:
            return await self._in(self._slow, service.answer, question, found, requester)
        finally:
            self._waiting -= 1

    async def present(self, shown: Mapping[Question, int]) -> dict[Question, Outcome]:
        """As Service.present."""
        return await self._in(self._quick, service_of(WEATHER).present, shown)

    async def newer_than(self, shown: Mapping[Cell, int]) -> list[Cell]:
        """The cells whose records were fetched after the time (unix seconds) shown; raises RedisDown."""
        newer: list[Cell] = []
        cells = list(shown)
        for begin in range(0, len(cells), CELLS_AT_ONCE):
            some = cells[begin : begin + CELLS_AT_ONCE]
            fetched_at = await self._in(self._quick, service_of(WEATHER).fetched_at_of, some)
            newer += [cell for cell, at in fetched_at.items() if at > shown[cell]]
        return newer

    def count_watched(self, streams: Iterable[tuple[Cell, int]]) -> None:
        """Counts a request for each stream of these cells in their popularity."""
        for cell, number in streams:
            service_of(WEATHER).count([cell], number)

    def close(self) -> None:
        """Ends the threads once they have done what they are at."""
        for pool in (self._quick, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    async def _in(pool: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, lambda: function(*args, **kwargs))


def _ask(counts: list[Lookup[Any]], question: Question | None) -> Counted:
    lookups = [*counts, service_of(WEATHER).lookup(question)] if question else counts
    values = redis.fetch_all(lookups)
    return Counted(values[: len(counts)], values[-1] if question else None)
