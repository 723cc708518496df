"""What the metrics say of requests, calls and places, in one process and from all workers of an instance."""

import math
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
import requests
from django.test import Client
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from tests.support.limits import LIFTED
from tests.support.load import Ask, Load
from tests.support.servers import Instance, Valkey, eventually
from weather.api.service import service, service_of
from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, DATASETS
from weather.core.runs.run_times import Run, RunTimes
from weather.simulator.server import OpenMeteoSimulator
from weathernote.telemetry import active_users, metrics, request_events
from weathernote.telemetry.request_events import RecentOrigins

WEATHER = "/api/v1/weather?lat=40.7128&lon=-74.0060"
AIR = "/api/v1/air-quality?lat=40.7128&lon=-74.0060"
FORECAST = "/api/v1/forecast?lat=40.7128&lon=-74.0060"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(told: Samples, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    wanted = set(labels.items())
    return sum(number for (is_named, has), number in told.items() if is_named == name and wanted <= has)


@pytest.fixture
def scraped(api: Client) -> Callable[[], Samples]:
    return lambda: samples(api.get("/metrics").content.decode())


def moved(before: Samples, after: Samples, name: str, **labels: str) -> float:
    return round(value(after, name, **labels) - value(before, name, **labels), 6)  # floats, of which many were added


# ── what it says ──────────────────────────────────────────────────────────────────────────────────


def test_every_metric_has_a_help_text_and_our_name(api: Client) -> None:
    api.get(WEATHER)
    families = list(text_string_to_metric_families(api.get("/metrics").content.decode()))
    ours = {family.name for family in families if family.name.startswith("weathernote_")}
    late = {"weathernote_prewarm_last_good_run_timestamp_seconds", "weathernote_popular_locations"}
    of_regions = {name for name in metrics.ON_SCRAPE if name.startswith(("weathernote_region_", "weathernote_records_"))}
    assert set(metrics.ON_SCRAPE) - late - of_regions <= ours
    assert all(family.documentation for family in families)


def test_a_new_place_and_then_a_hit_are_told_apart(api: Client, scraped: Callable[[], Samples]) -> None:
    before = scraped()
    for _ in range(3):
        api.get(WEATHER)
    api.get(FORECAST)
    after = scraped()
    lookups = "weathernote_cache_lookups_total"
    assert moved(before, after, lookups, record="weather", outcome="hit") == 2
    assert moved(before, after, lookups, record="weather", outcome="miss") == 1
    assert moved(before, after, lookups, record="upstream", outcome="missing") == 1
    assert moved(before, after, lookups, record="upstream", outcome="fresh") == 1
    assert moved(before, after, "weathernote_open_meteo_calls_total", outcome="ok") == 1
    assert moved(before, after, "weathernote_open_meteo_weight_total") == 1
    assert moved(before, after, "weathernote_forecast_age_seconds_count") == 4
    assert moved(before, after, "weathernote_request_duration_seconds_count", route="weather") == 3
    assert moved(before, after, "weathernote_requests_total", route="forecast", method="GET", status="200") == 1


def test_a_failed_call_and_its_retry_are_two(
    api: Client, simulator: OpenMeteoSimulator, scraped: Callable[[], Samples]
) -> None:
    before = scraped()
    simulator.fault("status", status=500)
    assert api.get(WEATHER).status_code == 503
    simulator.fault(None)
    after = scraped()
    calls = {
        outcome: moved(before, after, "weathernote_open_meteo_calls_total", outcome=outcome)
        for outcome in ("ok", "failed", "retried")
    }
    assert calls == {"ok": 0, "failed": 1, "retried": 1}
    assert moved(before, after, "weathernote_open_meteo_weight_total") == 2


def test_the_newest_runs_of_models_in_use_have_an_age_and_those_not_believed_are_counted(
    api: Client, scraped: Callable[[], Samples]
) -> None:
    now = int(time.time())
    runs = service().runs
    assert runs is not None
    table = runs.known.table
    table.note_used(["ecmwf_ifs", "dwd_icon_d2", "jma_msm"], now)
    table.write("ecmwf_ifs", RunTimes(21_600, (Run(now - 7200, now - 3600),), now))
    table.write("dwd_icon_d2", RunTimes(10_800, (Run(now - 90_000, now - 86_400),), now))
    table.write("knmi_harmonie_arome_netherlands", RunTimes(3600, (Run(now - 7200, now - 3600),), now))
    told = scraped()
    ages = {
        dict(labels)["model"]: age
        for (name, labels), age in told.items()
        if name == "weathernote_model_run_age_seconds"
    }
    assert ages == {"ecmwf_ifs": pytest.approx(3600, abs=60), "dwd_icon_d2": pytest.approx(86_400, abs=60)}
    assert value(told, "weathernote_models_by_interval") == 2


def test_calls_weight_lookups_and_ages_are_told_by_dataset(api: Client, scraped: Callable[[], Samples]) -> None:
    before = scraped()
    for path in (AIR, AIR, WEATHER):
        api.get(path)
    after = scraped()
    told = {
        dataset: [
            moved(before, after, "weathernote_dataset_calls_total", dataset=dataset, outcome="ok"),
            moved(before, after, "weathernote_dataset_weight_total", dataset=dataset),
            moved(before, after, "weathernote_dataset_answer_age_seconds_count", dataset=dataset),
            moved(before, after, "weathernote_cache_lookups_total", record=held, outcome="missing"),
        ]
        for dataset, held in metrics.HELD_RECORDS.items()
    }
    assert told == {"weather": [1, 1, 1, 1], "air_quality": [1, 1, 2, 1]}
    assert moved(before, after, "weathernote_cache_lookups_total", record="air_quality", outcome="hit") == 1
    assert moved(before, after, "weathernote_requests_total", route="air_quality", method="GET", status="200") == 2
    assert moved(before, after, "weathernote_open_meteo_weight_total") == 2


def test_the_age_of_the_forecast_is_weathers_and_so_are_the_popular_places(
    api: Client, scraped: Callable[[], Samples]
) -> None:
    before = scraped()
    api.get(AIR)
    service_of(AIR_QUALITY).popularity.flush()
    after = scraped()
    assert moved(before, after, "weathernote_forecast_age_seconds_count") == 0
    assert not any(name == "weathernote_popular_locations" for name, *_ in after)


def test_every_dataset_is_named_in_the_metrics() -> None:
    assert {one.name: one.record_key for one in DATASETS} == metrics.HELD_RECORDS
    assert tuple(kind.key for one in DATASETS for kind in one.kinds) == metrics.CELL_ROUTES


def test_a_refresh_tells_how_far_the_old_one_had_drifted(api: Client, scraped: Callable[[], Samples]) -> None:
    api.get(WEATHER)
    cell, store = Cell(407, -740), service().store
    held = store.held_of([cell])[cell]
    before = scraped()
    store.hold({cell: replace(held, fetched_at=held.fetched_at - 7200)})
    service().workers.submit({cell: "refresh"})[cell].future.result(60)
    after = scraped()
    drifts = "weathernote_forecast_drift_count"
    assert moved(before, after, drifts, age="3h") == 3
    assert moved(before, after, drifts) == 3


def test_no_answers_have_no_rate(api: Client, monkeypatch: pytest.MonkeyPatch, scraped: Callable[[], Samples]) -> None:
    monkeypatch.setattr(request_events, "_recent", RecentOrigins())
    told = scraped()
    api.get(WEATHER)
    api.get(WEATHER)
    assert math.isnan(value(told, "weathernote_cache_hit_rate"))
    told = scraped()
    rates = ("cache_hit_rate", "cache_miss_rate", "answered_without_upstream_rate")
    assert [value(told, f"weathernote_{name}") for name in rates] == [0.5, 0.5, 0.5]


def test_users_are_counted_without_being_known(
    api: Client, valkey: redis_py.Redis, scraped: Callable[[], Samples]
) -> None:
    active_users._clients.clear()
    request_events.count()
    for number in range(60):
        api.get(WEATHER, headers={"x-client-id": f"phone-{number % 20}"})
    told = scraped()
    assert abs(value(told, "weathernote_active_users", window="5m") - 20) <= 1
    assert abs(value(told, "weathernote_active_users", window="1d") - 20) <= 1
    assert abs(value(told, "weathernote_requests_per_user") - 3) <= 0.3
    keys = list(valkey.scan_iter("active:*"))
    assert len(keys) == 3
    assert all(0 < valkey.ttl(key) <= 25 * 3600 for key in keys)


def test_the_most_popular_twenty_places(api: Client, scraped: Callable[[], Samples]) -> None:
    popularity = service().popularity
    for number in range(30):
        popularity.record(Cell(number, 0), times=number + 1)
    popularity.flush()
    told = scraped()
    cells = {dict(labels)["cell"]: count for (name, labels), count in told.items() if name.endswith("_locations")}
    assert len(cells) == 20
    assert round(cells["lat:2.9:lon:0.0"]) == 30


def test_what_a_million_requests_cost(api: Client, settings: Any, scraped: Callable[[], Samples]) -> None:
    settings.COST_UPSTREAM_CALL = 0.5
    api.get(WEATHER)
    told = scraped()
    requests_ = sum(value(told, "weathernote_requests_total", route=route) for route in metrics.API_ROUTES)
    expected = value(told, "weathernote_open_meteo_weight_total") * 0.5 / requests_ * 1_000_000
    assert value(told, "weathernote_cost_per_million_requests") == pytest.approx(expected)


def test_what_was_gathered_is_observed_as_if_one_by_one() -> None:
    registry = CollectorRegistry()
    one, many = (Histogram(name, "for the test", buckets=(1, 2), registry=registry) for name in ("one", "many"))
    for seconds in (0.5, 1, 1.5, 9):
        one.observe(seconds)
    metrics.observe_many(many, 12.0, [(0, 2), (1, 1), (2, 1)])
    first, second = (
        [(s.name.partition("_")[2], s.labels, s.value) for s in each.samples if not s.name.endswith("_created")]
        for each in registry.collect()
    )
    assert first == second


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "root"),
        ("/api/v1/weather", "weather"),
        ("/api/v1/weather/", "weather"),
        ("/admin/login/", "admin"),
        ("/static/x.css", "static"),
        ("/adminer", "other"),
        ("/api/v1/40.71281/-74.00601", "other"),
        ("", "other"),
        ("//", "other"),
    ],
)
def test_a_path_has_one_of_few_routes(path: str, route: str) -> None:
    assert metrics.route_of(path) == route


# ── an instance ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def counting(
    tmp_path_factory: pytest.TempPathFactory, valkey_server: Valkey, simulator_server: OpenMeteoSimulator
) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("counting")
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    with Instance(folder, WORKERS=2, LOG_LEVEL="WARNING", **servers, **LIFTED) as started:
        yield started


def told_by(instance: Instance) -> Samples:
    """The counts once all workers have told theirs: when they stand still."""
    told: list[Samples] = []

    def stands_still() -> bool:
        time.sleep(2 * request_events.COUNT_SECONDS + 0.2)
        told.append(samples(instance.get("/metrics").text))
        return len(told) > 1 and counts(told[-1]) == counts(told[-2])

    eventually(stands_still)
    return told[-1]


def counts(told: Samples) -> dict[tuple[str, str, str], float]:
    found = {}
    for (name, labels), number in told.items():
        has = dict(labels)
        if name == "weathernote_requests_total" and has["route"] not in ("metrics", "health"):
            found[has["route"], has["method"], has["status"]] = number
    return found


def test_counts_add_up_to_what_was_sent_before_and_after_a_worker_is_killed(
    counting: Instance, valkey: redis_py.Redis, simulator: OpenMeteoSimulator
) -> None:
    asks = [
        Ask("/api/v1/weather?lat=40.7&lon=-74"),
        Ask("/api/v1/forecast?lat=40.7&lon=-74&days=3"),
        Ask("/api/v1/weather?lat=40.7&lon=x"),
        Ask("/nothing/here"),
    ]
    sent = 2000
    base = Counter(counts(told_by(counting)))
    with Load(counting.base, asks, rate=400, seconds=sent / 400, processes=2) as load:
        assert len(load.answers()) == sent
    expected = base + Counter(
        {
            ("weather", "GET", "200"): sent // 4,
            ("forecast", "GET", "200"): sent // 4,
            ("weather", "GET", "400"): sent // 4,
            ("other", "GET", "404"): sent // 4,
        }
    )
    told = told_by(counting)
    assert counts(told) == expected
    looked = sum(value(told, "weathernote_cache_lookups_total", record=name) for name in ("weather", "forecast"))
    assert looked == value(told, "weathernote_forecast_age_seconds_count") >= sent // 2

    folder = metrics_folder(counting)
    pids = {int(file.stem.rpartition("_")[2]) for file in folder.glob("counter_*.db")}
    assert len(pids) == 2
    killed = min(pids)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: len(list(folder.glob("counter_*.db"))) == 3)
    assert counts(told_by(counting)) == expected
    assert not list(folder.glob(f"gauge_live*_{killed}.db"))
    for _ in range(50):
        counting.get("/nothing/here")
    expected[("other", "GET", "404")] += 50
    assert counts(told_by(counting)) == expected


def metrics_folder(instance: Instance) -> Path:
    return Path(__file__).resolve().parents[3] / ".run" / f"run-{instance.port}" / "metrics"


def test_series_are_as_many_after_a_thousand_odd_methods_paths_and_clients(
    counting: Instance, valkey: redis_py.Redis, simulator: OpenMeteoSimulator
) -> None:
    with requests.Session() as session:

        def odd(number: int) -> None:
            session.request(f"ODD{number}", f"{counting.base}/api/v1/weather", timeout=30)
            session.get(f"{counting.base}/nothing/{number}", timeout=30)
            headers = {"x-client-id": f"client {number}"}
            session.get(f"{counting.base}/api/v1/weather?lat=40.7&lon=-74&x{number}=1", headers=headers, timeout=30)

        odd(0)
        session.get(counting.base + "/metrics", timeout=30)
        eventually(lambda: "popular_locations{" in counting.get("/metrics").text)
        before = told_by(counting)
        for number in range(1, 1000):
            odd(number)
    after = told_by(counting)
    assert set(after) == set(before)
    assert moved(before, after, "weathernote_requests_total", method="OTHER", status="405") == 999


def test_cpu_and_memory_of_the_workers(counting: Instance) -> None:
    told = told_by(counting)
    assert 0 < value(told, "weathernote_memory_usage_percent") < 100
    assert 0 <= value(told, "weathernote_cpu_usage_percent") <= 101
    assert value(told, "weathernote_redis_breaker_open") == 0
