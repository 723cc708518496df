"""`/internal/edge-counts`: an edge hands over what it answered by itself, so that all traffic is counted.

It is open to EDGE_ALLOWED_NETWORKS, by the address at the other end of the socket; the edge passes nobody there.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from weather.cells import Cell
from weather.service import service
from weathernote import metrics, networks, problems, users

LARGEST_BYTES = 4_000_000
_DIGEST = re.compile(r"[A-Za-z0-9_-]{8,43}")
#: What an edge's cache says of an answer; NONE is what it refused by itself.
_HELD = frozenset({"HIT", "STALE", "UPDATING"})


class Told(NamedTuple):
    """How often an edge gave one kind of answer since it last told."""

    route: str
    method: str
    status: int
    cache: str
    cell: Cell | None
    times: int


def edge_counts(request: HttpRequest) -> HttpResponse:
    if not networks.has(settings.EDGE_ALLOWED_NETWORKS, request.META.get("REMOTE_ADDR", "")):
        return problems.not_found(request, Exception())
    if request.method != "POST":
        return problems.respond(request, problems.Problem("method_not_allowed", "POST alone is allowed here."))
    try:
        answers, clients = read(request.read(LARGEST_BYTES))
    except (ValueError, KeyError, TypeError) as wrong:
        return problems.respond(request, problems.invalid_parameters([("body", f"cannot be read: {wrong}")]))
    count(answers, clients)
    return HttpResponse(status=204)


def read(body: bytes) -> tuple[list[Told], list[str]]:
    """The answers and the digests of the clients that an edge tells of; ValueError and the like for anything else."""
    told = json.loads(body)
    return list(_answers(told["answers"])), [_digest(client) for client, _ in told["clients"]]


def _answers(pairs: Any) -> Iterator[Told]:
    for key, times in pairs:
        route, method, status, cache, cell = key.split(" ")
        yield Told(
            route if route in metrics.API_ROUTES else "other",
            method if method in metrics.METHODS else "OTHER",
            _whole(status, 599),
            cache if cache in _HELD else "NONE",
            Cell.from_key(cell) if cell else None,
            _whole(times, 10**9),
        )


def _whole(given: object, most: int) -> int:
    number = int(str(given))
    if 0 < number <= most:
        return number
    raise ValueError("a number that cannot be")


def _digest(text: str) -> str:
    if _DIGEST.fullmatch(text):
        return text
    raise ValueError("a client that is no digest")


def count(answers: list[Told], clients: list[str]) -> None:
    """Lets popularity, the users and the metrics see what was answered without an instance."""
    api_requests = 0
    for told in answers:
        metrics.REQUESTS.labels(told.route, told.method, told.status).inc(told.times)
        api_requests += told.times if told.route in metrics.API_ROUTES else 0
        if told.cell and told.cache in _HELD:
            metrics.EDGE_ANSWERS.labels(told.route, told.cache.lower()).inc(told.times)
            service().popularity.saw(told.cell, told.times)
        if told.status == 429:
            metrics.RATE_LIMIT_EXCEEDED.inc(told.times)
    users.saw(clients, requests=api_requests)
