"""The city list of the admin, with how each city of the page stands."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from prewarm.cities import cell_status
from prewarm.cities.cell_status import CellStatus

_MEANS = {
    "fresh": "Held and not due for a refresh",
    "stale": "Held and due for a refresh: served at once, refreshed behind the request",
    "cold": "Nothing is held: the next request waits for Open-Meteo",
    "unknown": "Redis does not say",
}


class CellStatusChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        cities: Any = list(self.result_list)
        statuses = cell_status.read([city.as_cell for city in cities])
        for city in cities:
            city.status = statuses[city.as_cell]


def badge(status: CellStatus) -> SafeString:
    return format_html('<span class="badge {}" title="{}">{}</span>', status.state, _MEANS[status.state], status.state)


def format_duration(seconds: float | None) -> str:
    """A span of time as people say it: 42 s, 9 min, 3 h 05 min, 1 d 4 h."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
