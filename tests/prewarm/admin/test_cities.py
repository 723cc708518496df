"""The admin that staff use: the list with how each city stands, its actions, import and export, and who may what."""

import csv
import io
import time
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from prewarm.admin import background_task, importing, resources
from prewarm.admin.changelist import format_duration
from prewarm.cities import cell_status, views
from prewarm.cities.models import City, CityImport
from prewarm.runs.models import PrewarmRun
from prewarm.runs.outcome import NO_REDIS, RefreshOutcome
from weather.api.service import service
from weather.core.answers import Question
from weather.core.cells import Cell
from weathernote import redis
from weathernote.http import request_bodies

CITIES = "/admin/prewarm/city/"
RUNS = "/admin/prewarm/prewarmrun/"
IMPORTS = "/admin/prewarm/cityimport/"
COLUMNS = "name,country,latitude,longitude,timezone,population,order,active,notes"
OSLO = "Oslo,NO,59.9139,10.7522,Europe/Oslo,717710,5,1,on the fjord"

pytestmark = pytest.mark.django_db


def at_once(work) -> Future:
    """Done before the request goes on: what a test changes is seen by its own thread alone."""
    outcome: Future = Future()
    try:
        outcome.set_result(work())
    except Exception as error:
        outcome.set_exception(error)
    return outcome


@pytest.fixture
def editor(api, monkeypatch) -> Client:
    """One of the city editors, logged in."""
    monkeypatch.setattr(background_task, "begin", at_once)
    user = User.objects.create_user("eve", is_staff=True)
    user.groups.add(Group.objects.get(name="city editors"))
    api.force_login(user)
    api.raise_request_exception = True
    views.cities_cache.cache_clear()
    return api


def fetch(cell: Cell, *, hours_ago: float = 0) -> None:
    """Has the cell's forecast held, as if it had come so long ago."""
    series = service().workers.submit({cell: "cold"})[cell].future.result(60)
    service().store.hold({cell: replace(series, fetched_at=int(series.fetched_at - hours_ago * 3600))})


def upload(editor: Client, text: str | bytes):
    data = text if isinstance(text, bytes) else text.encode()
    form = {"resource": "0", "format": "0", "import_file": SimpleUploadedFile("cities.csv", data)}
    return editor.post(f"{CITIES}import/", form)


def confirm(editor: Client, preview):
    return editor.post(f"{CITIES}process_import/", preview.context["confirm_form"].initial, follow=True)


def said(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def levels(response) -> list[str]:
    return [message.level_tag for message in response.context["messages"]]


def lose_redis(settings, forget) -> None:
    settings.CACHES["default"]["LOCATION"] = ["redis://127.0.0.1:1/0"]
    forget()


# ── the list ──────────────────────────────────────────────────────────────────────────────────────


def test_the_list_shows_how_each_city_stands(editor):
    fresh, stale = (City.objects.get(name=name).as_cell for name in ("Shanghai", "Beijing"))
    fetch(fresh)
    fetch(stale, hours_ago=5)
    page = editor.get(CITIES)
    states = {city.name: city.status for city in page.context["cl"].result_list}
    assert [states[name].state for name in ("Shanghai", "Beijing", "Shenzhen")] == ["fresh", "stale", "cold"]
    assert states["Beijing"].age_seconds == pytest.approx(5 * 3600, abs=5)
    text = page.content.decode()
    assert "5 h 00 min" in text and '<span class="badge stale"' in text and '<span class="badge cold"' in text


def test_an_answer_in_redis_shows_when_it_ends(editor, valkey):
    shanghai = City.objects.get(name="Shanghai")
    editor.get(f"/api/v1/weather?lat={shanghai.latitude}&lon={shanghai.longitude}")
    valkey.expire(Question(shanghai.as_cell).key, 125)
    assert cell_status.read([shanghai.as_cell])[shanghai.as_cell].answer_ends_in_seconds == pytest.approx(125, abs=2)


def test_a_popular_city_is_stale_sooner(editor, valkey):
    busy, quiet = (City.objects.get(name=name).as_cell for name in ("Shanghai", "Beijing"))
    for cell in (busy, quiet):
        fetch(cell, hours_ago=1)
    popularity = service().popularity
    popularity.record(busy, 100_000)
    popularity.record(quiet, 1)
    popularity.flush()
    valkey.set("popularity:price", repr(2e6))
    statuses = cell_status.read([busy, quiet])
    assert (statuses[busy].state, statuses[quiet].state) == ("stale", "fresh")
    assert (statuses[busy].requests_per_hour or 0) > 1000 > (statuses[quiet].requests_per_hour or 0) > 0


@pytest.mark.parametrize("garbage", ["", "cheap", "nan", "inf", "-1"])
def test_what_is_no_price_leaves_the_price_as_it_was(editor, valkey, garbage):
    price = service().price
    price.value = 2e6
    valkey.mset({"popularity:price": garbage, "popularity:turn": "1"})
    assert editor.get(CITIES).status_code == 200
    price.agree()
    assert price.value == redis.fetch_one(price.shared()) == 2e6


def test_the_list_reads_of_a_record_no_more_than_its_age(editor, monkeypatch):
    shanghai = City.objects.get(name="Shanghai").as_cell
    fetch(shanghai, hours_ago=1)
    monkeypatch.setattr("weather.core.packing._column", None)
    assert cell_status.read([shanghai])[shanghai].age_seconds == pytest.approx(3600, abs=5)


def test_without_redis_the_list_is_there_and_says_so(editor, settings, forget):
    lose_redis(settings, forget)
    page = editor.get(CITIES)
    assert page.status_code == 200 and page.content.decode().count("badge unknown") == 100


def test_a_page_takes_one_look_at_redis_and_the_same_queries_for_many_cities(editor, valkey, monkeypatch):
    looks = []
    read = cell_status.read

    def counted(cells):
        looks.append(len(cells))
        return read(cells)

    monkeypatch.setattr(cell_status, "read", counted)
    with CaptureQueriesContext(connection) as many:
        editor.get(CITIES)
    City.objects.exclude(name="Berlin").delete()
    with CaptureQueriesContext(connection) as one:
        editor.get(CITIES)
    assert looks == [100, 1]
    assert len(many) == len(one) <= 10


def test_the_order_is_changed_in_the_list_at_one_query_a_city(editor):
    page = editor.get(f"{CITIES}?q=an")
    formset = page.context["cl"].formset
    data = {f"form-{field}": value for field, value in formset.management_form.initial.items()} | {"_save": "Save"}
    for at, form in enumerate(formset.forms):
        data |= {f"form-{at}-id": form.instance.pk, f"form-{at}-order": form.instance.order}
        data |= {f"form-{at}-active": "on"}
    data["form-0-order"] = 1
    with CaptureQueriesContext(connection) as queries:
        response = editor.post(f"{CITIES}?q=an", data)
    assert response.status_code == 302 and len(formset.forms) > 20
    assert City.objects.get(order=1).name == formset.forms[0].instance.name
    assert LogEntry.objects.filter(object_repr=str(formset.forms[0].instance)).exists()
    assert len(queries) <= len(formset.forms) + 20  # Django itself looks each one up by its number


@pytest.mark.parametrize("search", ["sao paulo", "SÃO", "São"])
def test_staff_find_a_name_without_its_accents(editor, search):
    found = editor.get(CITIES, {"q": search}).context["cl"].result_list
    assert [city.name for city in found] == ["São Paulo"]


def test_the_list_is_filtered_by_country_and_active(editor):
    City.objects.filter(name="Berlin").update(active=False)
    cl = editor.get(CITIES, {"country": "DE", "active__exact": "0"}).context["cl"]
    assert [city.name for city in cl.result_list] == ["Berlin"]
    assert "Germany" in editor.get(CITIES).content.decode()


# ── actions ───────────────────────────────────────────────────────────────────────────────────────


def act(editor: Client, action: str, *names: str):
    chosen = list(City.objects.filter(name__in=names).values_list("pk", flat=True))
    return editor.post(CITIES, {"action": action, "_selected_action": chosen}, follow=True)


def test_cities_are_switched_off_and_on_together_and_their_history_says_so(
    editor, valkey, django_capture_on_commit_callbacks
):
    valkey.set("cities:active", "old")
    with django_capture_on_commit_callbacks(execute=True):
        response = act(editor, "deactivate", "Berlin", "Paris", "Lagos")
    assert said(response) == ["2 cities deactivated."] and not valkey.exists("cities:active")
    assert set(City.objects.filter(active=False).values_list("name", flat=True)) == {"Berlin", "Lagos"}
    berlin = City.objects.get(name="Berlin")
    assert "Deactivated" in editor.get(f"{CITIES}{berlin.pk}/history/").content.decode()
    assert said(act(editor, "activate", "Berlin")) == ["1 city activated."]
    assert City.objects.get(name="Berlin").active


def test_prewarm_now_tells_what_was_done(editor, monkeypatch):
    monkeypatch.setattr("prewarm.runs.run.refresh_now", lambda cities, **_: RefreshOutcome(2, len(cities), 1))
    assert said(act(editor, "prewarm_now", "Berlin", "Lagos")) == ["2 of 2 cells refreshed in 1 call."]


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        (RefreshOutcome(2, 2, 1), "success"),
        (RefreshOutcome(12, 2, 1), "warning"),
        (RefreshOutcome(1, 2, 1, failed=("Berlin",)), "warning"),
        (RefreshOutcome(2, 2, 1, reasons=("budget: the day's is spent",)), "warning"),
        (RefreshOutcome(0, 2, 0), "warning"),
        (RefreshOutcome(0, 2, 0, is_redis_down=True), "error"),
    ],
)
def test_what_is_not_done_is_said_as_a_warning(editor, monkeypatch, outcome, level):
    monkeypatch.setattr("prewarm.runs.run.refresh_now", lambda cities, **_: outcome)
    assert levels(act(editor, "prewarm_now", "Berlin")) == [level]


def test_prewarm_now_without_redis_is_an_error(editor, settings, forget):
    lose_redis(settings, forget)
    response = act(editor, "prewarm_now", "Berlin")
    assert (said(response), levels(response)) == ([f"{NO_REDIS}."], ["error"])


def test_prewarm_now_of_all_is_a_success(editor):
    assert levels(act(editor, "prewarm_now", "Berlin", "Lagos")) == ["success"]


def test_prewarm_now_leaves_a_row_like_any_run(editor):
    act(editor, "prewarm_now", "Berlin", "Lagos")
    row = PrewarmRun.objects.get()
    assert (row.refreshed, row.exit_code, row.forced, row.finished is None) == (2, 0, True, False)


@pytest.mark.parametrize(("minutes", "word"), [(1, "running"), (16, "not ended")])
def test_a_run_without_an_end_is_running_until_it_must_have_been_killed(editor, minutes, word):
    begun = timezone.now() - timedelta(minutes=minutes)
    PrewarmRun.objects.create(started=begun)
    CityImport.objects.create(started=begun)
    for page in (RUNS, IMPORTS):
        assert f">{word}</span>" in editor.get(page).content.decode()


@pytest.mark.parametrize(("page", "field"), [(RUNS, "exit_code"), (IMPORTS, "result")])
@pytest.mark.parametrize(
    ("chosen", "minutes"), [("running", [1]), ("not ended", [16]), ("0", [2]), ("odd", [1, 2, 16])]
)
def test_runs_and_imports_are_filtered_by_how_they_ended(editor, page, field, chosen, minutes):
    now = timezone.now()
    model = PrewarmRun if page == RUNS else CityImport
    for ago, code in ((1, None), (2, 0), (16, None)):
        model.objects.create(started=now - timedelta(minutes=ago), **{field: code})
    shown = editor.get(page, {field: chosen}).context["cl"].result_list
    assert [(now - row.started) // timedelta(minutes=1) for row in shown] == minutes


@pytest.mark.parametrize(("page", "title"), [(RUNS, "Prewarm runs"), (IMPORTS, "City imports")])
def test_a_list_in_which_nothing_is_selected_says_what_it_shows(editor, page, title):
    assert editor.get(page).context["title"] == title


@pytest.mark.parametrize("what", ["prewarm", "import"])
def test_what_takes_long_goes_on_behind_the_request(editor, monkeypatch, what):
    monkeypatch.setattr(background_task, "WAIT_SECONDS", 0)
    preview = upload(editor, f"{COLUMNS}\n{OSLO}")
    monkeypatch.setattr(background_task, "begin", lambda work: Future())
    response = act(editor, "prewarm_now", "Berlin") if what == "prewarm" else confirm(editor, preview)
    assert levels(response) == ["info"] and "goes on without you" in said(response)[0]


def test_a_body_that_took_long_leaves_less_time_to_wait_for_what_goes_on_behind(editor, monkeypatch):
    waits = []

    class Slow(Future):
        def result(self, timeout=None):
            waits.append(timeout)
            raise TimeoutError

    monkeypatch.setattr(background_task, "begin", lambda work: Slow())
    began = {"weathernote.began": time.monotonic() - request_bodies.ANSWER_SECONDS + 4}
    editor.post(CITIES, {"action": "prewarm_now", "_selected_action": [City.objects.all()[0].pk]}, **began)
    assert waits[0] <= 4


@pytest.mark.parametrize("what", ["prewarm", "import"])
def test_a_second_one_is_told_that_one_is_under_way(editor, monkeypatch, what):
    preview = upload(editor, f"{COLUMNS}\n{OSLO}")
    monkeypatch.setattr(background_task, "begin", lambda work: None)
    response = act(editor, "prewarm_now", "Berlin") if what == "prewarm" else confirm(editor, preview)
    assert levels(response) == ["error"] and "under way" in said(response)[0]


# ── one city ──────────────────────────────────────────────────────────────────────────────────────


def form_of(**changes) -> dict[str, str]:
    told = dict(zip(COLUMNS.split(","), OSLO.split(","), strict=True)) | {"active": "on"}
    return told | changes


def test_a_city_is_added_with_its_cell_and_its_history(editor):
    response = editor.post(f"{CITIES}add/", form_of(country="no", latitude=" 59.91390000009 "))
    assert response.status_code == 302
    oslo = City.objects.get(name="Oslo")
    assert (oslo.country, oslo.cell) == ("NO", "lat:59.9:lon:10.8")
    editor.post(f"{CITIES}{oslo.pk}/change/", form_of(order="7"))
    history = editor.get(f"{CITIES}{oslo.pk}/history/").content.decode()
    assert "Added" in history and "Changed Order" in history and "Latitude" not in history


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"latitude": "91"}, "latitude", "must be between -90 and 90 degrees"),
        ({"latitude": "59,9"}, "latitude", "must be a decimal number of degrees, such as 40.7128"),
        ({"longitude": "NaN"}, "longitude", "must be a decimal number of degrees, such as 40.7128"),
        ({"longitude": ""}, "longitude", "This field is required."),
        ({"timezone": "Europe/Atlantis"}, "timezone", "must be an IANA time zone, such as Asia/Tokyo"),
        ({"country": "UK"}, "country", "must be a country's two letters by ISO 3166, such as JP"),
        ({"name": "Berlin", "latitude": "52.52", "longitude": "13.41"}, "name", "Berlin is in this cell already."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(editor, changes, field, fault):
    page = editor.post(f"{CITIES}add/", form_of(**changes))
    assert page.context["adminform"].form.errors == {field: [fault]}


def test_the_page_of_a_city_shows_its_cell_and_brings_the_script(editor):
    page = editor.get(f"{CITIES}{City.objects.get(name='Berlin').pk}/change/").content.decode()
    assert "lat:52.5:lon:13.4" in page and "prewarm/position.js" in page and 'value="52.52437"' in page


# ── import and export ─────────────────────────────────────────────────────────────────────────────


def test_a_table_is_previewed_and_stored_once_it_is_confirmed(editor, valkey):
    preview = upload(editor, f"{COLUMNS}\n{OSLO}\n")
    assert "1 row in order" in preview.content.decode() and not City.objects.filter(name="Oslo").exists()
    assert [valkey.ttl(key) > 0 for key in valkey.keys("cities:upload:*")] == [True]
    assert said(confirm(editor, preview)) == ["Import finished: 1 new, 0 updated, 0 deleted and 0 skipped cities."]
    oslo = City.objects.get(name="Oslo")
    assert (oslo.cell, oslo.order, oslo.notes) == ("lat:59.9:lon:10.8", 5, "on the fjord")
    assert valkey.keys("cities:upload:*") == []
    assert LogEntry.objects.filter(object_repr="Oslo, NO").exists()


def test_bad_rows_are_named_and_the_good_ones_still_previewed(editor):
    rows = [
        OSLO,
        "Nowhere,NO,91,10,Europe/Oslo,0,0,1,",
        "Rome,IT,41.9,12.5,Europe/Rome,x,0,maybe,",
        "Short,NO",
        "Paris,FR,48.85,2.35,Europe/Paris,2000000,9,1,a comma, not quoted",
    ]
    preview = upload(editor, "\n".join([COLUMNS, *rows]))
    result = preview.context["result"]
    assert {row.number + 1: set(row.field_specific_errors) for row in result.invalid_rows} == {
        3: {"latitude"},
        4: {"population", "active"},
        5: {"latitude", "longitude", "timezone"},
    }
    text = preview.content.decode()
    assert "3 rows cannot be imported" in text and "2 rows in order" in text
    assert "must be between -90 and 90 degrees" in text and "must be 1 or 0" in text and "a comma, not quoted" in text
    assert "confirm_form" not in preview.context and not City.objects.filter(name="Oslo").exists()


def test_a_city_that_is_there_is_changed_and_one_that_is_the_same_left(editor):
    rows = [
        "Berlin,DE,52.52437,13.41053,Europe/Berlin,3426354,1,1,moved up",
        "Shanghai,CN,31.22222,121.45806,Asia/Shanghai,24874500,10,1,",
    ]
    preview = upload(editor, "\n".join([COLUMNS, *rows]))
    assert said(confirm(editor, preview)) == ["Import finished: 0 new, 1 updated, 0 deleted and 1 skipped cities."]
    assert City.objects.count() == 100 and City.objects.get(name="Berlin").order == 1


def test_an_import_leaves_a_row_that_tells_what_became_of_it(editor):
    confirm(editor, upload(editor, f"{COLUMNS}\n{OSLO}\nBerlin,DE,52.52437,13.41053,Europe/Berlin,1,0,1,"))
    row = CityImport.objects.get()
    assert (row.result, row.new, row.changed, row.file_name, row.user) == (0, 1, 1, "cities.csv", "eve")


def test_an_import_that_fails_changes_nothing_and_says_so(editor, monkeypatch):
    preview = upload(editor, f"{COLUMNS}\n{OSLO}\nBodø,NO,67.28,14.405,Europe/Oslo,1,0,1,")
    whole = City.save

    def fails_at_bodo(city, *args, **kwargs):
        if city.name == "Bodø":
            raise RuntimeError("disk full")
        whole(city, *args, **kwargs)

    monkeypatch.setattr(City, "save", fails_at_bodo)
    response = confirm(editor, preview)
    assert levels(response) == ["error"] and not City.objects.filter(name="Oslo").exists()
    assert CityImport.objects.get().result == 1 and "Nothing was imported" in CityImport.objects.get().message


def test_a_database_that_fails_hides_no_first_error(editor, monkeypatch):
    def fails(*_args, **_kwargs):
        monkeypatch.setattr(CityImport, "save", gone)
        raise OperationalError("the first error")

    def gone(*_args, **_kwargs):
        raise OperationalError("the second one")

    preview = upload(editor, f"{COLUMNS}\n{OSLO}")
    monkeypatch.setattr(resources.CityResource, "import_data", fails)
    with pytest.raises(OperationalError, match="the first error"):
        confirm(editor, preview)


def test_a_file_whose_check_takes_too_long_is_refused_in_time(editor, monkeypatch):
    monkeypatch.setattr(request_bodies, "ANSWER_SECONDS", -1)
    response = editor.post(
        f"{CITIES}import/",
        {"resource": "0", "format": "0", "import_file": SimpleUploadedFile("c.csv", f"{COLUMNS}\n{OSLO}".encode())},
        follow=True,
    )
    assert levels(response) == ["error"]
    assert said(response)[0].startswith("0 of 1 rows were checked in the time that a browser waits")


def test_a_body_that_took_long_leaves_less_time_for_the_check(editor, monkeypatch):
    monkeypatch.setattr(request_bodies, "ANSWER_SECONDS", 60)
    form = {"resource": "0", "format": "0", "import_file": SimpleUploadedFile("c.csv", f"{COLUMNS}\n{OSLO}".encode())}
    began = {"weathernote.began": time.monotonic() - 59}
    assert "were checked" in said(editor.post(f"{CITIES}import/", form, follow=True, **began))[0]


def order_of(name: str) -> int:
    return City.objects.get(name=name).order


@pytest.mark.parametrize("table", [f"{COLUMNS}\n{OSLO}".replace(",5,1,", ",,1,"), f"{COLUMNS[:40]}\n{OSLO[:35]}"])
def test_a_new_city_without_an_order_comes_last(editor, table):
    last = City.objects.order_by("-order")[0].order
    confirm(editor, upload(editor, table))
    assert order_of("Oslo") == last + resources.ORDER_STEP


def test_a_city_that_is_there_keeps_its_order_where_the_file_names_none(editor):
    before = order_of("Berlin")
    confirm(editor, upload(editor, f"{COLUMNS}\nBerlin,DE,52.52437,13.41053,Europe/Berlin,5,,1,noted"))
    assert City.objects.get(name="Berlin").notes == "noted" and order_of("Berlin") == before


def test_what_is_exported_can_be_imported_and_changes_nothing(editor):
    City.objects.filter(name="Berlin").update(active=False, notes='"quoted", and; so on')
    exported = editor.get(f"{CITIES}export/")
    assert exported["Content-Type"] == "text/csv"
    rows = list(csv.DictReader(io.StringIO(exported.content.decode())))
    assert len(rows) == 100 and ",".join(rows[0]) == COLUMNS
    berlin = next(row for row in rows if row["name"] == "Berlin")
    assert (berlin["latitude"], berlin["active"], berlin["order"]) == ("52.52437", "0", "990")
    result = upload(editor, exported.content).context["result"]
    assert result.totals["skip"] == 100


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-lagoon", "@home", "'=1+1", "''-5", "'-5"])
def test_what_begins_like_a_formula_is_exported_as_text_and_comes_back(editor, text):
    City.objects.filter(name="Lima").update(name=text, notes=text)
    exported = editor.get(f"{CITIES}export/?country=PE").content
    (row,) = csv.DictReader(io.StringIO(exported.decode()))
    assert row["name"] == row["notes"] == f"'{text}"
    assert (row["latitude"], row["longitude"]) == ("-12.04318", "-77.02824")
    assert upload(editor, exported).context["result"].totals["skip"] == 1


def test_an_export_of_a_filtered_list_holds_what_the_list_shows(editor):
    exported = editor.get(f"{CITIES}export/?country=DE").content.decode()
    assert [row["name"] for row in csv.DictReader(io.StringIO(exported))] == ["Berlin"]


@pytest.mark.parametrize(
    "table",
    [
        "\ufeff" + f"{COLUMNS}\r\n{OSLO}\r\n",
        f"{COLUMNS}\n{OSLO}".replace(",", ";"),
        f"{COLUMNS}\n{OSLO}".replace(",", "\t"),
        f"sep=;\r\n{COLUMNS}\r\n{OSLO}".replace(",", ";"),
        f"\ufeffSEP=,\n{COLUMNS}\n{OSLO}",
        f"{COLUMNS}\r{OSLO}\r",
        f"{COLUMNS.title()}\n\n{OSLO}\n,,,,,,,,\n",
        "name,country,latitude,longitude,timezone\nOslo,no,59.9139,10.7522,Europe/Oslo",
        f"{COLUMNS}\nOslo,NO,59.9139,10.7522,Europe/Oslo,,,,",
    ],
    ids=[
        "as Excel writes it",
        "semicolons",
        "tabs",
        "a line that says semicolon",
        "a line that says comma",
        "lines of an old Mac",
        "capitals and empty rows",
        "the needed columns",
        "empty cells",
    ],
)
def test_tables_are_read_as_spreadsheets_write_them(editor, table):
    confirm(editor, upload(editor, table))
    oslo = City.objects.get(name="Oslo")
    assert (oslo.cell, oslo.country, oslo.active) == ("lat:59.9:lon:10.8", "NO", True)


@pytest.mark.parametrize("inside", ["\u2028", "\u0085", "\x0c", "\x1c"])
def test_a_row_ends_at_the_end_of_its_line_alone(editor, inside):
    confirm(editor, upload(editor, f"{COLUMNS}\n{OSLO}{inside}and hills\n"))
    assert City.objects.get(name="Oslo").notes == f"on the fjord{inside}and hills"


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16"])
def test_a_table_in_another_encoding_is_asked_for_in_utf_8(editor, encoding):
    page = upload(editor, f"{COLUMNS}\n{OSLO}, Ænes\n".encode(encoding))
    fault = 'The file is not in UTF-8: save it as "CSV UTF-8" and upload it again.'
    assert page.context["form"].errors == {"import_file": [fault]}


def test_a_table_of_too_many_rows_is_asked_for_in_parts(editor, monkeypatch):
    monkeypatch.setattr(importing, "MOST_ROWS", 2)
    rows = [OSLO.replace("Oslo", name, 1) for name in ("Oslo", "Aker", "Ekeberg")]
    assert upload(editor, "\n".join([COLUMNS, *rows[:2]])).context["result"].totals["new"] == 2
    page = upload(editor, "\n".join([COLUMNS, *rows]))
    assert page.context["form"].errors == {"import_file": ["The file has more than 2 rows: import it in parts."]}


def test_a_cell_that_is_too_long_is_refused_in_words(editor):
    page = upload(editor, f"{COLUMNS}\n{OSLO}{'x' * 200_000}")
    (fault,) = page.context["form"].errors["import_file"]
    assert fault.startswith("The file cannot be read as CSV: field larger than")


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"\xff\xfe\x00",
        b"\x00\x01",
        b"<html>",
        b"name\nOslo",
        COLUMNS.encode(),
        b"a,a\n1,2",
        b"x" * 2_000_001,
        b'"',
    ],
)
def test_what_is_no_table_is_refused_in_words(editor, table):
    page = upload(editor, table)
    assert page.status_code == 200 and "confirm_form" not in page.context
    assert page.context["form"].errors or page.context["result"].has_errors()


def test_a_preview_that_is_kept_no_longer_is_asked_for_again(editor, valkey):
    preview = upload(editor, f"{COLUMNS}\n{OSLO}\n")
    valkey.flushall()
    response = confirm(editor, preview)
    assert said(response) == ["The file is kept for an hour only; upload it again."]
    assert not City.objects.filter(name="Oslo").exists()


def test_without_redis_an_upload_is_asked_for_again_later(editor, settings, forget):
    lose_redis(settings, forget)
    form = {"resource": "0", "format": "0", "import_file": SimpleUploadedFile("cities.csv", OSLO.encode())}
    response = editor.post(f"{CITIES}import/", form, follow=True)
    assert said(response) == [
        "Redis, which keeps the file until you confirm, does not answer; upload it again in a minute."
    ]


def test_without_redis_a_confirmation_stores_nothing_and_says_why(editor, settings, forget):
    preview = upload(editor, f"{COLUMNS}\n{OSLO}\n")
    lose_redis(settings, forget)
    response = confirm(editor, preview)
    assert said(response)[0].startswith("Redis, which keeps the file") and response.status_code == 200
    assert not City.objects.filter(name="Oslo").exists()


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────


def test_runs_are_shown_newest_first_and_cannot_be_changed(editor):
    now = timezone.now()
    PrewarmRun.objects.create(started=now - timedelta(hours=1), took_seconds=4.21, exit_code=0, weight=12.5, calls=3)
    last = PrewarmRun.objects.create(started=now, took_seconds=75, exit_code=1, failed=1, failed_cities=["Oslo, NO"])
    page = editor.get(RUNS)
    assert [run.exit_code for run in page.context["cl"].result_list] == [1, 0]
    text = page.content.decode()
    assert all(shown in text for shown in ("4.2 s", "1 min", "12.5", "some failed"))
    one = editor.get(f"{RUNS}{last.pk}/change/").content.decode()
    assert "Oslo, NO" in one and 'name="_save"' not in one
    assert editor.get(f"{RUNS}add/").status_code == editor.post(f"{RUNS}{last.pk}/delete/").status_code == 403


# ── who may what ──────────────────────────────────────────────────────────────────────────────────


def test_city_editors_may_edit_cities_and_nothing_else(editor):
    may = editor.get("/admin/").context["available_apps"]
    assert {model["object_name"] for app in may for model in app["models"]} == {
        *("City", "CityImport", "PrewarmRun"),
    }
    for path in ("auth/user/", "auth/group/", "axes/accessattempt/", "sessions/session/"):
        assert editor.get(f"/admin/{path}").status_code in (403, 404)


def test_who_may_only_look_can_neither_import_nor_switch(editor):
    Group.objects.get(name="city editors").permissions.exclude(codename__startswith="view").delete()
    page = editor.get(CITIES)
    assert page.status_code == 200 and "activate" not in page.content.decode()
    assert upload(editor, f"{COLUMNS}\n{OSLO}\n").status_code == 403
    assert editor.post(f"{CITIES}process_import/", {}).status_code == 403
    assert act(editor, "deactivate", "Berlin").status_code in (200, 403) and City.objects.get(name="Berlin").active


def test_a_stranger_is_led_to_the_login(api):
    for path in (CITIES, RUNS, f"{CITIES}import/", f"{CITIES}export/"):
        assert api.get(path)["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3900, "1 h 05 min"), (1e5, "1 d 3 h")],
)
def test_spans_of_time_are_said_as_people_say_them(seconds, words):
    assert format_duration(seconds) == words
