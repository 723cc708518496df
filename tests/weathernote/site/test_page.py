"""The shell of the page at `/`: strict, small, cacheable, and there whatever else is broken."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from weathernote import assets
from weathernote.site import page

FILES = Path(settings.BASE_DIR) / "weathernote" / "site" / "browser"


@pytest.fixture
def policy(client) -> dict[str, str]:
    said = client.get("/").headers["Content-Security-Policy"]
    return dict(directive.split(" ", 1) for directive in said.split("; "))


def test_it_needs_neither_the_database_nor_redis(client):
    # Tests without the `db` mark fail at the first query, and no key-value server listens where the settings say.
    response = client.get("/", headers={"Cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"})
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers and "Vary" not in response.headers


def test_it_counts_against_no_limit(api, valkey):
    for _ in range(3):
        assert api.get("/").status_code == 200
    assert list(valkey.scan_iter("rate_limit*")) == []


def test_nothing_from_elsewhere_is_allowed_and_nothing_inline(policy):
    assert policy.pop("default-src") == policy.pop("base-uri") == policy.pop("frame-ancestors") == "'none'"
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert policy.pop("connect-src") == "'self' http://testserver:8001"  # the streams, without an edge
    assert set(policy.values()) == {"'self'"}


@pytest.mark.parametrize(("name", "value"), [("TRUSTED_PROXY_COUNT", 1), ("HOSTS_ARE_REAL", True)])
def test_behind_a_proxy_nothing_but_its_own_origin_is_connected_to(client, settings, name, value):
    setattr(settings, name, value)
    response = client.get("/")
    assert "connect-src 'self'" in response.headers["Content-Security-Policy"].split("; ")
    assert 'data-live=""' in response.text


def test_where_there_are_no_streams_the_page_looks_for_none(client, settings):
    settings.LIVE_PORT = 0
    response = client.get("/")
    assert response.headers["Content-Security-Policy"].endswith("; connect-src 'self'")
    assert "data-live" not in response.text


@pytest.mark.parametrize(
    ("host", "streams"),
    [
        ("localhost:8000", "http://localhost:8001"),
        ("[::1]:8000", "http://[::1]:8001"),
        ("testserver", "http://testserver:8001"),
    ],
)
def test_without_a_proxy_the_page_knows_the_port_of_the_streams(client, settings, host, streams):
    settings.ALLOWED_HOSTS = ["*"]
    response = client.get("/", headers={"Host": host})
    assert f'data-live="{streams}"' in response.text
    assert response.headers["Content-Security-Policy"].endswith(f"; connect-src 'self' {streams}")


def test_it_holds_no_inline_script_style_or_handler(client):
    text = client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
    assert not re.search(r'(?:src|action)="(?!/)', text)


def test_the_position_may_be_asked_for_by_this_page_alone(client):
    headers = client.get("/").headers
    assert headers["Permissions-Policy"] == "geolocation=(self)"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_it_is_kept_for_a_minute_and_then_revalidated(client):
    first = client.get("/")
    assert first.headers["Cache-Control"] == "public, max-age=60"
    again = client.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_it_is_only_read(client):
    assert client.post("/").status_code == 405
    assert client.options("/").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_its_files_may_be_kept_for_a_year(instance):
    text = instance.get("/").text + instance.get("/api/v1/docs/graphql").text
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text))
    assert len(files) == len(list(FILES.iterdir()))
    for file in files:
        response = instance.get(file)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "max-age=315360000, public, immutable"


def test_a_file_of_another_release_leads_to_this_ones(instance):
    response = instance.get("/static/page/0123456789ab/app.js")
    assert response.url.endswith(f"/static/page/{assets.version(FILES)}/app.js") and response.status_code == 200
    assert response.history[0].headers["Cache-Control"] == "no-store"
    for nothing in ("/static/page/0123456789ab/nothing.js", f"/static/page/{assets.version(FILES)}/nothing.js"):
        assert instance.get(nothing).status_code == 404


def test_every_module_is_told_ahead():
    imported = {name for file in FILES.glob("*.js") for name in re.findall(r'from "\./(\w+\.js)"', file.read_text())}
    assert imported == set(page.MODULES)


def test_it_says_where_the_docs_are_and_how_to_ask(client):
    text = client.get("/").text
    assert 'href="/api/v1/docs"' in text
    assert "curl -i 'http://testserver/api/v1/weather?lat=40.7&amp;lon=-74.0'" in text


@pytest.mark.parametrize(("source", "hidden"), [("simulator", False), ("open-meteo", True)])
def test_simulated_weather_is_called_so_from_the_first_byte(client, settings, source, hidden):
    settings.SOURCE = source
    assert ('id="simulated" class="notice amber" hidden' in client.get("/").text) == hidden
