"""What watches the pages of a browser: their complaints, and what axe-core finds."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request

TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`violates ${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`));
"""
SERIOUS = {"serious", "critical"}
STREAMS = "/api/v1/weather/events"

OpenPage = Callable[..., Page]


class Watch:
    """What pages complain of, but for what a test expects of its own doing."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.expected: list[str] = []

    def page(self, page: Page) -> Page:
        hosts: list[str] = []
        page.add_init_script(TELL_VIOLATIONS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("request", lambda request: self._request(request, hosts))
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _request(self, request: Request, hosts: list[str]) -> None:
        asked = urlsplit(request.url)
        hosts.append(asked.netloc)
        # Without an edge the streams are on a port of their own.
        if asked.path == STREAMS and asked.hostname == urlsplit(f"//{hosts[0]}").hostname:
            return
        if asked.netloc != hosts[0]:
            self.complaints.append(f"a request to another host: {request.url}")

    def unexpected(self) -> list[str]:
        return [said for said in self.complaints if not any(re.search(form, said) for form in self.expected)]


def axe(page: Page) -> None:
    """Fails where axe-core finds something serious or critical."""
    found = Axe().run(page).response["violations"]
    serious = [
        f"{finding['id']}: {node['target']} {node['failureSummary']}"
        for finding in found
        if finding["impact"] in SERIOUS
        for node in finding["nodes"]
    ]
    assert serious == []
