"""The admin of the rows that only the service writes: the runs of prewarm and the imports of cities."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from prewarm.cities.formatting import format_run_time
from prewarm.cities.models import CityImport
from prewarm.runs.models import PrewarmRun
from prewarm.unended import UNENDED, unended_as

_COUNTS = ("refreshed", "rederived", "skipped", "failed")


class ResultFilter(admin.SimpleListFilter):
    """Filters by result: the choices of the field, and for rows without a result whether they may still go on."""

    title = "result"
    ends: Iterable[tuple[int, str]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The results of the field, and the words for rows without one."""
        return [*((str(code), words) for code, words in self.ends), *((words, words) for words in UNENDED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """The rows with the chosen result; all for an unknown value."""
        value = self.value()
        if value in UNENDED:
            return queryset.filter(unended_as(value), **{f"{self.parameter_name}__isnull": True})
        return queryset.filter(**{str(self.parameter_name): value}) if value in dict(self.lookup_choices) else queryset


class RunResultFilter(ResultFilter):
    """Filters runs by exit code."""

    parameter_name, ends = "exit_code", PrewarmRun.RESULTS


class ImportResultFilter(ResultFilter):
    """Filters imports by result."""

    parameter_name, ends = "result", CityImport.RESULTS


class ByStaffFilter(admin.BooleanFieldListFilter):
    """Filters runs by who started them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "staff"  # "By by staff" otherwise


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only the service writes; staff may read them."""

    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """False: only the service adds rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: only the service changes rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: prewarm deletes old rows."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list under the name of its model."""
        # Django's own says "Select ... to view", where nothing is to be selected.
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    @admin.display(description="started (UTC)", ordering="started")
    def start(self, row: Any) -> str:
        """The second in which the work began."""
        return f"{row.started:%Y-%m-%d %H:%M:%S}"


def result_badge(run: PrewarmRun) -> SafeString:
    """How a run ended, in a colour of its own, with its message as a tooltip."""
    css = {None: "unknown", 0: "fresh", 1: "stale"}.get(run.exit_code, "wrong")
    return format_html('<span class="badge {}" title="{}">{}</span>', css, run.message, run.result_in_words)


@admin.register(PrewarmRun)
class PrewarmRunAdmin(ReadOnlyAdmin):
    """The runs of the last 30 days, the newest first."""

    list_display = ("start", "took", "result", *_COUNTS, "calls", "spent")
    list_filter = (RunResultFilter, "forced", ("by_staff", ByStaffFilter))
    fields = readonly_fields = (
        "start",
        "took",
        "result",
        *_COUNTS,
        "names_of_failed",
        "calls",
        "spent",
        "forced",
        "by_staff",
        "message",
    )

    @admin.display(description="took", ordering="took_seconds")
    def took(self, run: PrewarmRun) -> str:
        """The run time."""
        return format_run_time(run.took_seconds)

    @admin.display(description="result", ordering="exit_code")
    def result(self, run: PrewarmRun) -> SafeString:
        """The result as a coloured badge."""
        return result_badge(run)

    @admin.display(description="budget spent", ordering="weight")
    def spent(self, run: PrewarmRun) -> str:
        """The budget spent, in Open-Meteo's weight."""
        return f"{run.weight:,.1f}"

    @admin.display(description="failed cities")
    def names_of_failed(self, run: PrewarmRun) -> str:
        """The cities whose refresh failed."""
        failed: str | Iterable[str] = run.failed_cities
        return failed if isinstance(failed, str) else ", ".join(failed) or "–"


@admin.register(CityImport)
class CityImportAdmin(ReadOnlyAdmin):
    """The imports of cities, the newest first."""

    list_display = fields = readonly_fields = (
        "start",
        "state",
        *("new", "changed", "unchanged", "refused"),
        *("file_name", "user", "message"),
    )
    list_filter = (ImportResultFilter,)

    @admin.display(description="result", ordering="result")
    def state(self, imported: CityImport) -> SafeString:
        """The result as a coloured badge."""
        css = {None: "unknown", 0: "fresh"}.get(imported.result, "wrong")
        return format_html('<span class="badge {}">{}</span>', css, imported.result_in_words)
