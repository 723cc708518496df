"""`/metrics`: the metrics of all workers of this instance, and the gauges computed for each scrape."""

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from time import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from prewarm.runs.schedule import last_good_run
from weather.api.service import service
from weathernote import redis
from weathernote.http import networks, problems
from weathernote.http.read_only import read_only
from weathernote.redis import Role
from weathernote.redis.replication import heartbeat
from weathernote.telemetry import active_users, instance_metrics, metrics, request_events
from weathernote.telemetry.instance_metrics import answer_rates, total
from weathernote.telemetry.metrics import labelled_scrape_gauge, scrape_gauge

MOST_POPULAR = 20
_STARTED_AT = time()
#: Our gauge → the field of Redis' INFO that it is read from.
_REDIS = {
    "weathernote_redis_connected_clients": "connected_clients",
    "weathernote_redis_keyspace_hits": "keyspace_hits",
    "weathernote_redis_keyspace_misses": "keyspace_misses",
    "weathernote_redis_memory_used_bytes": "used_memory",
    "weathernote_redis_memory_max_bytes": "maxmemory",
    "weathernote_redis_evicted_keys": "evicted_keys",
}


def metrics_view(request: HttpRequest) -> HttpResponseBase:
    """The metrics as text for METRICS_ALLOWED_NETWORKS, by the socket's peer; 404 for everybody else."""
    if not networks.comes_directly_from(request, settings.METRICS_ALLOWED_NETWORKS):
        return problems.not_found(request, Exception())
    return _scrape(request)


@read_only
def _scrape(request: HttpRequest) -> HttpResponse:
    request_events.count()
    registry = CollectorRegistry()
    registry.register(_AllMetrics())
    return HttpResponse(
        generate_latest(registry), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


class _AllMetrics(Collector):
    def collect(self) -> Iterator[Metric]:
        collected = instance_metrics.collect()
        yield from collected
        yield from _rates(collected)
        yield from _cost(collected)
        yield from _open_meteo()
        yield from _model_runs()
        yield from _redis()
        yield from _region()
        yield from _users()

    def describe(self) -> Iterator[Metric]:
        return iter(())  # otherwise register() would collect once to learn the names


def _rates(collected: Iterable[Metric]) -> Iterator[Metric]:
    rates = answer_rates(collected)
    hit, without_upstream = (rates.hit, rates.without_upstream) if rates else (math.nan, math.nan)
    yield scrape_gauge("weathernote_cache_hit_rate", hit)
    yield scrape_gauge("weathernote_cache_miss_rate", 1 - hit)
    yield scrape_gauge("weathernote_answered_without_upstream_rate", without_upstream)


def _cost(collected: Iterable[Metric]) -> Iterator[Metric]:
    requests = total(collected, "weathernote_requests_total", "route", metrics.API_ROUTES)
    hours = (time() - _started_at()) / 3600
    cost = hours * (settings.COST_INSTANCE_HOUR + settings.COST_REDIS_HOUR)
    cost += total(collected, "weathernote_open_meteo_weight_total") * settings.COST_UPSTREAM_CALL
    yield scrape_gauge("weathernote_cost_per_million_requests", cost / requests * 1_000_000 if requests else math.nan)


def _started_at() -> float:
    """When counting began, in unix seconds: with the instance, since workers come and go."""
    with suppress(OSError):
        if settings.METRICS_FOLDER:
            return (Path(settings.METRICS_FOLDER) / "started").stat().st_mtime
    return _STARTED_AT


def _open_meteo() -> Iterator[Metric]:
    budget = service().budget
    budget.synchronize()
    left = [(str(window), float(value)) for window, value in budget.remaining().items()]
    yield labelled_scrape_gauge("weathernote_open_meteo_budget_remaining", "window", left)


def _model_runs() -> Iterator[Metric]:
    runs, now = service().runs, time()
    if runs is None:
        return
    table = runs.known.table
    table.read()
    followed = [(model, table.times_of(model)) for model in table.used(now)]
    ages = [(model, now - times.runs[0].available) for model, times in followed if times and times.runs]
    yield labelled_scrape_gauge("weathernote_model_run_age_seconds", "model", ages)
    untrusted = sum(1 for _, times in followed if not (times and times.believed(now)))
    yield scrape_gauge("weathernote_models_by_interval", untrusted)


def _redis() -> Iterator[Metric]:
    """Sums over all Redis servers that answer; no metrics if none does."""
    servers = redis.info()
    for name, field in _REDIS.items():
        if servers:
            yield scrape_gauge(name, sum(float(server.get(field, 0)) for server in servers))


def _region() -> Iterator[Metric]:
    """The region's name, and how its replica of the records follows; no metrics where there is neither."""
    if settings.REGION:
        yield labelled_scrape_gauge("weathernote_region_info", "region", [(settings.REGION, 1.0)])
    replicas = redis.info(Role.REPLICA) if redis.is_replicated() else []
    links = [replica for replica in replicas if replica.get("role") == "slave"]
    if links:
        connected = min(link.get("master_link_status") == "up" for link in links)
        yield scrape_gauge("weathernote_records_replica_connected", float(connected))
        lag_seconds = heartbeat.lag_seconds()
        if lag_seconds is not None:
            yield scrape_gauge("weathernote_records_replica_lag_seconds", lag_seconds)


def _users() -> Iterator[Metric]:
    active_users.flush()
    users, last_good = redis.fetch(active_users.users(), last_good_run())
    if users:
        yield labelled_scrape_gauge(
            "weathernote_active_users", "window", [("5m", float(users.five_minutes)), ("1d", float(users.day))]
        )
        yield scrape_gauge(
            "weathernote_requests_per_user", users.requests_of_the_day / users.day if users.day else math.nan
        )
        popularity = service().popularity
        cells = popularity.most_popular(MOST_POPULAR).items()
        counts = [(cell.key, rate / popularity.rate_of_one) for cell, rate in cells]
        yield labelled_scrape_gauge("weathernote_popular_locations", "cell", counts)
    if last_good is not None:
        yield scrape_gauge("weathernote_prewarm_last_good_run_timestamp_seconds", last_good)
