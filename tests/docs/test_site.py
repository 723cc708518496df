"""The manual as a site: it builds strictly, and a browser that shows it asks nobody else for anything."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.servers import TOP

pytestmark = pytest.mark.skipif(find_spec("mkdocs") is None, reason="not installed: mkdocs (requirements-dev.txt)")

_OUTSIDE = re.compile(r"\s*(?:https?:)?//")
_IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""")
#: What a link leads to is fetched when somebody follows it; these are fetched when the page is shown.
_FETCHED_LINKS = {
    "stylesheet",
    "icon",
    "preload",
    "modulepreload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "manifest",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manual")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)],
        cwd=TOP,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


class Fetched(HTMLParser):
    """Gathers the addresses that a browser fetches in order to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and _FETCHED_LINKS & set(given.get("rel", "").split()):
            self.addresses.append(given["href"])
        if tag != "link":
            self.addresses += [given[name] for name in ("src", "data", "poster", "background") if name in given]
        self.addresses += [one.split()[0] for one in given.get("srcset", "").split(",") if one.strip()]
        self.addresses += _IN_STYLE.findall(given.get("style", ""))


def outside(addresses: list[str]) -> list[str]:
    return [address for address in addresses if _OUTSIDE.match(address)]


def pages(site: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(site.rglob("*.html")):
        yield file.name, file.read_text(encoding="utf-8")


def test_what_fetches_from_elsewhere_is_found():
    for text in (
        '<link rel="stylesheet" href="https://fonts.example/css">',
        '<script src="//cdn.example/x.js"></script>',
        '<img src="x.png" srcset="http://images.example/x.png 2x">',
        '<p style="background: url(https://images.example/x.png)">',
    ):
        page = Fetched()
        page.feed(text)
        assert outside(page.addresses), text


def test_no_page_fetches_anything_from_elsewhere(site):
    for name, text in pages(site):
        page = Fetched()
        page.feed(text)
        assert outside(page.addresses) == [], name
        # The theme's script fetches a library for each of these.
        assert not re.search(r'class="[^"]*\b(mermaid|md-source)\b', text), name


def test_no_style_and_no_picture_fetches_anything_from_elsewhere(site):
    for file in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        text = file.read_text(encoding="utf-8")
        assert outside(_IN_STYLE.findall(text)) == [], file
        assert not re.search(r"""<image[^>]*href=["'](?:https?:)?//""", text), file


def test_the_guide_is_the_one_that_the_service_shows(site):
    text = (site / "guide.html").read_text(encoding="utf-8")
    assert f"may ask {settings.RATE_LIMIT_REQUESTS} times in {settings.RATE_LIMIT_WINDOW_SECONDS} seconds" in text
    assert "{{" not in text and "{%" not in text


def test_every_metric_has_its_help_text_in_the_manual(site):
    text = (site / "metrics.html").read_text(encoding="utf-8")
    for name in ("weathernote_requests_total", "weathernote_forecast_age_seconds", "weathernote_cache_hit_rate"):
        assert f"<code>{name}</code></dt>" in text


def test_nothing_is_left_of_a_mark(site):
    assert [name for name, text in pages(site) if "from the code:" in text or "--8&lt;--" in text] == []


def test_no_source_of_a_picture_is_published(site):
    assert list(site.rglob("*.py")) == []
