"""`/v1/forecast`: Open-Meteo's question in, its answer out, from the records and by the rules of /api/v1."""

from collections.abc import Mapping, Sequence
from time import time
from typing import Any, ClassVar

from blake3 import blake3
from django.conf import settings
from django.http import HttpResponse, HttpResponseNotModified
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from weather.api.answer_headers import answer_headers, left_of_day
from weather.api.records import Record
from weather.api.service import Service, requester_of, service_of
from weather.api.sources import Source
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.openmeteo_api import errors, schema
from weather.openmeteo_api.finished import Finished, FinishedAnswers, Key
from weather.openmeteo_api.form import Asked
from weather.openmeteo_api.request_query import asked_of
from weather.openmeteo_api.writing import CONTENT_TYPES, finished_of, joined
from weathernote import __version__, threads
from weathernote.http.api_view import ApiViewSet
from weathernote.http.headers.conditional import matches
from weathernote.http.prerendered import PrerenderedResponse
from weathernote.http.problems import Problem
from weathernote.http.request_context import context_of
from weathernote.redis import Lookup
from weathernote.telemetry import origin
from weathernote.telemetry.origin import Origin
from weathernote.telemetry.request_event import CellAnswer


class ForecastViewSet(ApiViewSet[Record]):
    """Answers from held records; what was written is remembered by the process while the record is the same."""

    finished: ClassVar[FinishedAnswers] = FinishedAnswers()
    service: Service
    asked: Asked
    cells: Sequence[Cell]

    def look_up(self, request: Request) -> list[Lookup[Record]]:
        """The records of the places, of each cell once; raises Problem (400) for what is wrong or not held."""
        self.service, self.asked = service_of(WEATHER), asked_of(request)
        self.counts_as = len(self.asked.cells)
        self.cells = list(dict.fromkeys(self.asked.cells))
        return [self.service.record(cell) for cell in self.cells]

    def get_exception_handler(self) -> Any:
        """Errors in Open-Meteo's shape."""
        return errors.from_exception

    @extend_schema(operation_id="open_meteo_forecast", summary="Open-Meteo's own question", **schema.FORECAST)
    def retrieve(self, request: Request) -> HttpResponse:
        """What Open-Meteo's /v1/forecast answers about a position, or about several."""
        form, context, now = self.asked.form, context_of(request), time()
        records = dict(zip(self.cells, self.values, strict=True))
        self.service.count(self.cells)
        keys = [Key(cell, number, form.zone_of(number), form) for number, cell in enumerate(self.asked.cells)]
        known = {key: self.finished.get(key, records[key.cell].packed, now) for key in keys}
        missed = {key.cell for key, finished in known.items() if finished is None}
        found = {key.cell: one for key, one in known.items() if one is not None and key.cell not in missed}
        sources: Mapping[Cell, Source | Problem] = {}
        try:
            if missed:
                sources = self.service.sources({cell: records[cell] for cell in missed}, requester_of(context))
        finally:
            events = [_event(cell, records[cell], found.get(cell), sources.get(cell), now) for cell in self.cells]
            worst = origin.worst([event.origin for event in events])
            context.answer = events[0] if len(events) == 1 else events[0]._replace(origin=worst, age_seconds=None)
            context.batch = tuple(events) if len(events) > 1 else ()
        if problems := [source for source in sources.values() if isinstance(source, Problem)]:
            raise errors.worst_of(problems)
        answers = [known[key] or self._written(key, records[key.cell], sources[key.cell], now) for key in keys]
        is_stored = all(_is_kept(records[cell], source) for cell, source in sources.items())
        return self._respond(request, answers, worst, now, is_stored=is_stored)

    def _written(self, key: Key, record: Record, source: Source | Problem, now: float) -> Finished:
        if isinstance(source, Problem):
            raise source
        # Many places, each with many names, take a while.
        threads.give_way()
        setting = "WEATHER_TTL_SECONDS" if key.form.current else "FORECAST_TTL_SECONDS"
        stale = source.origin == "stale"
        finished = finished_of(key, source.series, now, getattr(settings, setting), stale=stale)
        if record.packed is not None and _is_kept(record, source):
            self.finished.put(key, record.packed, finished)
        return finished

    def _respond(
        self, request: Request, answers: Sequence[Finished], worst: Origin, now: float, *, is_stored: bool
    ) -> HttpResponse:
        """200 with the answers, or 304; they live as long as the one that ends first."""
        form = self.asked.form
        headers = answer_headers(
            max(0, min(one.expires_at for one in answers) - int(now)),
            min(left_of_day(one.midnight, one.expires_at) for one in answers),
            worst,
            is_stored=is_stored,
            content_type=CONTENT_TYPES[form.format],
        )
        headers["ETag"] = _etag(answers)
        if matches(request.META.get("HTTP_IF_NONE_MATCH"), headers["ETag"]):
            return HttpResponseNotModified(headers=headers)
        return PrerenderedResponse(joined([one.text for one in answers], form), headers)


def _is_kept(record: Record, source: Source | Problem) -> bool:
    """Whether what is answered from the source is remembered: what it held of the cell is the record that was found."""
    return record.packed is not None and isinstance(source, Source) and source.origin != "fetched"


def _event(
    cell: Cell, record: Record, finished: Finished | None, source: Source | Problem | None, now: float
) -> CellAnswer:
    """What the request got about a cell: a remembered answer, one from its source, or none."""
    if finished is not None:
        origin_: Origin = "found" if record.is_redis_up else "memory"
        return CellAnswer(cell, origin_, WEATHER.name, now - finished.fetched_at)
    if isinstance(source, Source):
        return CellAnswer(cell, source.origin, WEATHER.name, now - source.series.fetched_at)
    return CellAnswer(cell, "none", WEATHER.name)


def _etag(answers: Sequence[Finished]) -> str:
    """Weak, as two instances take another `generationtime_ms` for the same answer."""
    identity = b"".join((__version__.encode(), *(one.identity for one in answers)))
    return f'W/"{blake3(identity).hexdigest(length=8)}"'
