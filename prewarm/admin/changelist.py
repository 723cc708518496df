"""The admin's list of cities, which reads the status of all cities of a page from Redis at once."""

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from prewarm.cities import cell_status
from prewarm.cities.cell_status import CellStatus

_MEANINGS = {
    "fresh": "Held and not due for a refresh",
    "stale": "Held and due for a refresh: served at once, refreshed behind the request",
    "cold": "Nothing is held: the next request waits for Open-Meteo",
    "unknown": "Redis does not say",
}


class CellStatusChangeList(ChangeList):
    """A page of cities, each with the CellStatus of its cell as `status`."""

    def get_results(self, request: HttpRequest) -> None:
        """Reads the statuses of the page with one round trip to Redis."""
        super().get_results(request)
        cities: Any = list(self.result_list)
        statuses = cell_status.read([city.as_cell for city in cities])
        for city in cities:
            city.status = statuses[city.as_cell]


def badge(status: CellStatus) -> SafeString:
    """The state in a colour of its own, and what it means as a tooltip."""
    return format_html('<span class="badge {0}" title="{1}">{0}</span>', status.state, _MEANINGS[status.state])
