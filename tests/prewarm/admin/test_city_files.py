"""Import and export of cities as CSV."""

import csv
import io
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError

from prewarm.admin import city_files, importing, resources
from prewarm.cities.models import City, CityImport
from tests.support.clients.staff import CITIES, COLUMNS, OSLO, confirm, levels, lose_redis, said, upload
from weathernote.http.bodies import request_bodies

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("query", ["active__exact=perhaps", "p=x&active__exact=2", "unheard=of"])
def test_an_export_by_an_odd_filter_leads_back_to_the_list_and_says_so(editor, query):
    response = editor.get(f"{CITIES}export/?{query}", follow=True)
    assert (said(response), levels(response)) == ([city_files.UNKNOWN_FILTER], ["error"])


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
