"""What each piece of the short path saves of a cached answer: CPU time with Django's own in its place.

    python -m tests.benchmarks.short_path [--rounds 40] [--requests 250]

In this process and without a server: the WSGI callable before a real Redis, one way after another in each round.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple
from unittest.mock import patch

from tests.benchmarks.measuring.rounds import in_rounds, ratio
from tests.support.servers import Valkey
from weather.simulator.server import OpenMeteoSimulator

CLIENTS = 1000


class Way(NamedTuple):
    """A way through the service: its handler, and what of Django's stands in the place of ours."""

    name: str
    handler: Callable[..., Any]
    instead: dict[str, Any]

    def answer(self, number: int) -> tuple[str, bytes, dict[str, str]]:
        """The status, the body and the headers that a client gets, inside of `in_place`."""
        told: list[Any] = []
        body = b"".join(self.handler(environ_of(number), lambda *line: told.append(line)))
        ((status, headers),) = told
        return status, body, dict(headers)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        with ExitStack() as stack:
            for name, djangos in self.instead.items():
                stack.enter_context(patch(name, djangos))
            yield

    def microseconds(self, requests: int) -> float:
        """CPU time of this process for each request."""
        with self.in_place():
            begun = process_time()
            for number in range(requests):
                self.answer(number)
            return (process_time() - begun) / requests * 1e6


def ways() -> list[Way]:
    """The service as it is, with each of Django's own alone, and with all of them."""
    from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
    from django.http import HttpResponse

    from weathernote.http.handler import Handler

    ours, djangos = Handler(), WSGIHandler()
    request = {"weathernote.http.handler.BodilessRequest": WSGIRequest}
    response = {"weather.api.views.PrerenderedResponse": lambda body, headers: HttpResponse(body, headers=headers)}
    steps = {"weather.api.views.CellViewSet.answer_at_once": lambda request: None}
    return [
        Way("as it is", ours, {}),
        Way("with DRF's steps", ours, steps),
        Way("with Django's request", ours, request),
        Way("with Django's response", ours, response),
        Way("with Django's handler and request", djangos, steps),
        Way("with all of them", djangos, response | steps),
    ]


def environ_of(number: int) -> dict[str, Any]:
    """A phone's request as a server hands it on, from one of CLIENTS."""
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/v1/weather",
        "QUERY_STRING": "lat=40.7128&lon=-74.0060",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "application/json",
        "HTTP_USER_AGENT": "phone",
        "HTTP_X_CLIENT_ID": f"phone {number % CLIENTS}",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
    }


def measure(rounds: int, requests: int) -> dict[str, list[float]]:
    """Microseconds of CPU for a request, by way, round by round; AssertionError where an answer is no cached one."""
    found = ways()
    found[0].answer(0)  # from Open-Meteo, and kept
    for way in found:
        with way.in_place():
            status, _, headers = way.answer(0)
        assert status == "200 OK" and headers["Cache-Status"].startswith("weathernote; hit"), (way.name, status)
        way.microseconds(requests)  # to warm up
    took = in_rounds(found, lambda way, _: way.microseconds(requests), rounds)
    return dict(zip((way.name for way in found), took, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--requests", type=int, default=250)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, OpenMeteoSimulator(base_ms=2, per_place_ms=0) as simulator:
        valkey = Valkey(Path(folder))
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        import django
        from django.conf import settings

        django.setup()
        settings.OPEN_METEO_URL, settings.RATE_LIMIT_REQUESTS = simulator.url, 1_000_000
        settings.CACHES["default"]["LOCATION"] = [valkey.url]
        # On a busy machine Redis may wait for its turn; the time that passes is not what is measured.
        options_of_redis: Any = settings.CACHES["default"]["OPTIONS"]
        options_of_redis.update(SOCKET_CONNECT_TIMEOUT=10, SOCKET_TIMEOUT=10)
        try:
            took = measure(options.rounds, options.requests)
        finally:
            valkey.stop()
    ours = took["as it is"]
    for name, costs in took.items():
        print(f"{name:34} {statistics.median(costs):6.0f} µs   {ratio(costs, ours).middle:.2f} × as it is")


if __name__ == "__main__":
    main()
