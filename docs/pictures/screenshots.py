"""Takes the manual's screenshots: `python -m docs.pictures.screenshots`.

Starts `serve --demo` on a free port with a database of its own, prewarms the cities, asks for weather as phones would,
and opens the page and the staff's dashboard in Chromium, which writes WebP.
"""

import base64
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import requests
from playwright.sync_api import Page, sync_playwright

from tests.support.servers import TOP, free_port

FOLDER = Path(__file__).parent
STAFF, PASSWORD = "eve", secrets.token_urlsafe(16)
_WIDTH, _QUALITY = 1200, 82
#: Beginnings of the names of towns that phones ask for beside the cities.
_TOWNS = ("bo", "ca", "gr", "ma", "no", "sa")


@contextmanager
def demo(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A demo that serves, as its address and the environment of its other commands; stopped at the end."""
    port = free_port()
    environment = os.environ | {
        "PORT": str(port),
        "WORKERS": "1",
        "LOG_LEVEL": "WARNING",
        # So small that what is spent can be seen on the chart.
        "UPSTREAM_DAY_BUDGET": "900",
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "WEATHERNOTE_INSTANCE": "",
    }
    server = subprocess.Popen([sys.executable, "manage.py", "serve", "--demo"], cwd=TOP, env=environment)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_serves(base)
        yield base, environment | {"WEATHERNOTE_INSTANCE": str(TOP / ".run" / f"demo-{port}")}
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_it_serves(base: str) -> None:
    for _ in range(300):
        with suppress(requests.ConnectionError):
            requests.get(f"{base}/health", timeout=5)
            return
        time.sleep(0.2)
    raise TimeoutError(f"{base} does not serve")


def fill(base: str, environment: dict[str, str]) -> str:
    """A day's traffic in small: most cities warm, and phones that ask for them and for towns beside them.

    Gives the part of the page's address that names a city where it is early afternoon.
    """

    def manage(*command: str) -> None:
        subprocess.run([sys.executable, "manage.py", *command], cwd=TOP, env=environment, check=True)

    manage("createsuperuser", "--no-input", "--username", STAFF, "--email", "eve@example.org")
    manage("prewarm", "--pause-ms", "0", "--limit", "92")
    cities = _listed(f"{base}/api/v1/cities", "cities")[:90]
    towns = [town for name in _TOWNS for town in _listed(f"{base}/api/v1/places?search={name}&limit=4", "places")]
    for client in range(400):
        place = cities[client * client % len(cities)] if client % 10 else towns[client // 10 % len(towns)]
        headers = {"x-client-id": f"phone-{client}"}
        parameters = {"lat": place["latitude"], "lon": place["longitude"]}
        # Every fifth phone shows the air too.
        for answer in ("weather", "forecast", *(["air-quality"] if client % 5 == 0 else [])):
            requests.get(f"{base}/api/v1/{answer}", parameters, headers=headers, timeout=20)
    city = min(cities, key=lambda one: abs(datetime.now(ZoneInfo(one["timezone"])).hour - 13))
    return f"#lat={city['latitude']}&lon={city['longitude']}&name={quote(city['name'])}"


def _listed(url: str, name: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = requests.get(url, timeout=10).json()[name]
    return listed


def take(page: Page, name: str, height: int) -> None:
    """The upper part of the page as WebP, `height` CSS pixels of it."""
    clip = {"x": 0, "y": 0, "width": _WIDTH, "height": height, "scale": 1}
    devtools = page.context.new_cdp_session(page)
    taken = devtools.send(
        "Page.captureScreenshot",
        {"format": "webp", "quality": _QUALITY, "clip": clip, "captureBeyondViewport": True},
    )
    (FOLDER / f"{name}.webp").write_bytes(base64.b64decode(taken["data"]))


def main() -> None:
    """Writes both screenshots into this folder; SystemExit where there is no Chromium."""
    binary = shutil.which("chromium") or sys.exit("no chromium on the PATH")
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as (base, environment):
        place = fill(base, environment)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": _WIDTH, "height": 900}, color_scheme="light", locale="en-GB")
            for _ in ("asked", "from the cache"):
                page.goto(f"{base}/{place}")
                page.reload()
                page.locator("#days tr").nth(6).wait_for()
                page.wait_for_timeout(500)
            take(page, "page", 1080)
            page.goto(f"{base}/admin/login/?next=/admin/weather/")
            page.fill("#id_username", STAFF)
            page.fill("#id_password", PASSWORD)
            page.press("#id_password", "Enter")
            page.locator(".weather-map").wait_for()
            page.wait_for_timeout(1500)
            page.reload()
            page.locator(".weather-map").wait_for()
            take(page, "dashboard", 1300)
            browser.close()


if __name__ == "__main__":
    main()
