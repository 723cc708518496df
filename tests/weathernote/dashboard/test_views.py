"""The dashboard of staff: how the cells stand, what is spent, and that it says so plainly when something is gone."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from prewarm.cities.models import City
from prewarm.runs.models import PrewarmRun
from tests.support.redis.cluster import RedisCluster
from tests.support.redis.outage import take_redis_away
from tests.weathernote.dashboard.test_redis_snapshot import ask_for, fetch
from weather.api.service import service
from weather.core.cells import Cell
from weather.core.runs.run_times import Run, RunTimes
from weathernote import redis
from weathernote.dashboard import views
from weathernote.redis.servers import by_role

DASHBOARD = "/admin/weather/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(api) -> Client:
    """One of the city editors, logged in."""
    user = User.objects.create_user("eve", is_staff=True)
    user.groups.add(Group.objects.get(name="city editors"))
    api.force_login(user)
    api.raise_request_exception = True
    return api


def cell_of(name: str) -> Cell:
    return City.objects.get(name=name).as_cell


def states(page) -> dict[str, str]:
    return {marker.name: marker.status.state for marker in page.context["markers"]}


def figure(page, name: str):
    return next(figure for figure in page.context["figures"] if figure.name == name)


def lose_redis(settings, forget) -> None:
    settings.CACHES["default"]["LOCATION"] = ["redis://127.0.0.1:1/0"]
    forget()


# ── who may see it ────────────────────────────────────────────────────────────────────────────────


def test_nobody_but_staff_sees_it(api):
    assert api.get(DASHBOARD)["Location"].startswith("/admin/login/")
    api.force_login(User.objects.create_user("phone"))
    assert api.get(DASHBOARD)["Location"].startswith("/admin/login/")


def test_staff_who_may_not_see_cities_do_not_see_it_nor_a_link_to_it(api):
    api.force_login(User.objects.create_user("bob", is_staff=True))
    assert api.get(DASHBOARD).status_code == 403
    assert DASHBOARD not in api.get("/admin/").content.decode()


def test_the_front_page_of_the_admin_leads_to_it(editor):
    assert f'href="{DASHBOARD}"' in editor.get("/admin/").content.decode()


# ── the map ───────────────────────────────────────────────────────────────────────────────────────


def test_the_cities_are_marked_by_how_they_stand(editor, valkey):
    fetch(valkey, cell_of("Tokyo"))
    fetch(valkey, cell_of("Berlin"), hours_ago=5)
    page = editor.get(DASHBOARD)
    shown = states(page)
    assert (shown["Tokyo, JP"], shown["Berlin, DE"], shown["Lagos, NG"]) == ("fresh", "stale", "cold")
    assert page.context["states"] == {"fresh": "1", "stale": "1", "cold": "98", "unknown": "0"}
    assert "<title>Berlin, DE · stale · 5 h 00 min old</title>" in page.content.decode()


def test_what_people_ask_for_most_is_ringed_and_shown_where_no_city_is(editor, valkey):
    elsewhere = Cell.parse("-17.7", "178.0")
    ask_for(elsewhere, 300)
    ask_for(cell_of("Tokyo"), 20)
    fetch(valkey, elsewhere)
    page = editor.get(DASHBOARD)
    ringed = {marker.name: marker.status.state for marker in page.context["markers"] if marker.is_popular}
    assert ringed == {"-17.7, 178.0": "fresh", "Tokyo, JP": "cold"}
    assert page.content.decode().count('<use class="popular"') == 2


def test_a_city_that_is_not_active_is_not_on_the_map(editor):
    City.objects.filter(name="Berlin").update(active=False)
    assert "Berlin, DE" not in states(editor.get(DASHBOARD))


def test_cities_of_one_cell_share_a_mark(editor):
    tokyo = City.objects.get(name="Tokyo")
    City.objects.create(
        name="Edo", country="JP", latitude=tokyo.latitude, longitude=tokyo.longitude, timezone="Asia/Tokyo", order=999
    )
    page = editor.get(DASHBOARD)
    assert states(page)["Tokyo, JP; Edo, JP"] == "cold" and page.context["total"] == "100"


def test_a_name_is_shown_as_it_is_written(editor):
    City.objects.filter(name="Tokyo").update(name="<script>alert(1)</script>")
    assert b"<script>alert" not in editor.get(DASHBOARD).content


def test_the_table_says_the_same_in_words_with_what_is_cold_first(editor, valkey):
    fetch(valkey, cell_of("Tokyo"))
    rows = [row.status.state for row in editor.get(DASHBOARD).context["rows"]]
    assert rows == ["cold"] * 99 + ["fresh"]


# ── one load ──────────────────────────────────────────────────────────────────────────────────────


def test_a_load_takes_one_round_trip_and_the_same_queries_for_many_cities(editor, valkey, monkeypatch):
    editor.get(DASHBOARD)  # a server that does not know a script yet is told of it
    sent: list[int] = []
    server: Any = by_role.server()
    exchange = server.exchange

    def counted(commands):
        sent.append(len(commands))
        return exchange(commands)

    monkeypatch.setattr(server, "exchange", counted)
    with CaptureQueriesContext(connection) as many:
        editor.get(DASHBOARD)
    City.objects.exclude(name="Berlin").delete()
    with CaptureQueriesContext(connection) as one:
        editor.get(DASHBOARD)
    assert [commands - number for commands, number in zip(sent, (100, 1), strict=True)] == [10, 10]
    assert len(many) == len(one) <= 8


def test_five_thousand_cities_fit_on_the_page(editor, valkey):
    City.objects.all().delete()
    cells = [Cell(lat, lon) for lat in range(0, 500, 10) for lon in range(0, 1000, 10)]
    City.objects.bulk_create(
        City(name=cell.key, country="DE", latitude=cell.latitude, longitude=cell.longitude, cell=cell.key)
        for cell in cells
    )
    page = editor.get(DASHBOARD)
    assert page.context["states"]["cold"] == "5,000" and page.context["is_dense"]
    assert (len(page.context["rows"]), page.context["more_rows"]) == (views.ROWS, "4,900")


def test_in_a_cluster_every_master_says_its_part(editor, tmp_path, settings, forget):
    with RedisCluster(tmp_path) as cluster:
        settings.CACHES["default"]["LOCATION"] = [cluster.url]
        forget()
        popular = [Cell(450 + number, 90) for number in range(20)]
        for cell in popular:
            service().popularity.record(cell, 5)
            redis.ask(("SET", f"upstream:{cell.key}", "held", "EX", service().store.hold_seconds))
        service().popularity.flush()
        page = editor.get(DASHBOARD)
        assert page.context["states"] == {"fresh": "20", "stale": "0", "cold": "100", "unknown": "0"}
        assert page.context["spending"] is not None and figure(page, "Redis breaker").more == "3 servers"


@pytest.mark.parametrize("member", ["", "lat:99:lon:0", "<b>", b"\xff"])
def test_what_is_no_cell_among_the_popular_is_left_out(editor, valkey, member):
    ask_for(cell_of("Tokyo"), 5)
    valkey.zadd("popularity:cells", {member: 9})
    page = editor.get(DASHBOARD)
    assert [marker.name for marker in page.context["markers"] if marker.is_popular] == ["Tokyo, JP"]


def test_the_parts_are_what_changes_of_the_page(editor):
    parts, page = (editor.get(path).content.decode() for path in (f"{DASHBOARD}?parts", DASHBOARD))
    assert "<html" not in parts and "<html" in page
    assert parts.count("data-part=") == page.count("data-part=") == 10


def test_the_page_lets_nothing_in_from_elsewhere_and_is_kept_by_nobody(editor):
    response = editor.get(DASHBOARD)
    assert response["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "no-store" in response["Cache-Control"]
    assert b" style=" not in response.content and b"<style" not in response.content


# ── the budget ────────────────────────────────────────────────────────────────────────────────────


def test_what_the_budget_counts_is_what_is_shown(editor, valkey):
    service().budget.charge(7, "cold")
    service().budget.charge(5, "refresh")
    shown = editor.get(DASHBOARD).context
    assert (shown["spent"], shown["refreshed"], shown["on_new_places"]) == ("12", "5", "7")
    assert shown["left"]["day"] == f"{service().budget.remaining()['day']:,}"


def test_what_each_dataset_spent_is_told_in_words_and_bars(editor, valkey):
    service().budget.charge(5, "refresh", dataset="weather")
    service().budget.charge(7, "cold", dataset="air_quality")
    service().budget.charge(3, "late_refresh", dataset="air_quality")
    page = editor.get(DASHBOARD)
    rows = [(row.name, row.refreshes, row.new_places) for row in page.context["datasets"]]
    assert rows == [("Weather", "5", "0"), ("Air quality", "3", "7")]
    text = page.content.decode()
    assert '<th scope="row">Air quality</th><td>3</td><td>7</td>' in text and "Not counted by dataset" not in text


def test_what_was_counted_for_no_dataset_is_told(editor, valkey):
    budget = service().budget
    budget.synchronize()
    with pytest.MonkeyPatch.context() as without_redis:
        take_redis_away(without_redis)
        budget.charge(5, "cold", dataset="weather")
    budget.synchronize()
    assert "Not counted by dataset: 5, spent while Redis was away" in editor.get(DASHBOARD).content.decode()


def test_a_fetch_is_counted_for_its_dataset(editor, simulator, valkey):
    for name in ("weather", "air-quality"):
        assert editor.get(f"/api/v1/{name}?lat=48.9&lon=2.4").status_code == 200
    rows = {row.name: row.new_places for row in editor.get(DASHBOARD).context["datasets"]}
    assert rows == {"Weather": "1", "Air quality": "1"}


def test_a_pause_and_a_failure_of_open_meteo_are_told(editor, valkey):
    service().budget.close("minute")
    assert figure(editor.get(DASHBOARD), "Open-Meteo").value == "paused"
    for _ in range(3):
        service().budget.failed()
    page = editor.get(DASHBOARD)
    assert figure(page, "Open-Meteo").value == "failing" and "Open-Meteo fails: 3 calls" in page.content.decode()


@pytest.mark.parametrize("value", ["", "garbage", "nan", "inf", "-1", "1e400"])
def test_garbage_in_the_budgets_hash_is_no_fault_of_the_page(editor, valkey, value):
    valkey.hset(
        "budget:open-meteo", mapping=dict.fromkeys(("day:start", "day:spent", "refreshed", "closed:until"), value)
    )
    valkey.set("prewarm:last-good", value)
    assert editor.get(DASHBOARD).status_code == 200


def test_keys_of_another_kind_are_no_fault_of_the_page(editor, valkey):
    for key in ("budget:open-meteo", "popularity:cells", "popularity:price"):
        valkey.lpush(key, "of another kind")
    assert editor.get(DASHBOARD).context["total"] == "100"


# ── figures and runs ──────────────────────────────────────────────────────────────────────────────


def test_the_figures_say_whose_they_are(editor):
    scopes = {figure.name: figure.scope for figure in editor.get(DASHBOARD).context["figures"]}
    assert scopes["Hit rate"] == "this instance, five minutes"
    assert scopes["Active users"] == scopes["Redis memory"] == "all instances"


def test_the_last_runs_stand_there_the_newest_first(editor):
    for minutes, code in ((40, 0), (30, 1), (20, None)):
        PrewarmRun.objects.create(started=timezone.now() - timedelta(minutes=minutes), exit_code=code)
    text = editor.get(DASHBOARD).content.decode()
    assert text.index("not ended") < text.index("some failed") < text.index(">good<")


def test_without_a_run_the_page_says_so(editor):
    assert "No run yet" in editor.get(DASHBOARD).content.decode()


def test_without_a_city_and_a_request_the_page_says_so(editor):
    City.objects.all().delete()
    page = editor.get(DASHBOARD)
    assert page.context["markers"] == [] and "There is no cell to show" in page.content.decode()


# ── when things break ─────────────────────────────────────────────────────────────────────────────


def test_without_redis_the_page_is_there_and_says_so(editor, settings, forget):
    lose_redis(settings, forget)
    page = editor.get(DASHBOARD)
    assert page.status_code == 200 and views.NO_REDIS in page.content.decode()
    assert set(states(page).values()) == {"unknown"} and page.context["spending"] is None
    assert figure(page, "Redis memory").value == "no answer"


def test_with_redis_back_the_page_is_whole_again(editor, settings, forget, valkey_server):
    lose_redis(settings, forget)
    editor.get(DASHBOARD)
    settings.CACHES["default"]["LOCATION"] = [valkey_server.url]
    forget()
    assert set(states(editor.get(DASHBOARD)).values()) == {"cold"}


def test_without_the_cities_the_rest_is_shown(editor, valkey, monkeypatch):
    def gone():
        raise OperationalError("gone")

    monkeypatch.setattr(views, "_names", gone)
    page = editor.get(DASHBOARD)
    assert page.status_code == 200 and views.NO_DATABASE in page.content.decode()
    assert page.context["spending"] is not None


def test_a_slow_database_is_told(editor, monkeypatch):
    def slow() -> list[PrewarmRun]:
        time.sleep(0.1)
        return []

    monkeypatch.setattr(views, "SLOW_SECONDS", 0.05)
    monkeypatch.setattr(views, "_runs", slow)
    assert "The database is slow: reading the cities and the runs took 0." in editor.get(DASHBOARD).content.decode()


# ── the weather models ────────────────────────────────────────────────────────────────────────────


def test_the_models_in_use_are_shown_with_their_newest_runs(editor):
    now = int(time.time())
    runs: Any = service().runs
    table = runs.known.table
    table.note_used(["ecmwf_ifs", "dwd_icon_d2"], now)
    table.write("ecmwf_ifs", RunTimes(21_600, (Run(now - 7200, now - 3600),), now))
    page = editor.get(DASHBOARD)
    rows = {row.model: row for row in page.context["models"]}
    assert rows["ecmwf_ifs"].is_trusted and not rows["dwd_icon_d2"].is_trusted
    content = page.content.decode()
    assert "after runs" in content and "by interval</td>" in content
    assert f"{rows['ecmwf_ifs'].initialised:%Y-%m-%d %H:%M}" in content


def test_before_a_model_is_followed_the_page_says_so(editor):
    assert "No model is followed yet" in editor.get(DASHBOARD).content.decode()
