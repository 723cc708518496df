"""The cities of staff: the list with how each stands, the actions, import and export."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from import_export.admin import ImportExportMixin

from prewarm.admin import background_task, changelist, importing
from prewarm.admin.forms import CityForm, CityRowForm
from prewarm.admin.resources import CityResource, TooSlow
from prewarm.cities import countries
from prewarm.cities.models import City, CityImport
from prewarm.runs import run, run_history
from prewarm.runs.outcome import RefreshOutcome
from weather.places.fold import fold
from weathernote.http import request_bodies
from weathernote.redis import RedisDown

#: So many cities are refreshed in a minute or two.
MOST_PREWARMED_NOW = 100
NO_REDIS = "Redis, which keeps the file until you confirm, does not answer; upload it again in a minute."

UPLOAD_GONE = "The file is kept for an hour only; upload it again."
BUSY = "Another import or prewarm of staff is under way: try again when it is done."
_IN_WORDS: dict[type, str] = {RedisDown: NO_REDIS, importing.UploadGone: UPLOAD_GONE}


class CountryFilter(admin.SimpleListFilter):
    title = "country"
    parameter_name = "country"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = countries.names()
        present = City.objects.order_by().values_list("country", flat=True).distinct()
        return sorted(((code, names.get(code, code)) for code in present), key=lambda country: fold(country[1]))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(country=self.value()) if self.value() else queryset


@admin.register(City)
class CityAdmin(ImportExportMixin, admin.ModelAdmin):
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

    resource_classes = (CityResource,)
    formats = (importing.CityCsv,)
    import_form_class = importing.UploadForm
    tmp_storage_class = importing.RedisStorage
    import_template_name = "admin/prewarm/city/import.html"
    skip_export_form = True

    class Media:
        js = ("prewarm/position.js",)

    # ── the list ──────────────────────────────────────────────────────────────────────────────────

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return changelist.CellStatusChangeList

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{"form": CityRowForm, **kwargs})

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        if folded := fold(search_term):
            # Databases differ in what they take for the same letter.
            named = [pk for pk, name in City.objects.values_list("pk", "name") if folded in fold(name)]
            found |= queryset.filter(pk__in=named)
        return found, has_duplicates

    @admin.display(description="weather")
    def state(self, city: Any) -> SafeString:
        return changelist.badge(city.status)

    @admin.display(description="age")
    def age(self, city: Any) -> str:
        return changelist.format_duration(city.status.age_seconds)

    @admin.display(description="ends in")
    def answer_ends(self, city: Any) -> str:
        return changelist.format_duration(city.status.answer_ends_in_seconds)

    @admin.display(description="asked / h")
    def asked(self, city: Any) -> str:
        rate = city.status.requests_per_hour
        return "–" if not rate or rate < 0.05 else f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"

    # ── actions ───────────────────────────────────────────────────────────────────────────────────

    @admin.action(description="Activate selected cities", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._switch(request, queryset, active=True)

    @admin.action(description="Deactivate selected cities", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._switch(request, queryset, active=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet, *, active: bool) -> None:
        switched = list(queryset.filter(active=not active))
        City.objects.filter(pk__in=[city.pk for city in switched]).update(active=active)
        word = "activated" if active else "deactivated"
        if switched:
            staff: Any = request.user
            LogEntry.objects.log_actions(staff.pk, switched, CHANGE, word.capitalize())
        self.message_user(request, f"{len(switched)} {_cities(len(switched))} {word}.", messages.SUCCESS)

    @admin.action(description="Prewarm selected cities now", permissions=["change"])
    def prewarm_now(self, request: HttpRequest, queryset: QuerySet) -> None:
        chosen = list(queryset)
        if len(chosen) > MOST_PREWARMED_NOW:
            text = f"At most {MOST_PREWARMED_NOW} cities at a time; manage.py prewarm does them all."
            self.message_user(request, text, messages.ERROR)
            return
        work = background_task.begin(lambda: run.refresh_now(chosen, is_told_to_stop=background_task.is_ending.is_set))
        if work is None:
            self.message_user(request, BUSY, messages.ERROR)
            return
        try:
            outcome = work.result(_wait_seconds(request))
        except TimeoutError:
            self._goes_on(request, "The prewarm", "admin:prewarm_prewarmrun_changelist", "prewarm runs")
        else:
            self.message_user(request, outcome.text, _level(outcome))

    def _goes_on(self, request: HttpRequest, what: str, page: str, name: str) -> None:
        text = '{} goes on without you: how it stands is told under <a href="{}">{}</a>.'
        self.message_user(request, format_html(text, what, reverse(page), name), messages.INFO)

    # ── import and export ─────────────────────────────────────────────────────────────────────────

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().import_action(request, **kwargs)
        except RedisDown:
            return self._upload_again(request, NO_REDIS)
        except TooSlow as error:
            return self._upload_again(request, str(error))

    def get_import_resource_kwargs(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_import_resource_kwargs(request, **kwargs),
            "seconds_left": request_bodies.seconds_left(request.META),
        }

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST" or not self.has_import_permission(request):
            return super().process_import(request, **kwargs)
        row = CityImport(
            file_name=request.POST.get("original_file_name", "")[:200], user=request.user.get_username()[:150]
        )
        work = background_task.begin(
            partial(self._imported, partial(super().process_import, request, **kwargs), request, row)
        )
        if work is None:
            return self._upload_again(request, BUSY)
        try:
            return work.result(_wait_seconds(request))
        except TimeoutError:
            imports = "admin:prewarm_cityimport_changelist"
            self._goes_on(request, "The import", imports, "imports")
            return HttpResponseRedirect(reverse(imports))
        except importing.UploadGone:
            return self._upload_again(request, UPLOAD_GONE)
        except RedisDown:
            return self._upload_again(request, NO_REDIS)

    def _imported(
        self, process: Callable[[], HttpResponseBase], request: HttpRequest, row: CityImport
    ) -> HttpResponseBase:
        """Imports all of the file or nothing, and leaves in the row how that went."""
        row.save()
        request.city_import = row  # type: ignore[attr-defined]
        try:
            response = process()
        except Exception as error:
            told = _IN_WORDS.get(type(error)) or f"Nothing was imported: {run_history.one_line(error)}"[:500]
            run_history.or_say(partial(row.end, told))
            raise
        if row.finished is None:
            row.end("Nothing was imported: the form was not in order.")
        return response

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponseBase:
        row: CityImport = request.city_import  # type: ignore[attr-defined]
        if result.has_errors():
            row.end("Nothing was imported: a row could not be saved; upload the file again to see which.")
            return self._upload_again(request, row.message)
        row.new, row.changed, row.unchanged = (result.totals[kind] for kind in ("new", "update", "skip"))
        row.refused = result.totals["invalid"]
        row.end()
        return super().process_result(result, request)

    def _upload_again(self, request: HttpRequest, text: str) -> HttpResponseBase:
        self.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:prewarm_city_import"))

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        if isinstance(e, RedisDown):
            raise e
        if isinstance(e, importing.NoTable):
            form.add_error("import_file", str(e))
        else:
            super().add_data_read_fail_error_to_form(form, e)


def _wait_seconds(request: HttpRequest) -> float:
    return min(background_task.WAIT_SECONDS, request_bodies.seconds_left(request.META))


def _level(outcome: RefreshOutcome) -> int:
    """The level of the message about a prewarm: a success only where nothing was left undone."""
    if outcome.is_redis_down:
        return messages.ERROR
    return messages.SUCCESS if outcome.is_complete else messages.WARNING


def _cities(number: int) -> str:
    return "city" if number == 1 else "cities"
