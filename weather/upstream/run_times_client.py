"""The client of Open-Meteo's run times: for each weather model a small JSON, which costs nothing of the quota."""

import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from weather.core.runs.run_times import CLOCK_SLACK_SECONDS, Run, is_interval
from weather.upstream.client import USER_AGENT
from weather.upstream.errors import InvalidResponse, UpstreamRefused, UpstreamUnavailable
from weather.upstream.transport import Transport

#: An answer has some hundred bytes.
MAX_BYTES = 16 * 1024
_MOST_UNIX_SECONDS = 2**40


class NewestRun(NamedTuple):
    """The newest run that Open-Meteo has of a model, and the seconds from one run to the next."""

    run: Run
    interval_seconds: int


class RunTimesClient:
    """Asks `url`, such as `https://api.open-meteo.com/data`; the API key is not sent."""

    def __init__(self, url: str, *, timeout_seconds: float = 5.0, now: Callable[[], float] = time.time) -> None:
        self.url = url.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self.now = now
        self._transport = Transport()

    def newest_run(self, model: str) -> NewestRun:
        """The newest run of a model, by Open-Meteo's name of the model, in `timeout_seconds` at most.

        Raises UpstreamRefused for a 429, InvalidResponse for what is no answer about runs of the past, such as the 404
        for an unknown model, and UpstreamUnavailable for any other failure. Nothing is tried twice.
        """
        reply = self._transport.get(
            f"{self.url}/{model}/static/meta.json",
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": USER_AGENT},
            deadline=time.monotonic() + self.timeout_seconds,
            max_bytes=MAX_BYTES,
        )
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise UpstreamRefused("it refused to tell run times with 429")
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UpstreamUnavailable(f"it failed to tell run times with {reply.status}")
        if reply.status != HTTPStatus.OK:
            raise InvalidResponse(f"it answered {reply.status} instead of run times")
        return read_newest_run(reply.body, self.now())


def read_newest_run(body: bytes | bytearray, now: float) -> NewestRun:
    """The newest run by the text of a `meta.json`; raises InvalidResponse for any other text, and for a future run."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidResponse("its run times are not JSON") from None
    if not isinstance(document, dict):
        raise InvalidResponse("its run times are no JSON object")
    run = Run(
        _seconds(document, "last_run_initialisation_time"),
        _seconds(document, "last_run_availability_time"),
    )
    interval_seconds = _seconds(document, "update_interval_seconds")
    if not run.initialised <= run.available <= now + CLOCK_SLACK_SECONDS:
        raise InvalidResponse("its run times lie in the future")
    if not is_interval(interval_seconds):
        raise InvalidResponse("its run times have an impossible interval")
    return NewestRun(run, interval_seconds)


def _seconds(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name)
    if type(value) is not int or not 0 < value < _MOST_UNIX_SECONDS:
        raise InvalidResponse(f"its run times have no {name}")
    return value
