"""`/internal/edge-counts`: an edge hands over what it answered by itself, so that all traffic is counted.

It is open to EDGE_ALLOWED_NETWORKS, by the address at the other end of the socket; the edge passes nobody there.
"""

import json
import re
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from weather.api.service import service
from weather.core.cells import Cell
from weathernote import redis
from weathernote.http import networks, problems
from weathernote.redis import without_redis
from weathernote.telemetry import active_users, metrics

LARGEST_BYTES = 4_000_000
#: After so long an edge no longer tells of it again.
_TOLD_SECONDS = 86_400
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
    if not networks.comes_directly_from(request, settings.EDGE_ALLOWED_NETWORKS):
        return problems.not_found(request, Exception())
    if request.method != "POST":
        response = problems.respond(request, problems.Problem("method_not_allowed", "POST alone is allowed here."))
        response["Allow"] = "POST"
        return response
    try:
        name, answers, clients = read(request.read(LARGEST_BYTES))
    except (ValueError, KeyError, TypeError, RecursionError) as wrong:
        return problems.respond(request, problems.invalid_parameters([("body", f"cannot be read: {wrong}")]))
    if _is_heard_first(name):
        count(answers, clients)
    return HttpResponse(status=204)


@without_redis(returns=True)
def _is_heard_first(name: str) -> bool:
    """An edge tells again what it does not know to be heard, and another instance may have heard it."""
    (reply,) = redis.ask(("SET", f"active:{{users}}:told:{name}", 1, "NX", "EX", _TOLD_SECONDS))
    return redis.value(reply) is not None


def read(body: bytes) -> tuple[str, list[Told], list[str]]:
    """What an edge tells, by its name: answers, and the digests of clients. ValueError and the like for anything else.

    What cannot be in one entry is left out: it must not cost the others.
    """
    told = json.loads(body)
    if not _DIGEST.fullmatch(told["name"]):
        raise ValueError("a name that is none")
    answers = [one for key, times in told["answers"] if (one := _answer(str(key), times))]
    return told["name"], answers, [str(client) for client, _ in told["clients"] if _DIGEST.fullmatch(str(client))]


def _answer(key: str, times: object) -> Told | None:
    try:
        route, method, status, cache, cell = key.split(" ")
        return Told(
            route if route in metrics.API_ROUTES else "other",
            method if method in metrics.METHODS else "OTHER",
            _whole(status, 599),
            cache if cache in _HELD else "NONE",
            Cell.from_key(cell) if cell else None,
            _whole(times, 10**9),
        )
    except ValueError:
        return None


def _whole(given: object, most: int) -> int:
    number = int(str(given))
    if 0 < number <= most:
        return number
    raise ValueError("a number that cannot be")


def count(answers: list[Told], clients: list[str]) -> None:
    """Lets popularity, the users and the metrics see what was answered without an instance."""
    api_requests = 0
    for told in answers:
        metrics.REQUESTS.labels(told.route, told.method, told.status).inc(told.times)
        api_requests += told.times if told.route in metrics.API_ROUTES else 0
        if told.cell and told.cache in _HELD:
            metrics.EDGE_ANSWERS.labels(told.route, told.cache.lower()).inc(told.times)
            service().popularity.record(told.cell, told.times)
        if told.status == 429:
            metrics.RATE_LIMIT_EXCEEDED.inc(told.times)
    active_users.record(clients, requests=api_requests)
