"""What operators ask of a process that holds streams: its health and its metrics."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from weathernote.http import networks, problems
from weathernote.http.problems import Problem
from weathernote.http.read_only import METHODS, options_response
from weathernote.telemetry import instance_metrics, request_events

#: Part → its state: `ok`, or what is the matter with it.
State = Mapping[str, str]


async def respond(request: HttpRequest, path: str, state: Callable[[], State], *, is_stopping: bool) -> HttpResponse:
    """The response of /health, for everybody, or of /metrics, for METRICS_ALLOWED_NETWORKS."""
    if path == "/metrics" and not networks.comes_directly_from(request, settings.METRICS_ALLOWED_NETWORKS):
        return problems.respond(request, problems.no_such_path())
    if request.method not in ("GET", "HEAD"):
        return without_view(request)
    if path == "/metrics":
        return await asyncio.to_thread(_scrape)
    return _health(await asyncio.to_thread(state), is_stopping=is_stopping)


def without_view(request: HttpRequest) -> HttpResponse:
    """The response to OPTIONS, and to methods that no path here takes."""
    if request.method == "OPTIONS":
        return options_response()
    response = problems.respond(request, problems.method_not_allowed(request.method))
    response["Allow"] = METHODS
    return response


def _health(states: State, *, is_stopping: bool) -> HttpResponse:
    status = "ok" if set(states.values()) == {"ok"} else "degraded"
    return JsonResponse(
        {"status": "stopping" if is_stopping else status, **states},
        status=503 if is_stopping else 200,
        headers={"Cache-Control": "no-store"},
    )


def _scrape() -> HttpResponse:
    request_events.count()
    registry = CollectorRegistry()
    registry.register(_All())
    return HttpResponse(
        generate_latest(registry), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


class _All(Collector):
    def collect(self) -> Iterator[Metric]:
        return iter(instance_metrics.collect())

    def describe(self) -> Iterator[Metric]:
        return iter(())  # otherwise register() would collect once to learn the names


def internal_error() -> Problem:
    """A 500 for what went wrong here."""
    return Problem("internal_error", "Something went wrong here; the request id finds it in the log.")


def upgrade_required() -> Problem:
    """A 400 for a request at a WebSocket's path that asks for none."""
    return problems.invalid_parameters([("Upgrade", "must be websocket; /api/v1/weather/events needs none")])
