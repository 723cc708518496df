"""A real Chromium before real servers. Whatever a page complains of fails the test that opened it."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.clients.browser import OpenPage, Watch

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
#: A machine that runs much else besides is slow, and no less right.
PATIENCE_MS = 10_000


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not binary:
        pytest.skip("no chromium on the PATH: what people look at is not tested")
    # Playwright's loop runs in this thread, and Django would take its own synchronous calls for mistaken ones.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=ARGUMENTS)
        yield browser
        browser.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")
    if before is not None:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def watch() -> Iterator[Watch]:
    watching = Watch()
    yield watching
    assert watching.unexpected() == []


@pytest.fixture
def expects(watch: Watch) -> Callable[..., None]:
    """`expects("status of 429")`: the console will say this, and is right to."""
    return lambda *forms: watch.expected.extend(forms)


@pytest.fixture
def open_page(chromium: Browser, watch: Watch) -> Iterator[OpenPage]:
    """`open_page(url, viewport=…, color_scheme=…)`: a page in a browser that knows nothing yet."""
    contexts = []

    def opened(url: str = "", **options: Any) -> Page:
        context = chromium.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = watch.page(context.new_page())
        if url:
            page.goto(url)
        return page

    yield opened
    for context in contexts:
        for page in context.pages:
            page.wait_for_timeout(30)  # what was said last is still on its way
        context.close()


@pytest.fixture
def browser_page(open_page: OpenPage) -> Page:
    """An empty page, watched."""
    return open_page()
