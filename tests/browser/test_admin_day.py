"""A day of one of the city editors, in a real browser: from a CSV file to cities that are fresh on the map."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.settings import OURS
from tests.support.clients.browser import SERIOUS, OpenPage, Watch, axe
from tests.support.limits import LIFTED
from tests.support.servers import TOP, Instance, Valkey

EDITOR, PASSWORD = "eve", "a long and rightful password"
STAFF = f"""
from django.contrib.auth.models import Group, User
from prewarm.cities.models import City
user = User.objects.create_user({EDITOR!r}, password={PASSWORD!r}, is_staff=True)
user.groups.add(Group.objects.get(name="city editors"))
City.objects.update(active=False)
"""
HEADER = "name,country,latitude,longitude,timezone,population,order,active,notes"
CITIES = """
Oslo,NO,59.91273,10.74609,Europe/Oslo,580000
Bergen,NO,60.39299,5.32415,Europe/Oslo,213585
Stockholm,SE,59.32938,18.06871,Europe/Stockholm,1515017
Helsinki,FI,60.16952,24.93545,Europe/Helsinki,658864
Reykjavík,IS,64.13548,-21.89541,Atlantic/Reykjavik,118918
Copenhagen,DK,55.67594,12.56553,Europe/Copenhagen,1153615
Dublin,IE,53.33306,-6.24889,Europe/Dublin,1024027
Lisbon,PT,38.72635,-9.14843,Europe/Lisbon,517802
Nuuk,GL,64.18347,-51.72157,America/Nuuk,14798
Anchorage,US,61.21806,-149.90028,America/Anchorage,298695
Honolulu,US,21.30694,-157.85833,Pacific/Honolulu,371657
Quito,EC,-0.22985,-78.52495,America/Guayaquil,1399814
Ushuaia,AR,-54.81084,-68.31591,America/Argentina/Ushuaia,56956
Dakar,SN,14.6937,-17.44406,Africa/Dakar,2476400
Windhoek,NA,-22.55941,17.08323,Africa/Windhoek,268132
Antananarivo,MG,-18.91368,47.53613,Indian/Antananarivo,1391433
Almaty,KZ,43.25654,76.92848,Asia/Almaty,1977011
Perth,AU,-31.95224,115.8614,Australia/Perth,1896548
Auckland,NZ,-36.84853,174.76349,Pacific/Auckland,417910
Suva,FJ,-18.14161,178.44149,Pacific/Fiji,77366
""".split("\n")[1:-1]
SUMMARY = '[data-part="summary"]'


@pytest.fixture(scope="module")
def staffed(tmp_path_factory, valkey_server: Valkey, simulator_server) -> Iterator[Instance]:
    """An instance with an editor and no active city."""
    folder = tmp_path_factory.mktemp("staffed")
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    with Instance(folder, WORKERS=2, **servers, **LIFTED) as started:
        env = {name: value for name, value in os.environ.items() if name not in (*OURS, "DJANGO_SETTINGS_MODULE")}
        env |= {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "LOG_LEVEL": "ERROR"}
        command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", STAFF]
        subprocess.run(command, cwd=TOP, env=env, check=True)
        yield started


@pytest.fixture
def desk(staffed: Instance, valkey, simulator, open_page: OpenPage) -> Page:
    """The editor's browser, logged in."""
    page = open_page(f"{staffed.base}/admin/")
    page.get_by_label("Username").fill(EDITOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()
    return page


def beside(page: Page, watch: Watch, url: str) -> Page:
    """A second window of the same browser, whose clock the test turns."""
    window = watch.page(page.context.new_page())
    window.clock.install()
    window.goto(url)
    return window


def axe_of_the_list(page: Page) -> None:
    # Django labels its search field with a picture that says Search, which axe-core does not count.
    found = Axe().run(page, {"exclude": [["#searchbar"]]}).response["violations"]
    assert [finding for finding in found if finding["impact"] in SERIOUS] == []


def row(page: Page, name: str):
    return page.locator("#result_list tbody tr").filter(has=page.get_by_role("link", name=name, exact=True))


def marks(dashboard: Page, state: str):
    return dashboard.locator(f".markers use.{state}")


def test_an_editors_day(desk: Page, staffed: Instance, watch: Watch, tmp_path: Path):
    dashboard = beside(desk, watch, f"{staffed.base}/admin/weather/")
    axe(desk)
    expect(dashboard.locator(SUMMARY)).to_contain_text("There is no cell to show")
    axe(dashboard)

    import_twenty_cities(desk, tmp_path)
    put_suva_first_and_switch_oslo_off(desk)
    dashboard.clock.fast_forward(15_000)
    expect(marks(dashboard, "cold")).to_have_count(19)

    prewarm_all(desk)
    dashboard.clock.fast_forward(15_000)
    expect(marks(dashboard, "fresh")).to_have_count(19)
    expect(dashboard.locator(SUMMARY)).to_contain_text("19 cells: 19 fresh, 0 stale, 0 cold.")
    dashboard.get_by_text("The map as a table").click()
    expect(dashboard.get_by_role("row", name="Suva, FJ")).to_contain_text("fresh")
    axe(dashboard)


def import_twenty_cities(page: Page, folder: Path) -> None:
    file = folder / "cities.csv"
    file.write_text("\n".join([HEADER, *(f"{line},{10 * at},1," for at, line in enumerate(CITIES, 1))]), "utf-8")
    page.get_by_role("link", name="Cities", exact=True).click()
    page.get_by_role("link", name="Import").click()
    page.locator("#id_import_file").set_input_files(file)
    axe(page)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="20 rows in order")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Confirm import").click()
    expect(page.locator(".messagelist .success")).to_contain_text("20 new")


def put_suva_first_and_switch_oslo_off(page: Page) -> None:
    page.goto(f"{page.url.partition('?')[0]}?active__exact=1")
    expect(page.locator("#result_list tbody tr")).to_have_count(20)
    row(page, "Suva").locator(".field-order input").fill("1")
    row(page, "Oslo").locator(".field-active input").uncheck()
    axe_of_the_list(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist .success")).to_contain_text("2 cities were changed successfully.")
    expect(page.locator("#result_list tbody tr")).to_have_count(19)
    expect(page.locator("#result_list tbody tr").first).to_contain_text("Suva")


def prewarm_all(page: Page) -> None:
    page.locator("#action-toggle").check()
    page.get_by_label("Action:").select_option(label="Prewarm selected cities now")
    page.get_by_role("button", name="Go").click()
    expect(page.locator(".messagelist .success")).to_have_text(re.compile("19 of 19 cells refreshed in 1 call."))


# ── the dashboard by itself ───────────────────────────────────────────────────────────────────────


def test_the_dashboard_keeps_an_open_table_and_the_focus_over_a_refresh(desk: Page, staffed: Instance, watch: Watch):
    dashboard = beside(desk, watch, f"{staffed.base}/admin/weather/")
    dashboard.get_by_text("The map as a table").click()
    focused = dashboard.locator("summary")
    expect(focused).to_be_focused()
    with dashboard.expect_response("**/admin/weather/?parts"):
        dashboard.clock.fast_forward(15_000)
    expect(focused).to_be_focused()
    expect(dashboard.locator("details")).to_have_attribute("open", "")


def test_a_hidden_dashboard_asks_for_nothing(desk: Page, staffed: Instance, watch: Watch):
    dashboard = beside(desk, watch, f"{staffed.base}/admin/weather/")
    asked: list[str] = []
    dashboard.on("request", lambda request: asked.append(request.url) if "parts" in request.url else None)
    dashboard.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    dashboard.clock.fast_forward(60_000)
    assert asked == []
    with dashboard.expect_response("**/admin/weather/?parts"):
        dashboard.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")


def test_a_service_that_does_not_answer_is_told_and_asked_again(desk: Page, staffed: Instance, watch: Watch, expects):
    expects("ERR_FAILED")
    dashboard = beside(desk, watch, f"{staffed.base}/admin/weather/")
    dashboard.route("**/*parts", lambda route: route.abort())
    dashboard.clock.fast_forward(15_000)
    expect(dashboard.get_by_role("alert")).to_have_text("The service did not answer; asking again.")
    dashboard.unroute("**/*parts")
    dashboard.clock.fast_forward(15_000)
    expect(dashboard.get_by_role("alert")).to_have_text("")


def test_whoever_is_logged_out_is_told(desk: Page, staffed: Instance, watch: Watch):
    dashboard = beside(desk, watch, f"{staffed.base}/admin/weather/")
    desk.context.clear_cookies()
    dashboard.clock.fast_forward(15_000)
    expect(dashboard.get_by_role("alert")).to_have_text("You are logged out: reload the page to go on.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_dashboard_fits_and_reads_well(desk: Page, staffed: Instance, watch: Watch, scheme, width):
    desk.emulate_media(color_scheme=scheme)
    desk.set_viewport_size({"width": width, "height": 800})
    desk.goto(f"{staffed.base}/admin/weather/")
    desk.get_by_text("The map as a table").click()
    axe(desk)
    assert desk.evaluate("document.documentElement.scrollWidth") == width
