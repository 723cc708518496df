"""The admin of cities: the list with the status of each city's cell, and its actions."""

import re
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from prewarm.admin import background_task, changelist
from prewarm.admin.city_files import CityFilesMixin
from prewarm.admin.forms import CityForm, CityRowForm
from prewarm.cities import countries
from prewarm.cities.formatting import format_duration, format_rate
from prewarm.cities.models import City
from prewarm.runs import run
from prewarm.runs.outcome import RefreshOutcome
from weather.places.fold import fold

#: So many cities are refreshed in a minute or two.
MOST_PREWARMED_NOW = 100
UNKNOWN_CITY = "Choose cities from the list: what was sent names none of them."
_PRIMARY_KEY = re.compile(r"[0-9]{1,18}")


class CountryFilter(admin.SimpleListFilter):
    """Filters by country, sorted by name; only countries that have a city are offered."""

    title = "country"
    parameter_name = "country"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Pairs of a country's code and name."""
        names = countries.names()
        present = City.objects.order_by().values_list("country", flat=True).distinct()
        return sorted(((code, names.get(code, code)) for code in present), key=lambda country: fold(country[1]))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """The cities of the chosen country, or all."""
        return queryset.filter(country=self.value()) if self.value() else queryset


@admin.register(City)
class CityAdmin(CityFilesMixin, admin.ModelAdmin):
    """Cities with the status of their cells; staff edit order and activity in the list."""

    form = CityForm
    list_display = ("name", "country", "cell", "state", "age", "answer_ends", "asked", "order", "active")
    list_editable = ("order", "active")
    list_filter = ("active", CountryFilter)
    list_per_page = 100
    list_max_show_all = 200
    search_fields = ("name", "country", "notes")
    search_help_text = "Name (accents make no difference), country code or notes"
    actions = ("activate", "deactivate", "prewarm_now")
    readonly_fields = ("cell", "created", "changed")
    fieldsets = (
        (None, {"fields": ("name", "country", "timezone", "population")}),
        ("Position", {"fields": ("latitude", "longitude", "cell")}),
        ("Staff", {"fields": ("active", "order", "notes", "created", "changed")}),
    )
    save_on_top = True

    class Media:
        js = ("prewarm/position.js",)

    # ── the list ──────────────────────────────────────────────────────────────────────────────────

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        """The list that reads the statuses."""
        return changelist.CellStatusChangeList

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        """The form of one row."""
        return super().get_changelist_form(request, **{"form": CityRowForm, **kwargs})

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Cities whose name, country code or notes match, names also without accents."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        if searched := fold(search_term):
            # Compared here: SQLite and PostgreSQL differ in which letters are the same without case and accents.
            named = [pk for pk, name in City.objects.values_list("pk", "name") if searched in fold(name)]
            found |= queryset.filter(pk__in=named)
        return found, has_duplicates

    @admin.display(description="weather")
    def state(self, city: Any) -> SafeString:
        """The state of the cell as a coloured badge."""
        return changelist.badge(city.status)

    @admin.display(description="age")
    def age(self, city: Any) -> str:
        """How long ago the held forecast was fetched."""
        return format_duration(city.status.age_seconds)

    @admin.display(description="ends in")
    def answer_ends(self, city: Any) -> str:
        """The rest of the life of the cached answer of /weather."""
        return format_duration(city.status.answer_ends_in_seconds)

    @admin.display(description="asked / h")
    def asked(self, city: Any) -> str:
        """Requests per hour, averaged over about a day."""
        return format_rate(city.status.requests_per_hour)

    # ── actions ───────────────────────────────────────────────────────────────────────────────────

    def response_action(
        self, request: HttpRequest, queryset: QuerySet, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Refuses ids that are no primary keys, for which Django would fail with a 500."""
        if all(map(_PRIMARY_KEY.fullmatch, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            return super().response_action(request, queryset, *args, **kwargs)
        self.message_user(request, UNKNOWN_CITY, messages.ERROR)
        return None  # Django goes back to the list

    @admin.action(description="Activate selected cities", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Shows the cities to clients and keeps them warm."""
        self._switch(request, queryset, active=True)

    @admin.action(description="Deactivate selected cities", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Hides the cities from clients and stops keeping them warm."""
        self._switch(request, queryset, active=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet, *, active: bool) -> None:
        switched = list(queryset.filter(active=not active))
        City.objects.filter(pk__in=[city.pk for city in switched]).update(active=active)
        word = "activated" if active else "deactivated"
        if switched:
            staff: Any = request.user
            LogEntry.objects.log_actions(staff.pk, switched, CHANGE, word.capitalize())
        self.message_user(
            request, f"{len(switched)} {'city' if len(switched) == 1 else 'cities'} {word}.", messages.SUCCESS
        )

    @admin.action(description="Prewarm selected cities now", permissions=["change"])
    def prewarm_now(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Fetches the cities at once, at most MOST_PREWARMED_NOW; past WAIT_SECONDS in the background."""
        chosen = list(queryset)
        if len(chosen) > MOST_PREWARMED_NOW:
            text = f"At most {MOST_PREWARMED_NOW} cities at a time; manage.py prewarm does them all."
            self.message_user(request, text, messages.ERROR)
            return
        work = background_task.begin(lambda: run.refresh_now(chosen, should_stop=background_task.is_ending.is_set))
        if work is None:
            self.message_user(request, background_task.BUSY, messages.ERROR)
            return
        try:
            outcome = work.result(background_task.wait_seconds(request))
        except TimeoutError:
            background_task.announce_continuation(
                request, "The prewarm", "admin:prewarm_prewarmrun_changelist", "prewarm runs"
            )
        else:
            self.message_user(request, outcome.text, _level(outcome))


def _level(outcome: RefreshOutcome) -> int:
    """The level of the message about a prewarm: a success only if it is complete."""
    if outcome.is_redis_down:
        return messages.ERROR
    return messages.SUCCESS if outcome.is_complete else messages.WARNING
