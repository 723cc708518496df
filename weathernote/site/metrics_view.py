"""`/metrics`, for those who may see it: what all workers counted, and what is worked out when someone looks."""

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from time import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from prewarm.runs.schedule import last_good_run
from weather.api.service import service
from weathernote import redis
from weathernote.http import networks, problems
from weathernote.http.read_only import read_only
from weathernote.telemetry import active_users, metrics, request_events
from weathernote.telemetry.metrics import when_asked, when_asked_by
from weathernote.telemetry.origin import ORIGINS

MOST_POPULAR = 20
_STARTED_AT = time()
#: Of what Redis says of itself: our names, and its own.
_REDIS = {
    "weathernote_redis_connected_clients": "connected_clients",
    "weathernote_redis_keyspace_hits": "keyspace_hits",
    "weathernote_redis_keyspace_misses": "keyspace_misses",
    "weathernote_redis_memory_used_bytes": "used_memory",
    "weathernote_redis_memory_max_bytes": "maxmemory",
    "weathernote_redis_evicted_keys": "evicted_keys",
}


def metrics_view(request: HttpRequest) -> HttpResponseBase:
    """For METRICS_ALLOWED_NETWORKS, by the address at the other end of the socket, whatever headers say."""
    if not networks.comes_directly_from(request, settings.METRICS_ALLOWED_NETWORKS):
        return problems.not_found(request, Exception())
    return _scraped(request)


@read_only
def _scraped(request: HttpRequest) -> HttpResponse:
    request_events.count()
    registry = CollectorRegistry()
    registry.register(_Everything())
    return HttpResponse(
        generate_latest(registry), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


class _Everything(Collector):
    def collect(self) -> Iterator[Metric]:
        counted = list(_counted())
        yield from counted
        yield from _rates(counted)
        yield from _cost(counted)
        yield from _open_meteo()
        yield from _redis()
        yield from _people()

    def describe(self) -> Iterator[Metric]:
        return iter(())  # else it would be collected once more to see what it has


def _counted() -> Iterable[Metric]:
    if not settings.METRICS_FOLDER:
        return REGISTRY.collect()
    _forget_the_dead(Path(settings.METRICS_FOLDER))
    return MultiProcessCollector(None, settings.METRICS_FOLDER).collect()


def _forget_the_dead(folder: Path) -> None:
    """What a worker counted stays when it ends; what it was does not."""
    for number in {file.stem.rpartition("_")[2] for file in folder.glob("gauge_live*_*.db")}:
        if number.isdecimal():
            try:
                os.kill(int(number), 0)
            except ProcessLookupError:
                with suppress(OSError):  # another worker is at it too
                    mark_process_dead(int(number), str(folder))
            except PermissionError:
                pass  # somebody else's has the number by now


def _total(counted: Iterable[Metric], name: str, label: str = "", wanted: Iterable[str] = ()) -> float:
    """The sum of a metric's samples, those alone whose label is one of the wanted."""
    samples = (sample for one in counted for sample in one.samples if sample.name == name)
    return sum(sample.value for sample in samples if not label or sample.labels[label] in wanted)


def _rates(counted: Iterable[Metric]) -> Iterator[Metric]:
    found, fetched, none, total = (
        _total(counted, "weathernote_recent_answers", "origin", origins)
        for origins in (["found"], ["fetched"], ["none"], ORIGINS)
    )
    # Of no answers there is no rate.
    of_total = 1 / total if total else math.nan
    yield when_asked("weathernote_cache_hit_rate", found * of_total)
    yield when_asked("weathernote_cache_miss_rate", 1 - found * of_total)
    yield when_asked("weathernote_answered_without_upstream_rate", 1 - (fetched + none) * of_total)


def _cost(counted: Iterable[Metric]) -> Iterator[Metric]:
    requests = _total(counted, "weathernote_requests_total", "route", metrics.API_ROUTES)
    hours = (time() - _started_at()) / 3600
    cost = hours * (settings.COST_INSTANCE_HOUR + settings.COST_REDIS_HOUR)
    cost += _total(counted, "weathernote_open_meteo_weight_total") * settings.COST_UPSTREAM_CALL
    yield when_asked("weathernote_cost_per_million_requests", cost / requests * 1_000_000 if requests else math.nan)


def _started_at() -> float:
    """When the counting began: with the instance, which its workers may outlive each other in."""
    with suppress(OSError):
        if settings.METRICS_FOLDER:
            return (Path(settings.METRICS_FOLDER) / "started").stat().st_mtime
    return _STARTED_AT


def _open_meteo() -> Iterator[Metric]:
    budget = service().budget
    budget.synchronize()
    left = [(str(window), float(value)) for window, value in budget.remaining().items()]
    yield when_asked_by("weathernote_open_meteo_budget_remaining", "window", left)


def _redis() -> Iterator[Metric]:
    """The sum over all servers that answer; nothing where none does."""
    servers = redis.info()
    for name, field in _REDIS.items():
        if servers:
            yield when_asked(name, sum(float(server.get(field, 0)) for server in servers))


def _people() -> Iterator[Metric]:
    active_users.flush()
    users, last_good = redis.fetch(active_users.users(), last_good_run())
    if users:
        yield when_asked_by(
            "weathernote_active_users", "window", [("5m", float(users.five_minutes)), ("1d", float(users.day))]
        )
        yield when_asked(
            "weathernote_requests_per_user", users.requests_of_the_day / users.day if users.day else math.nan
        )
        popularity = service().popularity
        cells = popularity.most_popular(MOST_POPULAR).items()
        counts = [(cell.key, rate / popularity.rate_of_one) for cell, rate in cells]
        yield when_asked_by("weathernote_popular_locations", "cell", counts)
    if last_good is not None:
        yield when_asked("weathernote_prewarm_last_good_run_timestamp_seconds", last_good)
