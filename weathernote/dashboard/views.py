"""`/admin/weather/`: what staff look at to see how the service stands."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TypeVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import Error as DatabaseGone
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from prewarm.cities.models import City
from prewarm.runs.models import PrewarmRun
from weather.core.cells import Cell
from weathernote.dashboard import budget_chart, worldmap
from weathernote.dashboard.figures import figures
from weathernote.dashboard.map_markers import STATES, Spot, counts, spots
from weathernote.dashboard.redis_snapshot import Glance, glance

RUNS = 5
#: The table names so many; the list of cities has them all.
ROWS = 100
#: Beyond so many the marks on the map are small.
MANY = 400
SLOW_SECONDS = 1.0
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
NO_REDIS = (
    "Redis does not answer. Phones are still served, from what each process remembers and by calls within its share; "
    "how the cells stand, what is spent and who is active cannot be told."
)
NO_DATABASE = "The database does not answer: the cities and the runs cannot be shown. Weather and forecast go on."

T = TypeVar("T")


@admin.site.admin_view
def dashboard(request: HttpRequest) -> HttpResponseBase:
    """The whole page, or with `?parts` what changes of it."""
    if not request.user.has_perm("prewarm.view_city"):
        raise PermissionDenied
    shown = admin.site.each_context(request) | {"title": "Weather"} | _everything(request)
    template = "admin/weather/parts.html" if "parts" in request.GET else "admin/weather/index.html"
    response = TemplateResponse(request, template, shown)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


def _everything(request: HttpRequest) -> dict[str, Any]:
    began = monotonic()
    names = _from_database(_names)
    runs = _from_database(_runs) if request.user.has_perm("prewarm.view_prewarmrun") else ()
    database_seconds = monotonic() - began
    seen = glance(list(names or ()))
    shown = spots(names or {}, seen.cities, seen.asked)
    return {
        "warnings": list(_warnings(seen, names is None or runs is None, database_seconds)),
        "updated": datetime.now(UTC),
        **_map(shown),
        **_budget(seen),
        "figures": list(figures(seen, shown)),
        "last_good_run": _clock(seen.last_good_run),
        "runs": runs,
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


def _warnings(seen: Glance, is_database_gone: bool, database_seconds: float) -> Iterable[str]:
    if seen.is_redis_gone:
        yield NO_REDIS
    if is_database_gone:
        yield NO_DATABASE
    elif database_seconds >= SLOW_SECONDS:
        yield f"The database is slow: it took {database_seconds:.1f} s to name the cities and the runs."
    if seen.spending and seen.spending.open_meteo == "failing":
        yield f"Open-Meteo fails: {seen.spending.failures} calls in a row brought nothing. What is held is served."


def _map(shown: list[Spot]) -> dict[str, Any]:
    states = counts(shown)
    return {
        "width": worldmap.WIDTH,
        "height": worldmap.HEIGHT,
        "spots": shown,
        "is_dense": len(shown) > MANY,
        "total": f"{len(shown):,}",
        "marks": (*STATES, "asked"),
        "states": {state: f"{number:,}" for state, number in states.items()},
        "unknown": states["unknown"],
        "rows": shown[::-1][:ROWS],
        "more_rows": f"{len(shown) - ROWS:,}" if len(shown) > ROWS else "",
    }


def _budget(seen: Glance) -> dict[str, Any]:
    spending = seen.spending
    if spending is None:
        return {"spending": None}
    return {
        "spending": spending,
        "chart": budget_chart.chart(spending),
        "budget": f"{spending.budget:,}",
        "spent": f"{spending.spent:,}",
        "refreshed": f"{spending.refreshed:,}",
        "on_new_places": f"{spending.on_new_places:,}",
        "line_now": f"{spending.line_at(spending.part_of_day):,.0f}",
        "left": {window: f"{left:,}" for window, left in spending.left.items()},
    }


def _clock(unix_seconds: float | None) -> datetime | None:
    return None if unix_seconds is None else datetime.fromtimestamp(unix_seconds, UTC)
