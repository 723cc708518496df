"""The admin of cities: the list with the status of each, its actions, the form of one, and who may do what."""

import time
from concurrent.futures import Future

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from prewarm.admin import background_task, cities
from prewarm.cities import cell_status
from prewarm.cities.models import City
from prewarm.runs.models import PrewarmRun
from prewarm.runs.outcome import NO_REDIS, RefreshOutcome
from tests.support.clients.staff import CITIES, COLUMNS, OSLO, RUNS, act, confirm, levels, lose_redis, said, upload
from tests.support.weather.series import fetched
from weather.api.service import service
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weathernote import redis
from weathernote.http.bodies import request_bodies

pytestmark = pytest.mark.django_db


def fetch(cell: Cell, *, hours_ago: float = 0) -> None:
    """Has the cell's forecast held, as if it had come so long ago."""
    series = service().workers.submit({cell: "cold"})[cell].future.result(60)
    service().store.hold({cell: fetched(series, series.fetched_at - hours_ago * 3600)})


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
    valkey.expire(Question(WEATHER, shanghai.as_cell).key, 125)
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
    monkeypatch.setattr("weather.core.records.row_steps.decode", None)
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


@pytest.mark.parametrize("chosen", ["abc", "", "1.5", "9" * 40])
def test_an_action_on_no_known_city_is_refused_in_words(editor, chosen):
    response = editor.post(CITIES, {"action": "deactivate", "_selected_action": [chosen]}, follow=True)
    assert (said(response), levels(response)) == ([cities.UNKNOWN_CITY], ["error"])
    assert not City.objects.filter(active=False).exists()


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


def test_staff_still_select_some_thousand_cities_at_once(editor):
    cities = City.objects.order_by("pk")
    chosen = [*cities.values_list("pk", flat=True)]
    form = {"action": "deactivate", "_selected_action": [*chosen, *range(10**6, 10**6 + 6000)]}
    editor.post(CITIES, form)
    assert len(chosen) > 50 and not cities.filter(active=True).exists()
