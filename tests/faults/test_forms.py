"""Faults 70 and 72: forms of countless fields and tables of countless columns are refused before they cost anything."""

import pytest
import requests
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile

from prewarm.cities.models import City
from tests.support.problems import problem_of

LOGIN = "/admin/login/"
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
CITIES = "/admin/prewarm/city/"


@pytest.fixture
def stranger(instance) -> requests.Session:
    """A browser that has a token and no session."""
    browser = requests.Session()
    browser.get(instance.base + LOGIN, timeout=20)
    return browser


# ── fault 70 ──────────────────────────────────────────────────────────────────────────────────────


def test_a_form_of_400_000_fields_is_refused_in_words(instance, stranger):
    told = stranger.post(instance.base + LOGIN, "a=1&" * 400_000, headers=URLENCODED, timeout=20)
    assert problem_of(told, 400, "invalid_parameter")["detail"] == "body has more than 10,000 fields"


def test_a_form_in_parts_is_bounded_alike(instance, stranger):
    parts = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 20_000 + "--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    told = stranger.post(instance.base + LOGIN, parts, headers=headers, timeout=20)
    assert problem_of(told, 400, "invalid_parameter")["detail"] == "body has more than 10,000 fields"


def test_one_field_of_several_megabytes_is_refused_in_words(instance, stranger):
    told = stranger.post(instance.base + LOGIN, "a=" + "b" * 3_000_000, headers=URLENCODED, timeout=20)
    assert problem_of(told, 400, "invalid_parameter")["detail"] == "body has more than 2,621,440 bytes beside its files"


@pytest.mark.parametrize("path", ["/api/v1/weather?lat=1&lon=1&", "/api/v1/cities?", "/api/v1/schema?", "/health?"])
def test_a_query_of_15_000_unknown_parameters_is_answered(instance, path):
    assert instance.get(path + "a=1&" * 15_000).status_code == 200


@pytest.mark.django_db
def test_staff_still_select_some_thousand_cities_at_once(editor):
    cities = City.objects.order_by("pk")
    chosen = [*cities.values_list("pk", flat=True)]
    form = {"action": "deactivate", "_selected_action": [*chosen, *range(10**6, 10**6 + 6000)]}
    editor.post(CITIES, form)
    assert len(chosen) > 50 and not cities.filter(active=True).exists()


# ── fault 72 ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def editor(api):
    """A city editor, logged in."""
    user = User.objects.create_user("eve", is_staff=True)
    user.groups.add(Group.objects.get(name="city editors"))
    api.force_login(user)
    return api


HEADER = "name,country,latitude,longitude,timezone"
OSLO = "Oslo,NO,59.91,10.75,Europe/Oslo"


def upload(editor, text: str):
    form = {"resource": "0", "format": "0", "import_file": SimpleUploadedFile("cities.csv", text.encode())}
    return editor.post(f"{CITIES}import/", form)


@pytest.mark.django_db
@pytest.mark.parametrize("header", [HEADER + "," * 1_000_000, f'"a\nb"{"," * 1_000_000}', "sep=;\n" + ";" * 1_000_000])
def test_a_table_of_a_million_columns_is_refused_before_its_rows_are_read(editor, monkeypatch, header):
    monkeypatch.setattr("tablib.Dataset", None)  # whatever would read rows fails
    (said,) = upload(editor, f"{header}\n{OSLO}\n").context["form"].errors["import_file"]
    assert said.startswith("The first line has 1,000,00") and "columns, 40 at most" in said


@pytest.mark.django_db
def test_a_table_of_forty_columns_is_read(editor):
    preview = upload(editor, f"{HEADER}{''.join(f',mine{at}' for at in range(35))}\n{OSLO}\n")
    assert preview.context["result"].totals["new"] == 1


@pytest.mark.django_db
def test_a_row_of_a_million_commas_spoils_itself_alone(editor):
    preview = upload(editor, f"{HEADER}\n{OSLO}{',' * 1_000_000}\n{OSLO.replace('Oslo', 'Aker', 1)}\n")
    assert [row.number for row in preview.context["result"].invalid_rows] == [1]
