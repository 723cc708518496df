"""Every counter, histogram and gauge of the service, declared once and updated where the event happens.

Labels are bounded, whatever clients send. Where `settings.METRICS_FOLDER` is set, the values are in files there, for
all processes of the instance; prometheus_client decides this when it is imported, after the settings.
"""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily

# ── requests ──────────────────────────────────────────────────────────────────────────────────────
ROUTES = {
    "/": "root",
    "/api/v1/weather": "weather",
    "/api/v1/forecast": "forecast",
    "/api/v1/air-quality": "air_quality",
    "/api/v1/live": "live",
    "/api/v1/weather/events": "events",
    "/api/v1/cities": "cities",
    "/api/v1/places": "places",
    "/api/v1/graphql": "graphql",
    "/v1/forecast": "openmeteo",
    "/api/v1/schema": "schema",
    "/api/v1/docs": "docs",
    "/api/v1/docs/graphql": "docs",
    "/health": "health",
    "/metrics": "metrics",
    "/internal/edge-counts": "edge-counts",
}
#: The routes of answers about cells, as the answers' keys in Redis begin.
CELL_ROUTES = ("weather", "forecast", "air_quality")
#: With the one that answers from several of these.
KEYED_ROUTES = (*CELL_ROUTES, "graphql")
#: With the one whose answers are about cells too, and have no key.
ANSWER_ROUTES = (*KEYED_ROUTES, "openmeteo")
API_ROUTES = frozenset({*ANSWER_ROUTES, "cities", "places"})
#: The routes of streams.
STREAM_ROUTES = frozenset({"live", "events"})
#: Route → the label `record` of the finished answers that it gives, where that is not the route's own.
RECORDS = {"live": "weather", "events": "weather"}
#: Dataset → the label `record` of its held records.
HELD_RECORDS = {"weather": "upstream", "air_quality": "upstream:air_quality"}
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

REQUESTS = Counter(
    "weathernote_requests",
    "Requests that were answered, by route (what is no known path is `other`), method (or OTHER) and status",
    ["route", "method", "status"],
)
DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 6)
REQUEST_DURATION = Histogram(
    "weathernote_request_duration_seconds", "Time from a request's arrival to its answer", ["route"], buckets=DURATIONS
)
RATE_LIMIT_EXCEEDED = Counter(
    "weathernote_rate_limit_exceeded", "Requests refused because their client was over its limit"
)
RATE_LIMIT_BYPASSED = Counter(
    "weathernote_rate_limit_bypassed", "Requests that passed uncounted because Redis did not answer"
)
LOG_LINES_DROPPED = Counter(
    "weathernote_log_lines_dropped", "Lines of the request log that were dropped: nobody read them in time"
)

# ── answers ───────────────────────────────────────────────────────────────────────────────────────
CACHE_LOOKUPS = Counter(
    "weathernote_cache_lookups",
    "Lookups in Redis by record (weather, forecast, air_quality, graphql and openmeteo: hit, miss, down; upstream and "
    "upstream:air_quality, what is held: fresh, due, missing)",
    ["record", "outcome"],
)
RECENT_ANSWERS = Gauge(
    "weathernote_recent_answers",
    "Answers about places in the last five minutes by origin: found under their key in Redis, from memory while Redis "
    "is gone, derived from what is held, fetched by a call, stale, none",
    ["origin"],
    multiprocess_mode="livesum",
)
AGES = (60, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800)
FORECAST_AGE = Histogram(
    "weathernote_forecast_age_seconds", "Age of the forecast behind each answer of /weather and /forecast", buckets=AGES
)
DATASET_ANSWER_AGE = Histogram(
    "weathernote_dataset_answer_age_seconds",
    "Age of what is held behind each answer about a place",
    ["dataset"],
    buckets=AGES,
)
FORECAST_DRIFT = Histogram(
    "weathernote_forecast_drift",
    "At each refresh, how far the present conditions as they would have gone on being served were from the new ones: "
    "temperature_2m in °C, precipitation in mm, weather_code 1 where it changed; by age of what was held",
    ["variable", "age"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
EDGE_ANSWERS = Counter(
    "weathernote_edge_answers",
    "Answers about places that an edge gave from its cache (hit, stale, updating), as it reported them; they are in "
    "weathernote_requests_total too",
    ["route", "cache"],
)
ANSWERED_FROM_MEMORY = Counter(
    "weathernote_answered_from_memory", "Answers from the process's own memory because Redis did not answer"
)

#: What a query is: sent with its text, persisted, about the schema, or never read.
GRAPHQL_KINDS = ("query", "persisted", "introspection", "unread")
#: all answered · a part of it · nothing of it · not executed · its client is over the limit · a hash that nobody knows
GRAPHQL_OUTCOMES = ("ok", "partial", "failed", "refused", "limited", "not_found")
GRAPHQL_OPERATIONS = Counter(
    "weathernote_graphql_operations",
    "GraphQL queries by kind (query, persisted, introspection, or unread where the request is none) and outcome: ok, "
    "partial (errors beside data), failed (errors alone), refused (not executed), limited (429), not_found (a hash "
    "nobody knows)",
    ["kind", "outcome"],
)

# ── streams ───────────────────────────────────────────────────────────────────────────────────────
#: The kinds of streams: a WebSocket, and server-sent events.
STREAM_KINDS = ("websocket", "events")
LIVE_STREAMS = Gauge(
    "weathernote_live_streams", "Streams that are open, by kind", ["kind"], multiprocess_mode="livesum"
)
LIVE_MESSAGES = Counter("weathernote_live_messages", "Answers and problems sent on streams, by kind", ["kind"])
LIVE_DROPPED = Counter(
    "weathernote_live_dropped",
    "What streams did not get: answers that a newer one replaced before a slow reader took them (replaced), and "
    "streams that were closed because their reader was too slow (slow) or had asked too often (rate_limited), or "
    "refused for a limit of streams (client, address, all)",
    ["reason"],
)
LIVE_DROPS = ("replaced", "slow", "rate_limited", "client", "address", "all")
LIVE_LAG = Histogram(
    "weathernote_live_lag_seconds",
    "Time from the moment at which a new record was held to that at which the answer was written to a stream's socket",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
)

# ── Open-Meteo ────────────────────────────────────────────────────────────────────────────────────
OPEN_METEO_CALLS = Counter(
    "weathernote_open_meteo_calls",
    "Calls to Open-Meteo by outcome: ok, rejected (a place), refused (429), failed, invalid_response, retried",
    ["outcome"],
)
OPEN_METEO_WEIGHT = Counter("weathernote_open_meteo_weight", "What those calls weighed in Open-Meteo's quota")
DATASET_CALLS = Counter("weathernote_dataset_calls", "The same calls by dataset and outcome", ["dataset", "outcome"])
DATASET_WEIGHT = Counter("weathernote_dataset_weight", "What the calls about each dataset weighed", ["dataset"])
RUN_EVIDENCE = Counter(
    "weathernote_run_evidence",
    "Refreshes by the model that the cell's answer comes from, and by what they brought: run_changed and run_unchanged "
    "where the old record lacked a run of it; changed_without_run and unchanged where it lacked none",
    ["model", "evidence"],
)
TILES_BY_INTERVAL = Gauge(
    "weathernote_tiles_by_interval",
    "5° tiles in which what refreshes bring contradicts the model's run times: they go by refresh intervals",
    ["model"],
    multiprocess_mode="livemax",
)
RUN_TIMES_POLLS = Counter(
    "weathernote_run_times_polls",
    "Questions for the newest run of a weather model, free of quota, by outcome: new_run, same_run, refused (429), "
    "failed, invalid_response",
    ["outcome"],
)

# ── Redis ─────────────────────────────────────────────────────────────────────────────────────────
REDIS_LOST_WRITES = Counter(
    "weathernote_redis_lost_writes", "Records that were not written because Redis did not take them"
)
REDIS_LOST_COMMANDS = Counter(
    "weathernote_redis_lost_commands",
    "Commands that got no reply of use from Redis, by reason: breaker_open, timeout, disconnected, invalid_reply, "
    "unusable, unowned, refused",
    ["reason"],
)
REDIS_BREAKER_OPEN = Gauge(
    "weathernote_redis_breaker_open",
    "1 while any worker of the instance goes without a Redis server",
    multiprocess_mode="livemax",
)
REDIS_ROLE_BREAKER_OPEN = Gauge(
    "weathernote_redis_role_breaker_open",
    "1 while any worker of the instance goes without the Redis of this role: own, and in a region whose records are "
    "elsewhere primary, replica",
    ["role"],
    multiprocess_mode="livemax",
)

# ── the instance ──────────────────────────────────────────────────────────────────────────────────
CPU_USAGE = Gauge(
    "weathernote_cpu_usage_percent",
    "Time on the CPU of all workers of the instance, in percent of the machine's cores",
    multiprocess_mode="livesum",
)
MEMORY_USAGE = Gauge(
    "weathernote_memory_usage_percent",
    "Resident memory of all workers of the instance, in percent of what the machine or its container has",
    multiprocess_mode="livesum",
)

# Series begin at 0, so that the first event shows as an increase.
for _route in (*ROUTES.values(), "admin", "static", "other"):
    REQUEST_DURATION.labels(_route)
for _route in ANSWER_ROUTES:
    for _outcome in ("hit", "miss", "down"):
        CACHE_LOOKUPS.labels(_route, _outcome)
    for _cache in ("hit", "stale", "updating"):
        EDGE_ANSWERS.labels(_route, _cache)
for _kind in GRAPHQL_KINDS:
    for _outcome in GRAPHQL_OUTCOMES:
        GRAPHQL_OPERATIONS.labels(_kind, _outcome)
for _kind in STREAM_KINDS:
    LIVE_STREAMS.labels(_kind)
    LIVE_MESSAGES.labels(_kind)
for _drop in LIVE_DROPS:
    LIVE_DROPPED.labels(_drop)
for _dataset, _record in HELD_RECORDS.items():
    DATASET_ANSWER_AGE.labels(_dataset)
    DATASET_WEIGHT.labels(_dataset)
    for _outcome in ("fresh", "due", "missing"):
        CACHE_LOOKUPS.labels(_record, _outcome)
for _outcome in ("ok", "rejected", "refused", "failed", "invalid_response", "retried"):
    OPEN_METEO_CALLS.labels(_outcome)
    for _dataset in HELD_RECORDS:
        DATASET_CALLS.labels(_dataset, _outcome)
for _outcome in ("new_run", "same_run", "refused", "failed", "invalid_response"):
    RUN_TIMES_POLLS.labels(_outcome)
for _reason in ("breaker_open", "timeout", "disconnected", "invalid_reply", "unusable", "unowned", "refused"):
    REDIS_LOST_COMMANDS.labels(_reason)

#: Gauges that are computed for each scrape (metrics_view.py): name → help text.
ON_SCRAPE = {
    "weathernote_region_info": "1, with the name of this instance's region; absent where it has none",
    "weathernote_records_replica_lag_seconds": "How far the replica of the records in this region is behind the "
    "primary",
    "weathernote_records_replica_connected": "Whether the replica of the records in this region is connected to the "
    "primary",
    "weathernote_cache_hit_rate": "Part of the last five minutes' answers that was found under its key in Redis",
    "weathernote_cache_miss_rate": "Part of the last five minutes' answers that was not found under its key in Redis",
    "weathernote_answered_without_upstream_rate": "Part of the last five minutes' answers that no request waited for "
    "Open-Meteo for",
    "weathernote_open_meteo_budget_remaining": "What is left of Open-Meteo's quota in this minute, hour and day",
    "weathernote_model_run_age_seconds": "Time since Open-Meteo had the newest run of each weather model in use",
    "weathernote_models_by_interval": "Weather models in use whose run times are not to be had or not to be believed: "
    "their cells are refreshed at intervals",
    "weathernote_redis_connected_clients": "Connections that Redis has",
    "weathernote_redis_keyspace_hits": "Lookups of a key that was there, since Redis started",
    "weathernote_redis_keyspace_misses": "Lookups of a key that was not there, since Redis started",
    "weathernote_redis_memory_used_bytes": "Memory that Redis uses",
    "weathernote_redis_memory_max_bytes": "Memory that Redis may use; 0 where that is not bounded",
    "weathernote_redis_evicted_keys": "Keys that Redis dropped for want of memory, since it started",
    "weathernote_active_users": "Clients of all instances in the last 5m and 1d, by HyperLogLog (about 1 % off)",
    "weathernote_requests_per_user": "API requests of the last day for each client of that day, all instances",
    "weathernote_popular_locations": "Requests for the 20 top cells, all instances; one counts half after 12 h",
    "weathernote_cost_per_million_requests": "What a million API requests cost by the COST_ settings, since the start",
    "weathernote_prewarm_last_good_run_timestamp_seconds": "When the last prewarm in which nothing failed ended",
}


def scrape_gauge(name: str, value: float) -> GaugeMetricFamily:
    """A gauge of ON_SCRAPE without labels."""
    return GaugeMetricFamily(name, ON_SCRAPE[name], value=value)


def labelled_scrape_gauge(name: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    """A gauge of ON_SCRAPE with one label, from pairs (value of the label, value of the gauge)."""
    family = GaugeMetricFamily(name, ON_SCRAPE[name], labels=[label])
    for label_value, value in values:
        family.add_metric([label_value], value)
    return family


def route_of(path: str) -> str:
    """The label `route` for a path: one of ROUTES' values, `admin`, `static` or `other`."""
    if route := ROUTES.get(path) or ROUTES.get(path.rstrip("/")):
        return route
    first = path[1:].partition("/")[0]
    return first if first in ("admin", "static") else "other"


def observe_many(histogram: Histogram, total: float, counts: Iterable[tuple[int, int]]) -> None:
    """Adds observations to a histogram: their `total`, and `counts` as pairs (index of the bucket, number)."""
    # The library can only add single observations, which would cost more than all other counting together.
    histogram._sum.inc(total)
    for bucket, count in counts:
        histogram._buckets[bucket].inc(count)


def note_lost_commands(reason: str, commands: int) -> None:
    """Counts commands that got no usable reply; a listener of `redis.on_lost`."""
    REDIS_LOST_COMMANDS.labels(reason).inc(commands)


def count_lost_write(*_: object) -> bool:
    """Counts a write that Redis did not take, whatever it was to store, and returns False: nothing is stored."""
    REDIS_LOST_WRITES.inc()
    return False
