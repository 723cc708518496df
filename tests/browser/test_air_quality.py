"""Air quality and pollen on the page at `/`: in words and steps, beside the weather and never in its way."""

import re
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.test_page import FAILED, READY, SMALL, TOKYO, asked, changed, is_held, module
from tests.support.clients.browser import axe
from tests.support.servers import eventually

PARIS = "#lat=48.9&lon=2.4&name=Paris"
AIR = "/api/v1/air-quality?lat=48.9&lon=2.4"
#: A day in May on which each plant is at another level.
MAY: dict[str, Any] = {
    "time": "2026-05-14T15:20:00+02:00",
    "european_aqi": 64,
    "us_aqi": 112,
    "pm2_5": 52.3,
    "pm10": 61.0,
    "nitrogen_dioxide": 33.1,
    "ozone": 118.0,
    "alder_pollen": 0.0,
    "birch_pollen": 182.4,
    "grass_pollen": 31.2,
    "ragweed_pollen": 3.0,
}
NOWHERE = dict.fromkeys(("alder_pollen", "birch_pollen", "grass_pollen", "ragweed_pollen"))

#: What is wider than its card's padding leaves it.
CUT_OFF = """() => {
    const end = document.querySelector("#air-values").getBoundingClientRect().right;
    const isCut = (e) =>
        e.getBoundingClientRect().right > end + 0.5 || (e.matches("dd, dt") && e.scrollWidth > e.clientWidth);
    return [...document.querySelectorAll("#air *")].filter(isCut).map((e) => e.outerHTML.slice(0, 80));
}"""

pytestmark = pytest.mark.usefixtures("valkey", "simulator")


def with_air(page: Page, base: str, place: str = PARIS, **fields: Any) -> Page:
    """Opens the page on a place where these fields of the service's answer about its air are others."""
    page.route("**/api/v1/air-quality*", changed(**fields))
    page.goto(f"{base}/{place}")
    page.wait_for_selector(READY)
    page.wait_for_selector("#air[data-state=ready]")
    return page


def filled(picture: Locator) -> tuple[int, int]:
    """The filled steps of a scale, and all of them."""
    return picture.locator(".on").count(), picture.locator("rect").count()


def plants(page: Page) -> list[list[str]]:
    return [row.locator("dt, strong, .small").all_inner_texts() for row in page.locator("#plants > div").all()]


# ── what it shows ─────────────────────────────────────────────────────────────────────────────────


def test_the_index_has_a_word_and_steps_beside_its_colour(open_page, instance):
    page = with_air(open_page(), instance.base, current=MAY)
    expect(page.locator("#air-word")).to_have_text("Poor")
    expect(page.locator("#air-index")).to_have_text("European index 64")
    expect(page.locator("#air-more")).to_contain_text("US index 112: Unhealthy for sensitive groups.")
    assert filled(page.locator("#air-steps svg")) == (4, 6)
    expect(page.locator("#air-steps svg")).to_have_attribute("aria-hidden", "true")


def test_pollutants_have_their_units(open_page, instance):
    page = with_air(open_page(), instance.base, current=MAY)
    texts = [row.locator("dt, dd").all_inner_texts() for row in page.locator("#pollutants > div").all()]
    assert [text for _, text in texts] == ["52.3 μg/m³", "61.0 μg/m³", "33.1 μg/m³", "118 μg/m³"]
    assert [name for name, _ in texts] == ["Fine particles, PM2.5", "Particles, PM10", "Nitrogen dioxide", "Ozone"]


def test_in_europe_each_plants_pollen_has_a_word_and_steps(open_page, instance):
    page = with_air(open_page(), instance.base, current=MAY)
    expect(page.get_by_role("heading", name="Pollen", level=3)).to_be_visible()
    assert plants(page) == [
        ["Alder", "None", "0 grains/m³"],
        ["Birch", "High", "182 grains/m³"],
        ["Grass", "Moderate", "31 grains/m³"],
        ["Ragweed", "Low", "3 grains/m³"],
    ]
    assert [filled(picture) for picture in page.locator("#plants svg").all()] == [(0, 4), (3, 4), (2, 4), (1, 4)]


def test_it_is_what_the_service_says_of_the_cell(open_page, instance):
    page = open_page(f"{instance.base}/{PARIS}")
    page.wait_for_selector("#air[data-state=ready]")
    current = instance.get(AIR).json()["current"]
    expect(page.locator("#air-index")).to_have_text(f"European index {current['european_aqi']}")
    expect(page.locator("#pollutants dd").first).to_have_text(f"{current['pm2_5']} μg/m³")
    expect(page.locator("#plants > div")).to_have_count(4)


def test_outside_europe_there_is_no_pollen_section(open_page, instance):
    page = open_page(f"{instance.base}/{TOKYO}")
    page.wait_for_selector("#air[data-state=ready]")
    expect(page.locator("#air-index")).to_be_visible()
    expect(page.locator("#pollen")).to_be_hidden()


def test_what_is_not_known_is_neither_none_nor_good(open_page, instance):
    unknown = MAY | {"european_aqi": None, "us_aqi": None, "ozone": None, "birch_pollen": None}
    page = with_air(open_page(), instance.base, current=unknown)
    expect(page.locator("#air-word")).to_have_text("Not known")
    expect(page.locator("#pollutants dd").last).to_have_text("–")
    assert plants(page)[1] == ["Birch", "Not known", "–"]
    expect(page.locator("#air-more")).not_to_contain_text("US index")


def test_a_stale_answer_about_the_air_is_called_stale_and_the_weather_is_not(open_page, instance):
    page = with_air(open_page(), instance.base, stale=True)
    expect(page.locator("#air-mark")).to_have_text("Stale")
    expect(page.locator("#air-fresh")).to_contain_text("due for a refresh")
    expect(page.locator("#fresh-mark")).to_have_text("Fresh")


def test_it_is_asked_for_in_one_unit_and_again_when_it_ends(open_page, instance):
    page = open_page()
    page.clock.install()
    page.goto(f"{instance.base}/{PARIS}")
    page.wait_for_selector("#air[data-state=ready]")
    urls = asked(page)
    page.get_by_text("°F").first.click()
    expect(page.locator("#now-temperature")).to_contain_text("°F")
    assert not any("air-quality" in url for url in urls)
    page.clock.fast_forward("30:05")
    expect(page.locator("#air-mark")).to_have_text("Fresh")
    assert urls.count("air-quality?lat=48.9&lon=2.4") == 1


# ── when it is not there ──────────────────────────────────────────────────────────────────────────


def test_the_weather_does_not_wait_for_the_air(open_page, instance):
    page = open_page()
    held: list[Route] = []
    page.route("**/api/v1/air-quality*", lambda route: held.append(route))
    page.goto(f"{instance.base}/{PARIS}")
    page.wait_for_selector(READY)
    expect(page.locator("#now-temperature")).to_contain_text("°")
    expect(page.locator("#air")).to_have_attribute("data-state", "loading")
    held[0].continue_()
    expect(page.locator("#air")).to_have_attribute("data-state", "ready")


def test_air_that_is_gone_is_one_quiet_line_beside_the_weather(open_page, instance, simulator, expects):
    expects("status of 503")
    simulator.fault("status", path="/v1/air-quality", status=503)
    page = open_page()
    page.clock.install()
    page.goto(f"{instance.base}/#lat=50.1&lon=8.7&name=Frankfurt")
    expect(page.locator("#air-gone")).to_contain_text("Nothing is known of the air here right now.")
    for hidden in page.locator("#air-values, #air-mark").all():
        expect(hidden).to_be_hidden()
    expect(page.locator("#now-temperature")).to_contain_text("°")
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator(".chip", has_text="503")).to_have_count(1)
    simulator.reset()
    urls = asked(page)
    page.clock.fast_forward("01:05")
    expect(page.locator("#air")).to_have_attribute("data-state", "ready")
    assert urls == ["air-quality?lat=50.1&lon=8.7"]


def test_what_was_known_of_the_air_stays_when_it_is_gone(open_page, instance, expects):
    expects("status of 503")
    page = with_air(open_page(), instance.base, current=MAY)
    page.unroute_all()
    page.route("**/api/v1/air-quality*", lambda route: route.fulfill(status=503, body="{}"))
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".chip", has_text="503")).to_have_count(1)
    expect(page.locator("#air-word")).to_have_text("Poor")
    expect(page.locator("#trouble")).to_be_hidden()


def test_with_both_gone_the_page_speaks_of_the_weather_alone(open_page, instance, simulator, expects):
    expects("status of 503")
    simulator.fault("status", status=503)
    page = open_page(f"{instance.base}/#lat=47.4&lon=8.5&name=Z%C3%BCrich")
    page.wait_for_selector(FAILED)
    expect(page.get_by_role("heading", name="No weather for this place yet", level=1)).to_be_visible()
    expect(page.locator("#air")).to_be_hidden()


# ── for everyone ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_band(open_page, instance, scheme):
    for index in (10, 30, 50, 70, 90, 120):
        page = open_page(color_scheme=scheme, reduced_motion="reduce")
        axe(with_air(page, instance.base, current=MAY | {"european_aqi": index, "birch_pollen": index * 5.0}))


@pytest.mark.parametrize(("index", "word"), [(64, "Poor"), (101, "Extremely poor")])
def test_it_fits_a_small_screen(open_page, instance, index, word):
    current = MAY | {"european_aqi": index, "us_aqi": 301, "ozone": 1118.0, "birch_pollen": 3276.7}
    page = with_air(open_page(**SMALL), instance.base, current=current)
    expect(page.locator("#air-word")).to_have_text(word)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate(CUT_OFF) == []


def test_nothing_jumps_when_the_air_comes(open_page, instance):
    eventually(partial(is_held, instance, AIR))
    page = open_page(reduced_motion="reduce")
    page.add_init_script("""
        window.shifts = [];
        new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((entry) => entry.value)))
            .observe({ type: "layout-shift", buffered: true });
    """)
    with_air(page, instance.base, current=MAY | NOWHERE)
    page.wait_for_timeout(200)
    assert page.evaluate("window.shifts.reduce((sum, value) => sum + value, 0)") < 0.01


# ── the words ─────────────────────────────────────────────────────────────────────────────────────


def words(page: Page, call: str, *values: Any) -> list[str | None]:
    script = f"""async ([url, values]) => {{
        const air = await import(url);
        return values.map((value) => ({call})?.word ?? null);
    }}"""
    got: list[str | None] = page.evaluate(script, [module(page, "air.js"), list(values)])
    return got


def test_a_band_goes_up_to_its_highest_index(open_page, instance):
    page = open_page(instance.base)
    european = words(page, "air.european(value)", 0, 20, 21, 40, 41, 60, 61, 80, 81, 100, 101, 900, None)
    assert european == [
        *("Good", "Good", "Fair", "Fair", "Moderate", "Moderate", "Poor", "Poor", "Very poor", "Very poor"),
        *("Extremely poor", "Extremely poor", None),
    ]
    assert words(page, "air.us(value)", 50, 51, 100, 150, 200, 300, 301, None) == [
        *("Good", "Moderate", "Moderate", "Unhealthy for sensitive groups", "Unhealthy", "Very unhealthy"),
        *("Hazardous", None),
    ]


@pytest.mark.parametrize(
    ("plant", "moderate", "high", "very_high"),
    [("alder", 11, 70, 250), ("birch", 11, 70, 300), ("grass", 20, 50, 150), ("ragweed", 6, 11, 40)],
)
def test_pollen_is_none_below_a_grain_and_has_the_levels_of_its_plant(
    open_page, instance, plant, moderate, high, very_high
):
    page = open_page(instance.base)
    values = [None, 0, 0.4, 0.5, moderate - 1, moderate, high - 1, high, very_high - 1, very_high]
    assert words(page, f"air.pollen('{plant}', value)", *values) == [
        *(None, "None", "None", "Low", "Low", "Moderate", "Moderate", "High", "High", "Very high"),
    ]


# ── the place's name ──────────────────────────────────────────────────────────────────────────────


def test_a_position_gets_the_name_of_the_place_that_its_cell_is_in(open_page, instance):
    page = open_page(f"{instance.base}/#lat=48.1&lon=11.6")
    expect(page.get_by_role("heading", level=1)).to_have_text("Munich")
    expect(page.locator("#place-about")).to_have_text(re.compile("^Bavaria, Germany · 48.1° N, 11.6° E · .* there$"))
    expect(page).to_have_title("Munich · WeatherNote")


def test_where_you_are_is_near_a_place_and_no_finer_position_is_sent(open_page, instance):
    page = open_page(permissions=["geolocation"], geolocation={"latitude": 48.137412, "longitude": 11.575538})
    urls = asked(page)
    page.goto(instance.base)
    page.get_by_role("button", name="Use my position").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Where you are")
    expect(page.locator("#place-about")).to_contain_text("Near Munich, Bavaria, Germany")
    assert "places?lat=48.1&lon=11.6" in urls
    assert not any("48.13" in url for url in urls)


def test_a_place_far_from_all_keeps_its_degrees(open_page, instance):
    page = open_page(f"{instance.base}/#lat=-48.9&lon=-123.4")
    page.wait_for_selector(READY)
    expect(page.get_by_role("heading", level=1)).to_have_text("48.9° S, 123.4° W")


def test_without_a_name_the_weather_is_there(open_page, instance, expects):
    expects("status of 503")
    page = open_page()
    page.route("**/api/v1/places*", lambda route: route.fulfill(status=503, body="{}"))
    page.goto(f"{instance.base}/#lat=48.1&lon=11.6")
    page.wait_for_selector(READY)
    expect(page.get_by_role("heading", level=1)).to_have_text("48.1° N, 11.6° E")
    expect(page.locator("#trouble")).to_be_hidden()
