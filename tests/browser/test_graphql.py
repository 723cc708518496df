"""The page to try GraphQL with, in Chromium: offline, under its policy, with the schema that the service tells."""

import pytest
from playwright.sync_api import expect

from tests.support.clients.browser import axe

pytestmark = pytest.mark.usefixtures("valkey", "simulator")


@pytest.fixture
def page(instance, open_page):
    opened = open_page()
    opened.goto(f"{instance.base}/api/v1/docs/graphql")
    return opened


def test_a_query_is_run_and_shown(page):
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#result")).to_contain_text('"temperature2m"')
    expect(page.get_by_role("status")).to_contain_text("200, ")
    page.get_by_label("Example").select_option("A home screen")
    page.get_by_label("Query").press("Control+Enter")
    expect(page.locator("#result")).to_contain_text('"weatherAt"')


def test_an_error_is_shown_as_it_came(page, expects):
    expects("status of 400")
    page.get_by_label("Query").fill("{ nonsense }")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#result")).to_contain_text("Cannot query field 'nonsense'")
    page.get_by_label("Variables, as JSON").fill("{")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("status")).to_contain_text("The variables are no JSON")


def test_the_schema_is_listed(page):
    expect(page.locator("#type-Query")).to_contain_text(
        "weather(lat: Float!, lon: Float!, units: Units! = METRIC): Weather"
    )
    expect(page.locator("#type-WeatherCurrent")).to_contain_text("temperature2m: Float")
    expect(page.locator("#schema-said")).to_contain_text("types, as this service tells of itself")


def test_everybody_can_use_it(page):
    expect(page.locator("#type-Query")).to_be_visible()
    axe(page)
