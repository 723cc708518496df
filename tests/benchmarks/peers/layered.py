"""The service with its upper layers taken away, as a WSGI callable: LAYER names the last one that stays.

Each layer that stays is the service's own code, and runs. `answer` is the view with replies that Redis gave once.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

LAYERS = ["server", "Django", "DRF", "throttle", "answer", "Redis", "metrics", "log"]
#: Beside them: what Django costs as it comes.
BARE = "bare Django"
LAYER = os.environ.get("LAYER", LAYERS[-1])


def stays(layer: str) -> bool:
    return LAYERS.index(layer) <= LAYERS.index(LAYER)


def nothing(*told: Any, **more: Any) -> None:
    """What is left of a layer that was taken away."""


def remembered(exchange: Callable[..., Any]) -> Callable[..., Any]:
    """Redis' replies to a request as they were the first time, whoever asks: no round trip, and nothing is counted."""
    known: dict[tuple[Any, ...], list[Any]] = {}

    def again(node: Any, commands: Sequence[Any]) -> list[Any]:
        words = tuple(word for command in commands for word in command)
        client = next((word for word in words if str(word).startswith("rate_limit:hash:")), None)
        if client is None:
            replies: list[Any] = exchange(node, commands)  # not a request's
            return replies
        key = tuple(word for word in words if word is not client)
        if key not in known:
            known[key] = exchange(node, commands)
        return list(known[key])

    return again


def _take_away_metrics_and_log() -> None:
    from weathernote.http import middleware
    from weathernote.telemetry import request_events, request_log, usage

    if not stays("log"):
        request_log.open_queue = nothing
    if not stays("metrics"):
        request_events.count = request_events.record = usage.measure = nothing
        middleware.event_of = nothing  # type: ignore[assignment]


def _take_away_redis() -> None:
    from weathernote.redis.servers.node import Node

    if not stays("Redis"):
        Node.exchange = remembered(Node.exchange)  # type: ignore[method-assign]


def _take_away_the_view() -> None:
    """Below `answer`, what is routed to is a view of a few bytes: Django's own, DRF's, or DRF's with the throttle."""
    from django.conf import settings

    if not stays("answer"):
        settings.ROOT_URLCONF = "tests.benchmarks.peers.layered_views"


def _application() -> Callable[..., Any]:
    if LAYER == "server":
        from tests.benchmarks.peers import bare_wsgi

        return bare_wsgi.application
    if LAYER == BARE:
        from tests.benchmarks.peers import bare_django

        return bare_django.application
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "weathernote.settings"
    django.setup()
    _take_away_the_view()
    _take_away_redis()
    _take_away_metrics_and_log()
    from weathernote import wsgi

    return wsgi.application


if "LAYER" in os.environ:
    application = _application()
