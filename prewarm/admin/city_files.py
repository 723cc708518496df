"""Import and export of cities as CSV: checked and previewed first, stored once staff confirm."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from import_export.admin import ImportExportMixin

from prewarm.admin import background_task, importing
from prewarm.admin.resources import CityResource, TooSlow
from prewarm.cities.models import CityImport
from prewarm.runs import run_history
from weathernote.http.bodies import request_bodies
from weathernote.redis import RedisDown

NO_REDIS = "Redis, which keeps the file until you confirm, does not answer; upload it again in a minute."
UPLOAD_GONE = "The file is kept for an hour only; upload it again."
UNKNOWN_FILTER = "The list cannot be filtered like that: nothing was exported."
#: The key of the import's row in the request: import-export hands nothing else on. No header can set a name with a dot.
_ROW = "prewarm.city_import"
_MESSAGES: dict[type, str] = {RedisDown: NO_REDIS, importing.UploadGone: UPLOAD_GONE}


class CityFilesMixin(ImportExportMixin):
    """The pages `import/` and `export/` of the list of cities."""

    resource_classes = (CityResource,)
    formats = (importing.CityCsv,)
    import_form_class = importing.UploadForm
    tmp_storage_class = importing.RedisStorage
    import_template_name = "admin/prewarm/city/import.html"
    skip_export_form = True

    def has_import_permission(self, request: HttpRequest) -> bool:
        """An import both adds and changes cities."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whoever may view cities may export them."""
        return self.has_view_permission(request)

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Checks an uploaded file and shows the preview."""
        try:
            return super().import_action(request, **kwargs)
        except RedisDown:
            return self._upload_again(request, NO_REDIS)
        except TooSlow as error:
            return self._upload_again(request, str(error))

    def get_import_resource_kwargs(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        """Adds `seconds_left`, which the request may still take, to the resource's arguments."""
        return {
            **super().get_import_resource_kwargs(request, **kwargs),
            "seconds_left": request_bodies.seconds_left(request.META),
        }

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        """Imports a confirmed file in a thread, and answers without it after WAIT_SECONDS."""
        if request.method != "POST" or not self.has_import_permission(request):
            return super().process_import(request, **kwargs)
        row = CityImport(
            file_name=request.POST.get("original_file_name", "")[:200], user=request.user.get_username()[:150]
        )
        work = background_task.begin(
            partial(self._import_file, partial(super().process_import, request, **kwargs), request, row)
        )
        if work is None:
            return self._upload_again(request, background_task.BUSY)
        try:
            return work.result(background_task.wait_seconds(request))
        except TimeoutError:
            imports = "admin:prewarm_cityimport_changelist"
            background_task.announce_continuation(request, "The import", imports, "imports")
            return HttpResponseRedirect(reverse(imports))
        except importing.UploadGone:
            return self._upload_again(request, UPLOAD_GONE)
        except RedisDown:
            return self._upload_again(request, NO_REDIS)

    def _import_file(
        self, process: Callable[[], HttpResponseBase], request: HttpRequest, row: CityImport
    ) -> HttpResponseBase:
        """Imports all rows of the file or none, and saves the result in `row`."""
        row.save()
        request.META[_ROW] = row
        try:
            response = process()
        except Exception as error:
            message = _MESSAGES.get(type(error)) or f"Nothing was imported: {run_history.one_line(error)}"[:500]
            run_history.write_or_log(partial(row.end, message))
            raise
        if row.finished is None:
            row.end("Nothing was imported: the confirmation was incomplete; upload the file again.")
        return response

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponseBase:
        """Saves the counts of an import, or what went wrong, in its row."""
        row: CityImport = request.META[_ROW]
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

    def export_action(self, request: HttpRequest) -> HttpResponseBase:
        """Sends the filtered cities as CSV."""
        try:
            return super().export_action(request)
        except IncorrectLookupParameters:  # a filter value that no link of the list has
            self.message_user(request, UNKNOWN_FILTER, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:prewarm_city_changelist"))

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        """Shows why a file is no table; a failure of Redis is left to `import_action`."""
        if isinstance(e, RedisDown):
            raise e
        if isinstance(e, importing.NoTable):
            form.add_error("import_file", str(e))
        else:
            super().add_data_read_fail_error_to_form(form, e)
