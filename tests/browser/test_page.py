"""The page at `/` as people use it: by search, position and keyboard, on a small screen, and when things go wrong."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from playwright.sync_api import Page, Request, Response, Route, expect

from tests.support.clients.browser import axe
from tests.support.limits import UNLIMITED
from tests.support.servers import TOP, Instance, eventually

TOKYO = "#lat=35.7&lon=139.7&name=Tokyo"
SMALL = {"viewport": {"width": 320, "height": 640}}
READY, FAILED, WELCOME = ("html[data-state=ready]", "html[data-state=failed]", "html[data-state=welcome]")
#: The codes that Open-Meteo's documentation names.
OPEN_METEO_CODES = [0, 1, 2, 3, 45, 48, *range(51, 58, 2), 56, 61, 63, 65, 66, 67, 71, 73, 75, 77, 80, 81, 82, 85, 86]
THUNDER = [95, 96, 99]
#: Where the labels of the hours begin and end, by the chart's width, in a zone like India's from each hour of a day on.
DRAWN = """async ([url, forecast, locale]) => {
    const { draw } = await import(url);
    const svg = document.querySelector("#chart > svg");
    const at = (hour) => `2026-11-${24 + Math.floor(hour / 24)}T${String(hour % 24).padStart(2, "0")}:30+05:30`;
    const drawn = [];
    for (let width = 260; width < 1100; width += 20) for (let first = 0; first < 24; first += 1) {
        forecast.hourly.time = forecast.hourly.time.map((_, row) => at(first + row));
        draw(svg, forecast, width, locale);
        const boxes = [...svg.querySelectorAll(".hour")].map((label) => label.getBBox());
        drawn.push([width, boxes.map(({ x, width }) => [x, x + width])]);
    }
    return drawn;
}"""

pytestmark = pytest.mark.usefixtures("valkey", "simulator")


@pytest.fixture
def tokyo(open_page, instance) -> Page:
    page = open_page(f"{instance.base}/{TOKYO}")
    page.wait_for_selector(READY)
    return page


def asked(page: Page) -> list[str]:
    """The API addresses that the page asks for from now on, but streams."""
    urls: list[str] = []

    def note(request: Request) -> None:
        if "/api/" in request.url and "/events?" not in request.url:
            urls.append(request.url.partition("/api/v1/")[2])

    page.on("request", note)
    return urls


def is_held(instance: Instance, path: str) -> bool:
    return bool(instance.get(path).json()["cached"])


def changed(**fields):
    """A route that lets the service answer and changes fields of it."""

    def change(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | fields)

    return change


def module(page: Page, name: str) -> str:
    return str(page.get_attribute(f'link[href$="/{name}"]', "href"))


# ── by search, by position, by link ───────────────────────────────────────────────────────────────


def test_a_place_is_found_by_the_start_of_its_name(open_page, instance):
    page = open_page(instance.base)
    page.get_by_role("combobox").fill("reykj")
    page.get_by_role("option", name="Reykjavík").click()
    page.wait_for_selector(READY)
    expect(page.get_by_role("heading", level=1)).to_have_text("Reykjavík")
    expect(page).to_have_title("Reykjavík · WeatherNote")
    assert page.url.endswith("#lat=64.1&lon=-21.9&name=Reykjav%C3%ADk")
    expect(page.locator("#days tr")).to_have_count(7)
    expect(page.locator("#now-temperature")).to_contain_text(re.compile(r"−?\d+°"))


def test_a_position_is_rounded_before_it_is_sent(open_page, instance):
    position = {"latitude": 40.737612, "longitude": -73.951248}
    page = open_page(permissions=["geolocation"], geolocation=position)
    everything: list[str] = []
    page.on("request", lambda request: everything.append(f"{request.url} {request.headers} {request.post_data}"))
    page.goto(instance.base)
    page.get_by_role("button", name="Use my position").last.click()
    page.wait_for_selector(READY)
    assert any("/weather?lat=40.7&lon=-74.0 " in request for request in everything)
    assert not any(finer in request for request in everything for finer in ("40.73", "73.95"))
    # Of the drawings no more than their words: by chance a curve may go through 73.95.
    kept = page.evaluate("""() => {
        const body = document.body.cloneNode(true);
        for (const drawn of body.querySelectorAll("svg")) drawn.replaceWith(drawn.textContent);
        return JSON.stringify([localStorage, sessionStorage, location.href, body.outerHTML]);
    }""")
    assert "40.73" not in kept and "73.95" not in kept
    expect(page.get_by_role("heading", level=1)).to_have_text("Where you are")


def test_a_link_shows_its_place_and_keeps_no_more_of_it_than_a_cell(open_page, instance):
    page = open_page(f"{instance.base}/#lat=-33.8688&lon=151.2093&name=Sydney")
    page.wait_for_selector(READY)
    assert page.url.endswith("#lat=-33.9&lon=151.2&name=Sydney")


def test_the_way_back_leads_to_the_place_before(tokyo):
    tokyo.get_by_role("combobox").fill("oslo")
    tokyo.get_by_role("option", name="Oslo").first.click()
    expect(tokyo.get_by_role("heading", level=1)).to_have_text("Oslo")
    tokyo.go_back()
    expect(tokyo.get_by_role("heading", level=1)).to_have_text("Tokyo")


def test_whoever_comes_again_finds_the_last_place(tokyo, instance):
    tokyo.goto("about:blank")
    tokyo.goto(instance.base)
    tokyo.wait_for_selector(READY)
    expect(tokyo.get_by_role("heading", level=1)).to_have_text("Tokyo")


def test_forget_it_all_forgets_it_all(tokyo):
    tokyo.get_by_role("button", name="Forget it all").click()
    tokyo.wait_for_selector(WELCOME)
    tokyo.wait_for_selector("button.city")
    kept = tokyo.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage))")
    assert "weathernote.place" not in kept and "weathernote.units" not in kept


# ── what it shows ─────────────────────────────────────────────────────────────────────────────────


def test_what_has_not_changed_is_not_sent_again(instance, open_page):
    for name in ("weather", "forecast", "air-quality"):
        eventually(partial(is_held, instance, f"/api/v1/{name}?lat=35.7&lon=139.7"))
    tokyo = open_page(f"{instance.base}/{TOKYO}")
    tokyo.get_by_role("button", name="Look again").click()
    expect(tokyo.locator(".chip", has_text="304 Not Modified")).to_have_count(3)
    expect(tokyo.locator("#fresh-words")).to_contain_text("from the cache")


def test_what_is_fresh_on_this_device_is_not_asked_for_again(tokyo):
    urls = asked(tokyo)
    tokyo.reload()
    tokyo.wait_for_selector(READY)
    assert urls == []


def test_an_answer_that_ends_is_followed_by_the_next(open_page, instance):
    page = open_page()
    page.clock.install()
    page.goto(f"{instance.base}/{TOKYO}")
    page.wait_for_selector(READY)
    urls = asked(page)
    page.clock.fast_forward("09:50")
    assert urls == []
    page.clock.fast_forward("00:15")
    expect(page.locator("#refresh.busy")).to_have_count(0)
    assert sorted(urls) == [f"{name}?lat=35.7&lon=139.7" for name in ("forecast", "weather")]


def test_the_curl_line_and_the_headers_are_those_of_the_answer(tokyo, instance):
    line = f"curl -i '{instance.base}/api/v1/weather?lat=35.7&lon=139.7'"
    expect(tokyo.locator(".curl code").first).to_have_text(line)
    tokyo.locator(".exchange summary").first.click()
    status = tokyo.locator(".exchange dl div", has_text="cache-status").first
    expect(status).to_have_text("cache-statusweathernote; fwd=miss; stored")
    tokyo.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tokyo.locator(".curl button").first.click()
    expect(tokyo.get_by_role("status")).to_have_text("Copied.")
    assert tokyo.evaluate("navigator.clipboard.readText()") == line


def test_a_stale_answer_is_called_stale(open_page, instance):
    page = open_page()
    page.route("**/api/v1/weather*", changed(stale=True))
    page.goto(f"{instance.base}/{TOKYO}")
    expect(page.locator("#fresh-mark")).to_have_text("Stale")
    expect(page.locator("#fresh-words")).to_contain_text("due for a refresh")


def test_simulated_weather_is_called_so(open_page, instance):
    page = open_page()
    page.route("**/api/v1/weather*", changed(source="simulator"))
    page.goto(f"{instance.base}/{TOKYO}")
    expect(page.get_by_text("Simulated weather.")).to_be_visible()
    expect(page.locator("#fresh-words")).to_contain_text("The simulator said this just now")


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:00Z")


def clock_of(run: str) -> str:
    """The time of day as a page in British English writes it."""
    return f"{int(run[11:13])}{run[13:16]} UTC"


def test_a_fresh_answer_names_the_newest_run_that_there_was(open_page, instance):
    run, page = hours_ago(2), open_page()
    page.route("**/api/v1/weather*", changed(model="jma_msm", run=run))
    page.goto(f"{instance.base}/{TOKYO}")
    words = f"from the newest model run at the time ({clock_of(run)}). "
    expect(page.locator("#fresh-words")).to_contain_text(words)


@pytest.mark.parametrize(("fetched_hours", "stale"), [(1, True), (6.1, False)])
def test_an_answer_that_may_lack_a_run_says_how_old_its_own_is(open_page, instance, fetched_hours, stale):
    run, page = hours_ago(9), open_page()
    page.route("**/api/v1/weather*", changed(run=run, fetched_at=hours_ago(fetched_hours), stale=stale))
    page.goto(f"{instance.base}/{TOKYO}")
    words = f" ago, from a model run 9 hours old ({clock_of(run)}). "
    expect(page.locator("#fresh-words")).to_contain_text(words)


@pytest.mark.parametrize("said", [{"model": None, "run": None}, {"model": "jma_msm", "run": None}, {"run": "?"}, {}])
def test_an_answer_whose_run_is_not_known_says_nothing_of_runs(open_page, instance, said):
    def without_run(route: Route) -> None:
        response = route.fetch()
        body = {name: value for name, value in response.json().items() if name not in ("model", "run")}
        route.fulfill(response=response, json=body | said)

    page = open_page()
    page.route("**/api/v1/weather*", without_run)
    page.goto(f"{instance.base}/{TOKYO}")
    expect(page.locator("#fresh-words")).to_contain_text(re.compile(r"said this (just now|\d+ minutes? ago)[.] "))


def test_what_open_meteo_does_not_have_is_a_dash(open_page, instance, simulator):
    simulator.fault("nulls", variable="wind_speed_10m")
    page = open_page(f"{instance.base}/#lat=-48.9&lon=-123.4")
    page.wait_for_selector(READY)
    expect(page.locator("#facts dd").first).to_have_text("–")


def test_units_are_chosen_and_remembered(tokyo):
    urls = asked(tokyo)
    tokyo.get_by_text("°F").first.click()
    expect(tokyo.locator("#now-temperature")).to_contain_text("°F")
    expect(tokyo.locator("#facts dd").first).to_contain_text("mph")
    assert sorted(urls) == [f"{name}?lat=35.7&lon=139.7&units=imperial" for name in ("forecast", "weather")]
    tokyo.reload()
    tokyo.wait_for_selector(READY)
    expect(tokyo.get_by_role("radio", name="°F (imperial)")).to_be_checked()


def test_an_american_begins_with_fahrenheit(open_page, instance):
    page = open_page(instance.base, locale="en-US")
    expect(page.get_by_role("radio", name="°F (imperial)")).to_be_checked()


def test_an_hour_is_read_by_pointer_and_in_the_table(tokyo):
    box = tokyo.get_by_role("slider").bounding_box()
    tokyo.mouse.move(box["x"] + box["width"] - 2, box["y"] + 100)
    chart = tokyo.get_by_role("slider")
    expect(chart).to_have_attribute("aria-valuenow", "47")
    read = [tokyo.locator(f"#read-{name}").inner_text() for name in ("time", "temperature", "words")]
    tokyo.get_by_text("The same as a table").click()
    rows = tokyo.locator("#table tbody tr")
    expect(rows).to_have_count(48)
    assert rows.last.locator("th, td").all_inner_texts()[:3] == read


@pytest.mark.parametrize(
    ("place", "minutes"), [("#lat=19.1&lon=72.9", "30"), ("#lat=27.7&lon=85.3", "45"), (TOKYO, "")]
)
def test_an_hour_off_the_full_hour_shows_its_minutes_in_the_chart(open_page, instance, place, minutes):
    page = open_page(f"{instance.base}/{place}")
    page.wait_for_selector(READY)
    labels = page.locator("#chart .hour").all_text_contents()
    assert len(labels) >= 8
    assert {label.partition(":")[2] for label in labels} == {minutes}


@pytest.mark.parametrize("locale", ["en-GB", "en-US"])
def test_hours_with_minutes_have_room_in_the_chart(open_page, instance, locale):
    page = open_page(f"{instance.base}/{TOKYO}")
    page.wait_for_selector(READY)
    forecast = instance.get("/api/v1/forecast?lat=35.7&lon=139.7").json()
    drawn = page.evaluate(DRAWN, [module(page, "chart.js"), forecast, locale])
    assert len(drawn) == len(range(260, 1100, 20)) * 24
    for width, labels in drawn:
        assert all(end < start for (_, end), (start, _) in pairwise(labels)), (width, labels)
        assert labels[0][0] >= 0 and labels[-1][1] <= width, (width, labels)


# ── for everyone ──────────────────────────────────────────────────────────────────────────────────


def test_everything_works_by_keyboard_alone(open_page, instance):
    page = open_page(instance.base)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the weather")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("reykj")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Reykjavík")
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("Tab")  # look again
    page.keyboard.press("Tab")
    expect(page.get_by_role("slider")).to_be_focused()
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("End")
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuenow", "47")
    page.keyboard.press("Home")
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile(r"Today .* °C, .*rain .*wind "))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#table")).to_have_attribute("open", "")


@pytest.fixture
def searching(open_page, instance) -> tuple[Page, list[Route]]:
    """A page with the list for "be", and "berl" in its field; what is asked for that is held."""
    page, held = open_page(instance.base), []
    page.route("**/places?search=berl&*", lambda route: held.append(route))
    page.get_by_role("combobox").fill("be")
    expect(page.get_by_role("option").first).to_be_visible()
    with page.expect_request("**/places?search=berl&*"):
        page.get_by_role("combobox").fill("berl")
    eventually(lambda: page.wait_for_timeout(10) or held)  # the page's own loop hands it over
    return page, held


def test_keys_act_on_the_list_of_the_text_that_stands_there(searching, instance):
    page, (request,) = searching
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    request.continue_()
    names = [place["name"] for place in instance.get("/api/v1/places?search=berl&limit=8").json()["places"]]
    names.sort(key=lambda name: not name.startswith("Berl"))
    expect(page.get_by_role("heading", level=1)).to_have_text(names[1])


def test_keys_do_not_ask_again_what_is_asked_already(searching):
    page, held = searching
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    held[0].continue_()
    page.wait_for_selector(READY)
    assert len(held) == 1


def test_a_list_that_was_closed_is_not_opened_by_what_is_still_under_way(searching):
    page, (request,) = searching
    page.keyboard.press("Escape")
    request.continue_()
    page.evaluate("fetch('/api/v1/places?search=bern&limit=8').then((response) => response.text())")
    expect(page.locator("#popup")).to_be_hidden()
    assert page.locator("#places li").count() == 0


def test_a_screen_reader_is_told_what_happens(open_page, instance):
    page = open_page(f"{instance.base}/{TOKYO}")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"Tokyo: .*°.*\."))
    page.get_by_role("combobox").fill("qqqq")
    expect(page.get_by_role("status")).to_have_text("No place begins with qqqq.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page, instance, expects, scheme):
    expects("status of 400")
    page = open_page(instance.base, color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_selector("button.city")
    axe(page)
    page.get_by_role("combobox").fill("san")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    axe(page)
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    page.get_by_text("The same as a table").click()
    page.locator(".exchange summary").first.click()
    axe(page)
    page.goto(f"{instance.base}/#lat=91&lon=0")
    page.wait_for_selector(FAILED)
    axe(page)


def test_the_theme_follows_the_system_until_one_is_chosen(open_page, instance):
    def ground():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    page = open_page(instance.base, color_scheme="dark")
    dark = ground()
    page.emulate_media(color_scheme="light")
    light = ground()
    assert dark != light
    page.get_by_role("button", name="Dark theme", pressed=False).click()
    assert ground() == dark
    page.reload()
    assert ground() == dark
    expect(page.get_by_role("button", name="Dark theme", pressed=True)).to_be_visible()


def test_nothing_is_wider_than_a_small_screen(open_page, instance, expects):
    expects("status of 400")
    names = ["Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogoch", "Krung Thep Maha Nakhon"]
    places = [f"#lat=53.2&lon=-4.2&name={names[0]}", f"#lat=13.8&lon=100.5&name={names[1]}", "#lat=91&lon=0", ""]
    for place in places:
        page = open_page(f"{instance.base}/{place}", **SMALL)
        page.wait_for_selector(":is(html[data-state=ready], html[data-state=failed], button.city)")
        assert page.evaluate("document.documentElement.scrollWidth") == 320, place
        outside = "document.querySelectorAll('main *, .bar *, footer *')"
        hidden = ":is(.unseen, .unseen *, .scroll *)"
        beyond = page.evaluate(
            f"[...{outside}].filter((e) => !e.matches('{hidden}') && e.getBoundingClientRect().right > 320)"
            ".map((e) => e.outerHTML.slice(0, 80))"
        )
        assert beyond == [], place


def test_nothing_jumps_when_the_weather_comes(open_page, instance):
    page = open_page(reduced_motion="reduce")
    page.add_init_script("""
        window.shifts = [];
        new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((entry) => entry.value)))
            .observe({ type: "layout-shift", buffered: true });
    """)
    page.goto(f"{instance.base}/{TOKYO}")
    page.wait_for_selector(READY)
    page.wait_for_timeout(200)
    assert page.evaluate("window.shifts.reduce((sum, value) => sum + value, 0)") < 0.01


def test_the_page_is_small(open_page, instance):
    page = open_page()
    responses: list[tuple[str, int]] = []

    def note(response: Response) -> None:
        if "/events?" not in response.url:  # a stream has no end
            responses.append((response.url, len(response.body())))

    page.on("response", note)
    page.goto(f"{instance.base}/{TOKYO}")
    page.wait_for_selector(READY)
    page.wait_for_selector("#air[data-state=ready]")
    assert len(responses) <= 20
    assert sum(size for url, size in responses if url.endswith((".js", ".css"))) < 100_000


def test_without_javascript_it_says_what_it_is(open_page, instance):
    page = open_page(instance.base, java_script_enabled=False)
    expect(page.get_by_text(f"curl -i '{instance.base}/api/v1/weather?lat=40.7&lon=-74.0'")).to_be_visible()
    expect(page.get_by_role("link", name="documentation", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Use my position")).to_have_count(0)


# ── what is typed and linked is only ever text ────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["'; DROP TABLE", "%%", "__", "☔🌍", "القاهرة", "<b onclick=alert(1)>", "x" * 100])
def test_any_search_is_answered_and_shown_as_text(open_page, instance, text):
    page = open_page(instance.base)
    with page.expect_response("**/api/v1/places*") as response:
        page.get_by_role("combobox").fill(f"{text} ")
        page.keyboard.press("Enter")
    assert response.value.status == 200
    page.locator("#search-note:not([hidden]), #places li, html[data-state=ready]").first.wait_for()
    assert page.locator("#popup b").count() == 0


def test_a_name_in_a_link_is_text(open_page, instance):
    name = "<img src=x onerror=alert(1)>"
    page = open_page(f"{instance.base}/#lat=1&lon=1&name={name}")
    page.wait_for_selector(READY)
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


# ── when things go wrong ──────────────────────────────────────────────────────────────────────────


def test_a_position_out_of_range_is_refused_by_the_service(open_page, instance, expects):
    expects("status of 400")
    page = open_page(f"{instance.base}/#lat=91&lon=0")
    expect(page.get_by_role("heading", name="This is not a place on Earth", level=1)).to_be_visible()
    expect(page.locator("#trouble")).to_contain_text("lat must be between -90 and 90 degrees")
    expect(page.locator("#trouble")).to_contain_text("invalid_parameter")
    expect(page.get_by_role("button", name="Try now")).to_be_hidden()
    page.get_by_role("button", name="Search another place").click()
    expect(page.get_by_role("combobox")).to_be_focused()


def test_a_place_that_is_none_is_not_come_back_to(open_page, instance, expects):
    expects("status of 400")
    page = open_page(f"{instance.base}/#lat=91&lon=0")
    page.wait_for_selector(FAILED)
    page.goto("about:blank")
    page.goto(instance.base)
    page.wait_for_selector(WELCOME)


def test_what_cannot_be_rounded_is_not_sent(open_page, instance):
    page = open_page()
    urls = asked(page)
    page.goto(f"{instance.base}/#lat=40,7128&lon=-74.0060")
    expect(page.locator("#trouble")).to_contain_text("Nothing was sent.")
    assert urls == []


def test_whoever_asks_too_much_is_let_in_again_by_itself(tokyo, valkey, expects):
    expects("status of 429")
    (count,) = valkey.scan_iter("rate_limit:*")
    valkey.set(count, UNLIMITED, ex=4)
    tokyo.get_by_role("button", name="Look again").click()
    expect(tokyo.get_by_role("heading", name="That was a lot at once")).to_be_visible()
    expect(tokyo.locator("#trouble-wait")).to_have_text(re.compile("Looking again in [1-4] s"))
    expect(tokyo.locator("#now-temperature")).to_be_visible()  # what was known stays
    expect(tokyo.locator("#trouble")).to_be_hidden(timeout=8000)


def test_where_nothing_is_known_yet_it_says_so_and_tries_again(open_page, instance, simulator, expects):
    expects("status of 503")
    simulator.fault("status", status=503)
    page = open_page(f"{instance.base}/#lat=12.3&lon=45.6&name=Berbera")
    expect(page.get_by_role("heading", name="No weather for this place yet", level=1)).to_be_visible()
    expect(page.locator("#trouble-wait")).to_have_text(re.compile("Looking again in .*"))
    expect(page.locator("#trouble-place")).to_have_text("Berbera")
    simulator.reset()
    page.wait_for_selector(READY, timeout=40_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Berbera")


def test_offline_it_keeps_what_was_known_and_comes_back_by_itself(tokyo, expects):
    expects("ERR_INTERNET_DISCONNECTED")
    tokyo.context.set_offline(True)
    expect(tokyo.get_by_role("heading", name="You are offline")).to_be_visible()
    expect(tokyo.locator("#fresh-mark")).to_have_text("Offline")
    tokyo.get_by_role("button", name="Look again").click()
    expect(tokyo.locator("#now-temperature")).to_be_visible()
    tokyo.context.set_offline(False)
    expect(tokyo.locator("#trouble")).to_be_hidden()
    expect(tokyo.locator("#fresh-mark")).to_have_text("Fresh")


def test_a_service_that_is_gone_is_told_apart_from_being_offline(open_page, instance, expects):
    expects("ERR_CONNECTION_REFUSED")
    page = open_page()
    page.route("**/api/v1/*?lat=*", lambda route: route.abort("connectionrefused"))
    page.goto(f"{instance.base}/{TOKYO}")
    expect(page.get_by_role("heading", name="The service cannot be reached")).to_be_visible()
    page.unroute_all()
    page.get_by_role("button", name="Try now").click()
    page.wait_for_selector(READY)


@pytest.mark.parametrize(("status", "title"), [(404, "There is nothing here"), (500, "Something went wrong there")])
def test_other_errors_have_their_words(open_page, instance, expects, status, title):
    expects(f"status of {status}")
    problem = {"title": "?", "status": status, "detail": "…", "code": "some_code", "request_id": "abc123"}
    page = open_page()
    headers = {"Content-Type": "application/problem+json"}
    fail = {"status": status, "body": json.dumps(problem), "headers": headers}
    page.route("**/api/v1/*?lat=*", lambda route: route.fulfill(**fail))
    page.goto(f"{instance.base}/{TOKYO}")
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.locator("#trouble")).to_contain_text("some_code, request abc123")


def test_a_position_that_is_not_shared_leaves_the_search(open_page, instance):
    page = open_page(instance.base)
    page.get_by_role("button", name="Use my position").first.click()
    expect(page.locator("#position-notice")).to_contain_text("was not shared")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#position-notice")).to_be_hidden()
    expect(page.get_by_role("combobox")).to_be_focused()


def test_a_device_that_cannot_tell_where_it_is_says_so(open_page, instance):
    page = open_page()
    page.add_init_script("navigator.geolocation.getCurrentPosition = (_, failed) => failed({ code: 2 })")
    page.goto(instance.base)
    page.get_by_role("button", name="Use my position").first.click()
    expect(page.locator("#position-notice")).to_contain_text("could not tell where it is")


# ── what comes late, in part or damaged ───────────────────────────────────────────────────────────


def test_enter_never_takes_what_an_earlier_text_found(open_page, instance):
    page = open_page(instance.base)
    page.get_by_role("combobox").fill("oslo")
    page.get_by_role("option", name="Oslo").first.wait_for()
    page.get_by_role("combobox").fill("reykj")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Reykjavík")


def test_a_position_that_comes_late_leaves_the_place_chosen_meanwhile(open_page, instance):
    page = open_page()
    page.add_init_script("navigator.geolocation.getCurrentPosition = (found) => { window.found = found; }")
    page.goto(instance.base)
    page.get_by_role("button", name="Use my position").first.click()
    page.get_by_role("combobox").fill("oslo")
    page.get_by_role("option", name="Oslo").first.click()
    page.evaluate("window.found({ coords: { latitude: 1, longitude: 1 } })")
    expect(page.get_by_role("heading", level=1)).to_have_text("Oslo")
    expect(page.locator("#locate.busy")).to_have_count(0)


def test_what_a_cache_between_has_held_is_fresh_for_the_rest_alone(open_page, instance):
    page = open_page(instance.base)
    times = page.evaluate(
        """async (url) => (await import(url)).timesOf(
            new Headers({ "Cache-Control": "max-age=600", Age: "590", Date: "Tue, 24 Nov 2026 10:00:00 GMT" }),
            { expires_at: "1970-01-01T00:01:00Z" }, 50_000)""",
        module(page, "api.js"),
    )
    assert times == {"expiresAt": 60_000, "clockSkewMs": 0}


@pytest.mark.parametrize(
    "kept", ['{"cell": 5}', '{"cell": {"lat": "x", "lon": "0.0"}}', "7", '{"cell": {"lat": "95.0", "lon": "0.0"}}']
)
def test_a_kept_place_that_is_none_is_dropped(open_page, instance, kept):
    page = open_page()
    page.add_init_script(f"localStorage['weathernote.place'] = '{kept}'; localStorage['weathernote.units'] = '{{}}'")
    page.goto(instance.base)
    page.wait_for_selector("button.city")
    assert page.evaluate("localStorage['weathernote.place']") == "null"


def test_a_page_without_storage_or_newer_signals_works(open_page, instance):
    page = open_page()
    page.add_init_script("""delete AbortSignal.any;
        for (const name of ["localStorage", "sessionStorage"])
            Object.defineProperty(window, name, { get() { throw new Error("blocked"); } });""")
    page.goto(f"{instance.base}/{TOKYO}")
    page.wait_for_selector(READY)
    page.get_by_role("button", name="Forget it all").click()
    page.wait_for_selector(WELCOME)


def test_a_search_ends_when_its_field_is_left(open_page, instance):
    page = open_page(instance.base)
    page.route("**/api/v1/places*", lambda _: None)  # never answered
    with page.expect_request("**/api/v1/places*"):
        page.get_by_role("combobox").fill("oslo")
    with page.expect_event("requestfailed"):
        page.get_by_role("combobox").blur()
    expect(page.locator("#popup")).to_be_hidden()


def test_the_half_that_has_come_is_shown_and_not_asked_for_again(open_page, instance, expects):
    expects("status of 500")
    page = open_page()
    page.route("**/api/v1/forecast*", lambda route: route.fulfill(status=500, body="{}"))
    page.goto(f"{instance.base}/{TOKYO}")
    page.wait_for_selector(READY)
    expect(page.locator("#now-temperature")).to_be_visible()
    expect(page.locator("#hours")).to_be_hidden()
    page.unroute_all()
    urls = asked(page)
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#hours")).to_be_visible()
    assert urls == ["forecast?lat=35.7&lon=139.7"]


def test_of_the_cities_no_more_than_is_shown_is_kept(open_page, instance):
    page = open_page(instance.base)
    page.wait_for_selector("button.city")
    kept = page.evaluate(
        "JSON.parse(sessionStorage['weathernote.answers']).map(([, answer]) => answer.body.cities.length)"
    )
    assert kept == [page.locator("button.city").count()] and kept[0] <= 8


def test_over_plain_http_it_says_why_there_is_no_position(open_page, instance):
    page = open_page()
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    page.goto(instance.base)
    page.get_by_role("button", name="Use my position").first.click()
    expect(page.locator("#position-notice")).to_contain_text("https")


def test_a_name_in_a_link_turns_no_text_around(open_page, instance):
    page = open_page(f"{instance.base}/#lat=1&lon=1&name=a%E2%80%AEb%E2%81%A6c")
    expect(page.get_by_role("heading", level=1)).to_have_text("abc")


# ── the pure modules ──────────────────────────────────────────────────────────────────────────────


def test_positions_are_rounded_as_the_service_rounds_them(open_page, instance):
    page = open_page(instance.base)
    with (TOP / "tests/data/cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    cells = page.evaluate(
        """async ([url, rows]) => { const { cellOf } = await import(url);
           return rows.map((row) => cellOf(row.lat, row.lon)); }""",
        [module(page, "rounding.js"), rows],
    )
    assert len(rows) > 100
    assert cells == [{"lat": row["cell_lat"], "lon": row["cell_lon"]} for row in rows]


@pytest.mark.parametrize(
    "text", ["", " 1", "1,5", "NaN", "Infinity", "0x1", "٤٠", "1_0", "+1", "1234", "1.", ".5", "1e999", "1e3"]
)
def test_what_is_no_number_of_degrees_is_no_position(open_page, instance, text):
    page = open_page(instance.base)
    rounded = "async ([url, text]) => (await import(url)).cellOf(text, '0')"
    assert page.evaluate(rounded, [module(page, "rounding.js"), text]) is None


def test_every_code_has_words_and_a_picture_by_day_and_by_night(open_page, instance):
    page = open_page(instance.base)
    shown = page.evaluate(
        """async ([url, codes]) => { const { weather } = await import(url);
           return codes.flatMap((code) => [true, false].map((isDay) => weather(code, isDay))); }""",
        [module(page, "codes.js"), OPEN_METEO_CODES + THUNDER],
    )
    pictures = set(page.evaluate("[...document.querySelectorAll('symbol')].map((symbol) => symbol.id)"))
    assert all(f"i-{weather['picture']}" in pictures for weather in shown)
    assert "unknown" not in {weather["picture"] for weather in shown}
    assert len({weather["words"] for weather in shown}) == len(OPEN_METEO_CODES + THUNDER)
