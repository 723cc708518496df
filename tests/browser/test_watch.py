"""The watch over pages would notice: what these pages do wrong is seen."""

import pytest
from playwright.sync_api import Page

from tests.support.clients.browser import Watch, axe


@pytest.fixture
def page(chromium, instance):
    watching = Watch()
    context = chromium.new_context()
    opened = watching.page(context.new_page())
    opened.goto(instance.base)
    yield opened, watching
    context.close()


def seen(opened: Page, watching: Watch, words: str) -> bool:
    """Whether it is complained of within a second."""
    for _ in range(50):
        if any(words in said for said in watching.unexpected()):
            return True
        opened.wait_for_timeout(20)
    return False


def test_a_style_in_an_attribute_is_a_violation(page):
    opened, watching = page
    opened.evaluate("document.body.setAttribute('style', 'color: red')")
    assert seen(opened, watching, "violates style-src-attr")


def test_a_string_of_html_is_a_violation(page):
    opened, watching = page
    refused = (
        "(() => { try { document.body.innerHTML = '<b>x</b>'; return '' } catch (error) { return error.name } })()"
    )
    assert opened.evaluate(refused) == "TypeError"
    assert seen(opened, watching, "violates require-trusted-types-for")


def test_a_request_to_another_host_is_seen_and_stopped(page):
    opened, watching = page
    assert opened.evaluate("fetch('http://127.0.0.1:9/').catch((error) => error.name)") == "TypeError"
    assert seen(opened, watching, "violates connect-src")


def test_a_console_error_is_seen_unless_it_is_expected(page):
    opened, watching = page
    opened.evaluate("console.error('broken')")
    assert seen(opened, watching, "error: broken")
    watching.expected.append("brok")
    assert watching.unexpected() == []


def test_a_button_without_a_name_is_serious(page):
    opened, _ = page
    opened.evaluate("document.body.append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        axe(opened)
