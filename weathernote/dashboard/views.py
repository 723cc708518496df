"""`/admin/weather/`, the dashboard of staff: map, budget, figures and runs of all instances."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from time import monotonic, time
from typing import Any, TypeVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import Error as DatabaseGone
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from prewarm.admin.runs import result_badge
from prewarm.cities.formatting import format_count, format_run_time
from prewarm.cities.models import City
from prewarm.runs.models import PrewarmRun
from weather.api.service import service
from weather.core.cells import Cell
from weathernote.dashboard import budget_chart, worldmap
from weathernote.dashboard.figures import figures
from weathernote.dashboard.map_markers import STATES, MapMarker, counts, map_markers
from weathernote.dashboard.model_runs import ModelRuns, model_runs
from weathernote.dashboard.redis_snapshot import RedisSnapshot, take_snapshot

RUNS = 5
#: So many rows has the table; the list of cities has them all.
ROWS = 100
#: With more markers than this they are drawn smaller.
MANY = 400
SLOW_SECONDS = 1.0
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
NO_REDIS = (
    "Redis does not answer. Phones are still served, from what each process remembers and by calls within its share; "
    "the status of the cells, the budget and the active users are not known."
)
NO_DATABASE = (
    "The database does not answer: the cities and the runs cannot be shown. Weather and forecast are still served."
)

T = TypeVar("T")


@admin.site.admin_view
def dashboard(request: HttpRequest) -> HttpResponseBase:
    """The whole page, or with `?parts` only what the page replaces every 15 seconds."""
    if not request.user.has_perm("prewarm.view_city"):
        raise PermissionDenied
    context = admin.site.each_context(request) | {"title": "Weather"} | _context(request)
    template = "admin/weather/parts.html" if "parts" in request.GET else "admin/weather/index.html"
    response = TemplateResponse(request, template, context)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


def _context(request: HttpRequest) -> dict[str, Any]:
    began = monotonic()
    names = _from_database(_names)
    runs = _from_database(_runs) if request.user.has_perm("prewarm.view_prewarmrun") else ()
    database_seconds = monotonic() - began
    snapshot = take_snapshot(list(names or ()))
    markers = map_markers(names or {}, snapshot.cities, snapshot.popular)
    return {
        "warnings": list(_warnings(snapshot, names is None or runs is None, database_seconds)),
        "updated": datetime.now(UTC),
        **_map(markers),
        **_budget(snapshot),
        "figures": list(figures(snapshot, markers)),
        "models": _models(),
        "last_good_run": _clock(snapshot.last_good_run),
        "runs": runs and [_run_row(run) for run in runs],
        "may_see_runs": request.user.has_perm("prewarm.view_prewarmrun"),
    }


def _from_database(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except DatabaseGone:
        return None


def _names() -> dict[Cell, str]:
    """The active cities of each cell, in staff's order."""
    names: dict[Cell, str] = {}
    for name, country, key in City.objects.active().values_list("name", "country", "cell"):
        cell = Cell.from_key(key)
        names[cell] = f"{names[cell]}; {name}, {country}" if cell in names else f"{name}, {country}"
    return names


def _runs() -> list[PrewarmRun]:
    return list(PrewarmRun.objects.all()[:RUNS])


def _run_row(run: PrewarmRun) -> dict[str, Any]:
    return {"run": run, "took": format_run_time(run.took_seconds), "result": result_badge(run)}


def _warnings(snapshot: RedisSnapshot, is_database_gone: bool, database_seconds: float) -> Iterable[str]:
    if snapshot.is_redis_down:
        yield NO_REDIS
    if is_database_gone:
        yield NO_DATABASE
    elif database_seconds >= SLOW_SECONDS:
        yield f"The database is slow: reading the cities and the runs took {database_seconds:.1f} s."
    if snapshot.spending and snapshot.spending.open_meteo == "failing":
        failed = format_count(snapshot.spending.failures, "call")
        yield f"Open-Meteo fails: {failed} in a row failed. Held forecasts are served."


def _map(markers: list[MapMarker]) -> dict[str, Any]:
    states = counts(markers)
    return {
        "width": worldmap.WIDTH,
        "height": worldmap.HEIGHT,
        "markers": markers,
        "is_dense": len(markers) > MANY,
        "total": f"{len(markers):,}",
        "shapes": (*STATES, "popular"),
        "states": {state: f"{number:,}" for state, number in states.items()},
        "unknown": states["unknown"],
        "rows": markers[::-1][:ROWS],
        "more_rows": f"{len(markers) - ROWS:,}" if len(markers) > ROWS else "",
    }


def _budget(snapshot: RedisSnapshot) -> dict[str, Any]:
    spending = snapshot.spending
    if spending is None:
        return {"spending": None}
    return {
        "spending": spending,
        "chart": budget_chart.chart(spending),
        "datasets": list(budget_chart.rows(spending)),
        "of_no_dataset": f"{spending.of_no_dataset:,}" if spending.of_no_dataset else "",
        "budget": f"{spending.budget:,}",
        "spent": f"{spending.spent:,}",
        "refreshed": f"{spending.refreshed:,}",
        "on_new_places": f"{spending.on_new_places:,}",
        "line_now": f"{spending.line_at(spending.part_of_day):,.0f}",
        "left": {window: f"{left:,}" for window, left in spending.left.items()},
    }


def _models() -> list[ModelRuns]:
    """As this process last read them, in a loop: they take no round trip."""
    runs = service().runs
    return list(model_runs(runs.known.table, time())) if runs else []


def _clock(unix_seconds: float | None) -> datetime | None:
    return None if unix_seconds is None else datetime.fromtimestamp(unix_seconds, UTC)
