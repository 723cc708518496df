"""The page while weather is pushed to it: shown at once, called live, let go when hidden, and asked for without."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.clients.browser import axe
from tests.support.limits import LIFTED
from tests.support.servers import Instance, eventually
from tests.support.staged.streams import StagedStreams, event

TOKYO = "#lat=35.7&lon=139.7&name=Tokyo"
READY = "html[data-state=ready]"
LIVE, NOT_LIVE = re.compile(r"\bon\b"), re.compile(r"^live$")
HIDE = """(state) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange"));
}"""

pytestmark = pytest.mark.usefixtures("valkey", "simulator")


@pytest.fixture(scope="module")
def behind(tmp_path_factory, valkey_server, simulator_server) -> Iterator[Instance]:
    """An instance behind a proxy, where the streams have the page's own origin."""
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    folder = tmp_path_factory.mktemp("behind")
    with Instance(folder, WORKERS=1, TRUSTED_PROXY_COUNT=1, LIVE_PORT=0, **servers, **LIFTED) as started:
        yield started


@pytest.fixture
def streams(behind) -> Iterator[StagedStreams]:
    with StagedStreams(behind.base) as staged:
        yield staged


@pytest.fixture
def live_page(streams, open_page):
    """`live_page(**options)`: the page with Tokyo, whose clock goes on by itself and may be turned on."""

    def opened(**options) -> Page:
        page = open_page(**options)
        page.clock.install()
        page.goto(f"{streams.url}/{TOKYO}")
        page.wait_for_selector(READY)
        return page

    return opened


@pytest.fixture
def watching(live_page, streams) -> Page:
    page = live_page()
    expect(page.locator("#live")).to_have_class(LIVE)
    return page


@pytest.fixture
def weather(behind):
    """Tokyo's weather as the service says it, 44.4 degrees warm and of a later record."""

    def later(**fields) -> dict:
        body = behind.get("/api/v1/weather?lat=35.7&lon=139.7").json()
        body["current"]["temperature_2m"] = 44.4
        return body | fields

    return later


def seen(page: Page, holds):
    """Waits while the page's own loop goes on."""
    return eventually(lambda: page.wait_for_timeout(10) or holds())


def test_what_is_pushed_is_shown_at_once(watching, streams, weather):
    streams.push(event(weather()))
    expect(watching.locator("#now-temperature")).to_contain_text("44")
    expect(watching.locator(".exchange", has_text="/api/v1/weather/events")).to_contain_text("pushed")


def test_an_event_in_pieces_is_put_together(watching, streams, weather):
    whole = event(weather(timezone="Asia/Tōkyō")).replace(b"\n", b"\r\n")
    middle = whole.index("ō".encode()) + 1  # within a character
    for piece in (whole[:7], whole[7:middle], whole[middle:]):
        streams.push(piece)
    expect(watching.locator("#now-temperature")).to_contain_text("44")


def test_a_stream_names_the_device_and_what_the_page_has(watching, streams):
    ((path, headers),) = streams.opened
    assert path == "/api/v1/weather/events?lat=35.7&lon=139.7"
    assert re.fullmatch("[0-9a-f]{32}", headers["x-client-id"])
    assert headers["last-event-id"].startswith('W/"')


def test_live_is_a_word_with_a_shape(watching):
    live = watching.locator("#live")
    expect(live).to_be_visible()
    expect(live).to_have_text("Live")
    assert watching.evaluate("getComputedStyle(document.getElementById('live'), '::before').borderRadius") == "50%"
    axe(watching)


def test_a_hidden_page_lets_its_stream_go_and_comes_back_with_what_it_has(watching, streams, weather):
    streams.push(event(weather(), 'W/"7"'))
    expect(watching.locator("#now-temperature")).to_contain_text("44")
    watching.evaluate(HIDE, "hidden")
    expect(watching.locator("#live")).to_be_hidden()
    seen(watching, lambda: streams.open == 0)
    watching.evaluate(HIDE, "visible")
    expect(watching.locator("#live")).to_be_visible()
    assert [headers["last-event-id"] for _, headers in streams.opened][1:] == ['W/"7"']


def test_a_stream_that_ends_is_opened_again_with_the_last_id(watching, streams, weather):
    streams.push(event(weather(), 'W/"7"', retry_ms=100))
    expect(watching.locator("#now-temperature")).to_contain_text("44")
    streams.cut()
    seen(watching, lambda: watching.clock.run_for(100) or len(streams.opened) == 2)
    assert streams.opened[1][1]["last-event-id"] == 'W/"7"'
    expect(watching.locator("#live")).to_be_visible()


def test_pages_that_were_cut_off_together_come_back_apart(watching):
    """Anywhere in a span that doubles up to five minutes: where chance says a half, in its middle."""
    waits = watching.evaluate(
        """async (url) => {
            const { waitFor } = await import(url);
            Math.random = () => 0.5;
            const stream = { retryMs: 4000, failures: 0 };
            return Array.from({ length: 9 }, () => waitFor(stream, 0));
        }""",
        watching.get_attribute('link[href$="/live.js"]', "href"),
    )
    assert waits == [2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 150_000, 150_000]


def test_a_stream_that_is_refused_waits_as_long_as_it_is_told(live_page, streams, expects):
    expects("status of 429")
    streams.refusals = [(429, 60)]
    page = live_page()
    seen(page, lambda: streams.opened)
    page.wait_for_timeout(200)
    page.clock.run_for(59_000)
    assert len(streams.opened) == 1
    seen(page, lambda: page.clock.run_for(1000) or len(streams.opened) == 2)
    expect(page.locator("#live")).to_be_visible()


def test_a_stream_that_has_gone_silent_is_given_up(watching, streams):
    streams.be_silent()
    # A byte that was under way begins the silence anew.
    seen(watching, lambda: watching.clock.run_for(61_000) or watching.locator("#live").is_hidden())


def test_without_streams_the_page_asks_as_ever(live_page, streams, expects):
    expects("status of 404")
    streams.refusals = [(404, 0)] * 100
    page = live_page()
    with page.expect_response("**/api/v1/weather?*"):
        page.clock.fast_forward("10:05")
    expect(page.locator("#live")).to_be_hidden()
    expect(page.locator("#fresh-mark")).to_have_text("Fresh")


def test_another_place_has_another_stream(watching, streams):
    watching.get_by_text("°F").first.click()
    seen(watching, lambda: streams.open == 1 and len(streams.opened) == 2)
    assert streams.opened[1][0] == "/api/v1/weather/events?lat=35.7&lon=139.7&units=imperial"


def test_the_forecast_of_a_newer_record_is_asked_for_within_half_a_minute(watching, streams, weather):
    requests: list[str] = []
    watching.on("request", lambda request: requests.append(request.url))
    streams.push(event(weather(fetched_at="2999-01-01T00:00:00Z")))
    expect(watching.locator("#now-temperature")).to_contain_text("44")
    watching.clock.run_for(31_000)
    seen(watching, lambda: any("/forecast?" in url for url in requests))
    assert not any("/weather?" in url for url in requests)


def test_an_event_that_is_no_weather_leaves_the_page_as_it_is(watching, streams, weather):
    streams.push(b"event: other\ndata: {}\n\nevent: weather\ndata: {broken\n\ndata\n\n: nothing\n\n")
    streams.push(event(weather()))
    expect(watching.locator("#now-temperature")).to_contain_text("44")
    assert streams.open == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_moves_when_the_page_is_live(live_page, scheme):
    page = live_page(viewport={"width": 320, "height": 640}, color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator("#live")).to_be_visible()
    box = page.locator("#fresh-words").bounding_box()
    page.evaluate("document.getElementById('live').classList.remove('on')")
    assert page.locator("#fresh-words").bounding_box() == box
    assert page.evaluate("document.documentElement.scrollWidth") == 320
