"""`/internal/edge-counts`: an edge reports the answers that it gave from its cache, so that all traffic is counted.

Open to EDGE_ALLOWED_NETWORKS by the address of the socket's peer; the edge forwards no client's request to it.
"""

import json
import re
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from weather.api.service import service_of
from weather.core.cells import Cell
from weather.core.datasets import DATASETS, WEATHER
from weathernote import redis
from weathernote.http import networks, problems
from weathernote.redis import without_redis
from weathernote.telemetry import active_users, metrics

LARGEST_BYTES = 4_000_000
#: An edge repeats a report that was not acknowledged for less than this.
_REPORT_SECONDS = 86_400
_DIGEST = re.compile(r"[A-Za-z0-9_-]{8,43}")
#: Route → the dataset that it answers about; a route is named as the keys of its answers begin.
_DATASETS = {kind.key: dataset for dataset in DATASETS for kind in dataset.kinds}
#: nginx' cache statuses of an answer from the cache; any other means that the edge refused the request.
_FROM_CACHE = frozenset({"HIT", "STALE", "UPDATING"})


class EdgeAnswers(NamedTuple):
    """How often an edge gave one kind of answer since its last report."""

    route: str
    method: str
    status: int
    cache: str
    cell: Cell | None
    times: int


def edge_counts(request: HttpRequest) -> HttpResponse:
    """Counts a report once: 204; 404 for other networks, 405 for other methods, 400 for a body that is no report."""
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
    if _is_new(name):
        count(answers, clients)
    return HttpResponse(status=204)


@without_redis(returns=True)
def _is_new(name: str) -> bool:
    """Whether no instance has counted the report yet; True without Redis."""
    (reply,) = redis.execute(("SET", f"active:{{users}}:told:{name}", 1, "NX", "EX", _REPORT_SECONDS))
    return reply is not None


def read(body: bytes) -> tuple[str, list[EdgeAnswers], list[str]]:
    """The name of a report, its answers, and the hashes of its clients.

    An entry that makes no sense is left out. Raises ValueError, KeyError, TypeError or
    RecursionError if `body` is no report.
    """
    report = json.loads(body)
    if not _DIGEST.fullmatch(report["name"]):
        raise ValueError("the name is no digest")
    answers = [one for key, times in report["answers"] if (one := _answer(str(key), times))]
    return report["name"], answers, [str(client) for client, _ in report["clients"] if _DIGEST.fullmatch(str(client))]


def _answer(key: str, times: object) -> EdgeAnswers | None:
    try:
        route, method, status, cache, cell = key.split(" ")
        return EdgeAnswers(
            route if route in metrics.API_ROUTES | metrics.STREAM_ROUTES else "other",
            method if method in metrics.METHODS else "OTHER",
            _positive(status, 599),
            cache if cache in _FROM_CACHE else "NONE",
            Cell.from_key(cell) if cell else None,
            _positive(times, 10**9),
        )
    except ValueError:
        return None


def _positive(given: object, most: int) -> int:
    """`given` as a number from 1 to `most`; raises ValueError."""
    number = int(str(given))
    if 0 < number <= most:
        return number
    raise ValueError("a number is out of range")


def count(answers: list[EdgeAnswers], clients: list[str]) -> None:
    """Adds a report to popularity, active users and metrics."""
    api_requests = 0
    for given in answers:
        metrics.REQUESTS.labels(given.route, given.method, given.status).inc(given.times)
        api_requests += given.times if given.route in metrics.API_ROUTES else 0
        if given.cell and given.cache in _FROM_CACHE:
            metrics.EDGE_ANSWERS.labels(given.route, given.cache.lower()).inc(given.times)
            service_of(_DATASETS.get(given.route, WEATHER)).popularity.record(given.cell, given.times)
        if given.status == 429:
            metrics.RATE_LIMIT_EXCEEDED.inc(given.times)
    active_users.record(clients, requests=api_requests)
