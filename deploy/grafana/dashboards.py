"""Writes the four dashboards, with a line for each panel where Grafana's own JSON takes forty.

    python deploy/grafana/dashboards.py        after a change; tests/deploy/test_grafana.py compares

Grafana reads the JSON through the files in provisioning/ and does not need this script.
"""

import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent / "dashboards"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
API = 'route=~"weather|forecast|air_quality|openmeteo|graphql|cities"'
#: Widths of panels in Grafana's 24 columns.
FULL, HALF, THIRD, SIXTH = 24, 12, 8, 4

#: Pairs (least value, colour); the first has no least value.
Thresholds = tuple[tuple[float | None, str], ...]
Shown = Literal["stat", "timeseries", "bargauge"]


def good_above(warning: float, critical: float) -> Thresholds:
    """Green from `warning` on, orange from `critical` on, red below."""
    return ((None, "red"), (critical, "orange"), (warning, "green"))


def good_below(warning: float, critical: float) -> Thresholds:
    """Red from `critical` on, orange from `warning` on, green below."""
    return ((None, "green"), (warning, "orange"), (critical, "red"))


NEUTRAL: Thresholds = ((None, "blue"),)


@dataclass(frozen=True)
class Panel:
    """A panel; `lines` are pairs (PromQL expression, legend), `words` pairs (value, text shown for it)."""

    title: str
    description: str
    unit: str
    lines: tuple[tuple[str, str], ...]
    width: int = HALF
    shown: Shown = "timeseries"
    thresholds: Thresholds = NEUTRAL
    stacked: bool = False
    highest: float | None = None
    words: tuple[tuple[str, str], ...] = ()

    @property
    def height(self) -> int:
        """In Grafana's rows."""
        return {"stat": 4, "timeseries": 8, "bargauge": 14}[self.shown]


def stat(
    title: str,
    description: str,
    unit: str,
    expression: str,
    thresholds: Thresholds = NEUTRAL,
    words: tuple[tuple[str, str], ...] = (),
) -> Panel:
    """A panel of one number, by one expression."""
    return Panel(title, description, unit, ((expression, ""),), SIXTH, "stat", thresholds, words=words)


def as_json(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    """The panel as Grafana's JSON, with its ID and position."""
    steps = [{"value": value, "color": colour} for value, colour in panel.thresholds]
    of_field: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}, "min": 0}
    if panel.highest is not None:
        of_field["max"] = panel.highest
    if panel.words:
        of_field["mappings"] = [
            {"type": "value", "options": {value: {"text": word, "index": index}}}
            for index, (value, word) in enumerate(panel.words)
        ]
    options: dict[str, Any] = {"reduceOptions": {"calcs": ["lastNotNull"]}}
    if panel.shown == "timeseries":
        marked = len(panel.thresholds) > 1
        of_field["custom"] = {
            "lineWidth": 2,
            "fillOpacity": 40 if panel.stacked else 8,
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "dashed" if marked else "off"},
        }
        options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    elif panel.shown == "stat":
        of_field["color"] = {"mode": "thresholds"}
        options |= {"colorMode": "background", "graphMode": "area"}
    else:
        options |= {"orientation": "horizontal", "displayMode": "basic"}
    targets = [
        {"refId": chr(ord("A") + index), "datasource": DATASOURCE, "expr": expression, "legendFormat": legend}
        | ({"instant": True} if panel.shown == "bargauge" else {})
        for index, (expression, legend) in enumerate(panel.lines)
    ]
    return {
        "id": number,
        "type": panel.shown,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": of_field, "overrides": []},
        "options": options,
        "targets": targets,
    }


def placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    """The panels as Grafana's JSON, placed from left to right in rows."""
    numbers, x, y, row = count(1), 0, 0, 0
    found = []
    for panel in panels:
        if x + panel.width > FULL:
            x, y, row = 0, y + row, 0
        found.append(as_json(panel, next(numbers), x, y))
        x, row = x + panel.width, max(row, panel.height)
    return found


def dashboard(uid: str, title: str, *panels: Panel) -> dict[str, Any]:
    """A dashboard as Grafana's JSON."""
    return {
        "uid": uid,
        "title": f"WeatherNote: {title}",
        "tags": ["weathernote"],
        "timezone": "utc",  # the budget's day is UTC's
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "links": [
            {"type": "dashboards", "tags": ["weathernote"], "title": "WeatherNote", "asDropdown": False},
        ],
        "panels": placed(panels),
    }


REDIS_WORDS = (("0", "answers"), ("1", "gone"))

SERVICE = dashboard(
    "weathernote-service",
    "Service",
    stat(
        "Users served",
        "Requests for weather, forecasts and cities that did not end in 5xx, of the last five minutes.",
        "percentunit",
        "1 - weathernote:failed:share5m",
        good_above(0.999, 0.99),
    ),
    stat(
        "Seen from outside",
        "One position asked for through the edge, as a phone asks.",
        "short",
        'min(probe_success{job="weathernote-edge"})',
        good_above(1, 1),
        (("1", "served"), ("0", "not served")),
    ),
    stat(
        "Slowest hundredth",
        "The slowest hundredth of requests takes this or longer.",
        "s",
        "weathernote:duration_seconds:p99_5m",
        good_below(0.1, 1),
    ),
    stat("Requests", "In a second, all instances.", "reqps", "weathernote:requests:rate5m"),
    stat(
        "Instances gone",
        "Instances that do not answer Prometheus.",
        "short",
        'count(up{job="weathernote"} == 0) or vector(0)',
        good_below(1, 2),
    ),
    stat(
        "Alerts",
        "Alerts that fire now.",
        "short",
        'count(ALERTS{alertname=~"WeatherNote.*", alertstate="firing"}) or vector(0)',
        good_below(1, 3),
    ),
    Panel(
        "Answers in a second, by status",
        "429: a client asked too often. 503: nothing is held for a place and Open-Meteo could not be asked.",
        "reqps",
        ((f"sum by (status) (rate(weathernote_requests_total{{{API}}}[$__rate_interval]))", "{{status}}"),),
        stacked=True,
    ),
    Panel(
        "Time to an answer",
        "Half of the requests take less than the lower line, one in a hundred more than the upper.",
        "s",
        (
            ("weathernote:duration_seconds:p50_5m", "half"),
            ("weathernote:duration_seconds:p99_5m", "slowest hundredth"),
        ),
        thresholds=good_below(0.1, 1),
    ),
    Panel(
        "Where answers came from, last five minutes",
        "found: ready in Redis. memory: Redis is gone. derived: from a held forecast. fetched: the user waited for "
        "Open-Meteo. stale: held, due for a refresh. none: an error.",
        "short",
        (("sum by (origin) (weathernote_recent_answers)", "{{origin}}"),),
        stacked=True,
    ),
    Panel(
        "Failed and refused",
        "Parts of all requests.",
        "percentunit",
        (("weathernote:failed:share5m", "failed (5xx)"), ("weathernote:refused:share5m", "refused (429)")),
        thresholds=good_below(0.01, 0.05),
    ),
    Panel(
        "Processor, by instance",
        "All workers of the instance, of all cores of its machine.",
        "percent",
        (("weathernote_cpu_usage_percent", "{{instance}}"),),
        THIRD,
        thresholds=good_below(70, 90),
        highest=100,
    ),
    Panel(
        "Memory, by instance",
        "All workers of the instance, of what its machine or container has.",
        "percent",
        (("weathernote_memory_usage_percent", "{{instance}}"),),
        THIRD,
        thresholds=good_below(70, 90),
        highest=100,
    ),
    Panel(
        "Slowest hundredth, by route",
        "Admin, docs and scrapes too.",
        "s",
        (
            (
                "histogram_quantile(0.99, sum by (le, route) "
                "(rate(weathernote_request_duration_seconds_bucket[$__rate_interval]))) >= 0",
                "{{route}}",
            ),
        ),
        THIRD,
    ),
    Panel(
        "Open streams, by process",
        "WebSockets and events of a live process; it takes LIVE_STREAMS, 15,000 by default.",
        "short",
        (("sum by (instance, kind) (weathernote_live_streams)", "{{instance}} {{kind}}"),),
        THIRD,
        stacked=True,
    ),
    Panel(
        "From a held record to the socket",
        "Of the answers that streams were sent because a forecast was refreshed. Two seconds are promised.",
        "s",
        (
            (
                "histogram_quantile(0.5, sum by (le) "
                "(rate(weathernote_live_lag_seconds_bucket[$__rate_interval]))) >= 0",
                "half",
            ),
            ("weathernote:live_lag_seconds:p99_5m", "slowest hundredth"),
        ),
        THIRD,
        thresholds=good_below(2, 5),
    ),
    Panel(
        "Sent on streams, and what they did not get",
        "In a second. replaced: a newer answer overtook one that a slow reader had not taken. client, address, all: a "
        "stream was refused for that limit.",
        "short",
        (
            ("sum(rate(weathernote_live_messages_total[$__rate_interval]))", "sent"),
            ("sum by (reason) (rate(weathernote_live_dropped_total[$__rate_interval]))", "{{reason}}"),
        ),
        THIRD,
    ),
)

FRESHNESS = dashboard(
    "weathernote-freshness",
    "Freshness and budget",
    stat(
        "Forecast behind the average answer",
        "Its age. 4.5 hours are meant at 500,000 users on the free plan.",
        "s",
        "weathernote:forecast_age_seconds:mean5m",
        good_below(4.5 * 3600, 9 * 3600),
    ),
    stat(
        "Oldest hundredth",
        "At 48 hours a held forecast is forgotten, and its users see an error.",
        "s",
        "weathernote:forecast_age_seconds:p99_5m",
        good_below(24 * 3600, 36 * 3600),
    ),
    stat(
        "Stale, of those worked out",
        "With few cells most are: the first request after ten minutes has the forecast refreshed behind it.",
        "percentunit",
        "weathernote:stale:share5m",
    ),
    stat(
        "Budget left today",
        "Of Open-Meteo's UTC day. It is meant to be nearly spent at midnight.",
        "percentunit",
        'weathernote:budget:left_share{window="day"}',
        good_above(0.1, 0.05),
    ),
    stat(
        "Last good prewarm",
        "Since the last run in which nothing failed ended; one comes every ten minutes.",
        "s",
        "time() - max(weathernote_prewarm_last_good_run_timestamp_seconds)",
        good_below(15 * 60, 25 * 60),
    ),
    stat(
        "Calls that brought nothing",
        "Of the last ten minutes, of the dataset that lacks most.",
        "percentunit",
        "max(weathernote:open_meteo_failed:share10m)",
        good_below(0.1, 0.5),
    ),
    Panel(
        "Day's budget, and the line that refreshes keep to",
        "New places may take it below the line; far below, forecasts are refreshed less often until midnight UTC.",
        "percentunit",
        (
            ('weathernote:budget:left_share{window="day"}', "left"),
            ("weathernote:budget:paced_left_share", "left by the line"),
        ),
        highest=1,
    ),
    Panel(
        "Age of the forecast behind answers",
        "Quantiles over the answers, popular cells counting for more.",
        "s",
        tuple(
            (
                f"histogram_quantile({part}, sum by (le) "
                "(rate(weathernote_forecast_age_seconds_bucket[$__rate_interval])))",
                legend,
            )
            for part, legend in ((0.5, "half"), (0.9, "oldest tenth"), (0.99, "oldest hundredth"))
        ),
        thresholds=good_below(24 * 3600, 36 * 3600),
    ),
    Panel(
        "Calls to Open-Meteo in a minute, by outcome",
        "rejected: a place that it does not know. refused: 429.",
        "short",
        (("sum by (outcome) (60 * rate(weathernote_open_meteo_calls_total[$__rate_interval]))", "{{outcome}}"),),
        stacked=True,
    ),
    Panel(
        "Calls that brought nothing, by dataset",
        "Of the last ten minutes. Each dataset has a host of its own, and backs off by itself.",
        "percentunit",
        (("weathernote:open_meteo_failed:share10m", "{{dataset}}"),),
        thresholds=good_below(0.1, 0.5),
        highest=1,
    ),
    Panel(
        "Weight spent in an hour, by dataset",
        "In Open-Meteo's own accounting: a cell weighs 1.",
        "short",
        (("sum by (dataset) (increase(weathernote_dataset_weight_total[1h]))", "{{dataset}}"),),
        stacked=True,
    ),
    Panel(
        "Age behind the average answer, by dataset",
        "Air quality is refreshed a few times a day at most.",
        "s",
        (
            (
                "sum by (dataset) (rate(weathernote_dataset_answer_age_seconds_sum[$__rate_interval])) "
                "/ sum by (dataset) (rate(weathernote_dataset_answer_age_seconds_count[$__rate_interval])) >= 0",
                "{{dataset}}",
            ),
        ),
    ),
    Panel(
        "Age of the newest run, by model",
        "Since Open-Meteo had it. It grows to the model's interval and falls, where runs come in time.",
        "s",
        (("weathernote:model_run_age_seconds", "{{model}}"),),
    ),
    Panel(
        "Questions for run times in an hour, by outcome",
        "Free of quota. failed: no answer or 5xx. invalid_response: 404, or no run of the past.",
        "short",
        (("sum by (outcome) (increase(weathernote_run_times_polls_total[1h]))", "{{outcome}}"),),
        stacked=True,
    ),
    Panel(
        "Left of this minute and hour",
        "Parts of the budgets.",
        "percentunit",
        (('weathernote:budget:left_share{window=~"minute|hour"}', "{{window}}"),),
        highest=1,
        thresholds=good_above(0.1, 0.05),
    ),
    Panel(
        "What was held, when an answer was worked out",
        "fresh: not due. due: served stale, refreshed behind the request. missing: the user waited.",
        "reqps",
        (
            (
                'sum by (outcome) (rate(weathernote_cache_lookups_total{record="upstream"}[$__rate_interval]))',
                "{{outcome}}",
            ),
        ),
        stacked=True,
    ),
    Panel(
        "What refreshes brought, in six hours",
        "run_changed and unchanged fit the model's run times; run_unchanged and changed_without_run do not.",
        "short",
        (("sum by (evidence) (increase(weathernote_run_evidence_total[6h]))", "{{evidence}}"),),
        stacked=True,
    ),
    Panel(
        "Regions where run times do not fit, by model",
        "Tiles of 5° that are refreshed at intervals, because refreshes contradict the model's run times.",
        "short",
        (("max by (model) (weathernote_tiles_by_interval)", "{{model}}"),),
        thresholds=good_below(1, 10),
    ),
    *(
        Panel(
            title,
            "At each refresh: what would have gone on being served against the new truth, by its age. What a refresh "
            "is worth.",
            unit,
            (
                (
                    f'sum by (age) (increase(weathernote_forecast_drift_sum{{variable="{variable}"}}[6h])) / '
                    f'sum by (age) (increase(weathernote_forecast_drift_count{{variable="{variable}"}}[6h]))',
                    "up to {{age}} old",
                ),
            ),
            THIRD,
        )
        for title, unit, variable in (
            ("Mean drift of the temperature", "celsius", "temperature_2m"),
            ("Mean drift of the precipitation", "lengthmm", "precipitation"),
            ("Weather code that had changed", "percentunit", "weather_code"),
        )
    ),
)

REDIS = dashboard(
    "weathernote-redis",
    "Redis",
    stat(
        "Redis",
        "Whether any instance goes without it.",
        "short",
        "max(weathernote_redis_breaker_open)",
        good_below(1, 1),
        REDIS_WORDS,
    ),
    stat(
        "Found under their key",
        "Of the last five minutes' answers.",
        "percentunit",
        "1 - weathernote:missed:share5m",
        good_above(0.95, 0.8),
    ),
    stat(
        "Memory in use",
        "Of what Redis may use; empty where that is not bounded.",
        "percentunit",
        "max(weathernote_redis_memory_used_bytes) / (max(weathernote_redis_memory_max_bytes) > 0)",
        good_below(0.8, 0.95),
    ),
    stat(
        "Keys dropped in an hour",
        "For lack of memory: the answers are derived again, and the clients counted from zero.",
        "short",
        "max(increase(weathernote_redis_evicted_keys[1h]))",
        good_below(1, 1000),
    ),
    stat("Connections", "All clients of Redis.", "short", "max(weathernote_redis_connected_clients)"),
    stat(
        "Passed uncounted in an hour",
        "Requests that no limit was kept for.",
        "short",
        "sum(increase(weathernote_rate_limit_bypassed_total[1h]))",
        good_below(1, 1000),
    ),
    Panel(
        "Instances without Redis",
        "They answer from memory, for an hour at most.",
        "short",
        (("weathernote_redis_breaker_open", "{{instance}}"),),
        thresholds=good_below(1, 1),
        highest=1,
    ),
    Panel(
        "Commands without a reply of use, by reason",
        "In a second.",
        "ops",
        (("sum by (reason) (rate(weathernote_redis_lost_commands_total[$__rate_interval]))", "{{reason}}"),),
        stacked=True,
    ),
    Panel(
        "Looks for an answer, by outcome",
        "In a second. down: Redis did not say.",
        "reqps",
        (
            (
                "sum by (outcome) (rate(weathernote_cache_lookups_total"
                '{record=~"weather|forecast|air_quality"}[$__rate_interval]))',
                "{{outcome}}",
            ),
        ),
        stacked=True,
    ),
    Panel(
        "Redis' own hits and misses",
        "Lookups of keys in a second, counts and records of all kinds.",
        "ops",
        (
            ("max(rate(weathernote_redis_keyspace_hits[$__rate_interval]))", "hits"),
            ("max(rate(weathernote_redis_keyspace_misses[$__rate_interval]))", "misses"),
        ),
    ),
    Panel(
        "Memory",
        "What Redis uses, and may use where that is bounded.",
        "bytes",
        (
            ("max(weathernote_redis_memory_used_bytes)", "used"),
            ("max(weathernote_redis_memory_max_bytes) > 0", "most"),
        ),
    ),
    Panel(
        "Records written in another region",
        "How far the replica here is behind the primary, to a few seconds.",
        "s",
        (("max by (instance) (weathernote_records_replica_lag_seconds)", "{{instance}}"),),
        thresholds=good_below(60, 600),
    ),
    Panel(
        "Servers that instances go without, by role",
        "own: answers and counts. primary: what is written. replica: what is read.",
        "short",
        (("max by (role) (weathernote_redis_role_breaker_open)", "{{role}}"),),
        thresholds=good_below(1, 1),
        highest=1,
    ),
    Panel(
        "What users lose while Redis is gone",
        "In a second.",
        "reqps",
        (
            ("sum(rate(weathernote_answered_from_memory_total[$__rate_interval]))", "answered from memory"),
            ("sum(rate(weathernote_rate_limit_bypassed_total[$__rate_interval]))", "passed uncounted"),
            ("sum(rate(weathernote_redis_lost_writes_total[$__rate_interval]))", "records not written"),
        ),
    ),
)

BUSINESS = dashboard(
    "weathernote-business",
    "Business",
    stat(
        "Users served, last day",
        "Part of the last day's requests that did not end in 5xx.",
        "percentunit",
        f'1 - (sum(increase(weathernote_requests_total{{{API}, status=~"5.."}}[1d])) or vector(0)) '
        f"/ sum(increase(weathernote_requests_total{{{API}}}[1d]))",
        good_above(0.999, 0.99),
    ),
    stat("Users now", "Different clients of the last five minutes.", "short", 'weathernote:active_users{window="5m"}'),
    stat("Users today", "Different clients of the last 24 hours.", "short", 'weathernote:active_users{window="1d"}'),
    stat("Requests of a user", "In the last day, on average.", "short", "max(weathernote_requests_per_user)"),
    stat(
        "A million requests cost",
        "Instances, Redis and Open-Meteo, in the currency of the COST_ settings.",
        "short",
        "max(weathernote_cost_per_million_requests)",
    ),
    stat(
        "Answered without Open-Meteo",
        "No user waited for a call.",
        "percentunit",
        "avg(weathernote_answered_without_upstream_rate)",
        good_above(0.99, 0.9),
    ),
    Panel(
        "Requests in a second, and what is usual",
        "Usual: around this hour one, two and seven days ago, the middle one of the three.",
        "reqps",
        (("weathernote:requests:rate5m", "now"), ("weathernote:requests:usual", "usual")),
    ),
    Panel(
        "Clients not seen in the last day",
        "In a second, and what is usual. Unknown in the first five minutes of each hour.",
        "short",
        (("weathernote:new_clients:rate5m", "now"), ("weathernote:new_clients:usual", "usual")),
    ),
    Panel(
        "Part of all requests that go to one cell",
        "The most popular one, and what is usual.",
        "percentunit",
        (("weathernote:top_cell:share15m", "now"), ("weathernote:top_cell:usual", "usual")),
    ),
    Panel(
        "Requests of a user in five minutes",
        "On average, and what is usual. Clients are anonymous: only a hash of each is stored.",
        "short",
        (("weathernote:requests_per_user:5m", "now"), ("weathernote:requests_per_user:usual", "usual")),
    ),
    Panel(
        "The 20 most popular cells",
        "Requests, each counting half after twelve hours.",
        "short",
        (("sort_desc(weathernote:popular_locations)", "{{cell}}"),),
        shown="bargauge",
    ),
    Panel(
        "Requests in a second, by route",
        "",
        "reqps",
        ((f"sum by (route) (rate(weathernote_requests_total{{{API}}}[$__rate_interval]))", "{{route}}"),),
        stacked=True,
    ),
)

DASHBOARDS = {"service": SERVICE, "freshness": FRESHNESS, "redis": REDIS, "business": BUSINESS}


def text(model: dict[str, Any]) -> str:
    """The content of a dashboard's file."""
    return json.dumps(model, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, model in DASHBOARDS.items():
        (FOLDER / f"{name}.json").write_text(text(model))
