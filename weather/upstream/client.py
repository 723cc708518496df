"""The client of Open-Meteo: one call for one cell or many, every failure raised as an UpstreamError."""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from weather.core.cells import Cell
from weather.core.datasets import Dataset, cell_weight, rounded_up
from weather.core.series import Series
from weather.core.windows import Window
from weather.upstream.errors import (
    CallRejected,
    InvalidResponse,
    LocationRejected,
    NoWeatherHere,
    UnreadableHere,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from weather.upstream.transport import Reply, Transport
from weather.upstream.validation import AnswerFormat, read_answer, read_documents, read_reason
from weathernote import __version__
from weathernote.threads import long_work

__all__ = [
    "CallRejected",
    "InvalidResponse",
    "LocationRejected",
    "NoWeatherHere",
    "OpenMeteo",
    "UnreadableHere",
    "UpstreamError",
    "UpstreamRefused",
    "UpstreamUnavailable",
    "exact_weight",
    "rounded_up",
]

USER_AGENT = f"WeatherNote/{__version__}"
#: Section of an answer (hourly, daily or current) → the names of the variables in it.
Sections = Mapping[str, Sequence[str]]
#: Cells that Open-Meteo accepts in one call. Beyond 600 the URL is longer than the 8 kB that many servers accept.
MAX_CELLS = 1_000
#: Ten variables of a cell are 20 kB of JSON. More than twice that for each, and once more for the call, leaves room for
#: longer numbers, and none for a body that would fill the memory when parsed: nested arrays take 25 times their text.
MAX_BYTES_PER_CELL, VARIABLES_IN_THEM = 48_000, 10
MAX_RETRY_AFTER_SECONDS = 86_400
#: A retry costs quota too: with less than this fraction of the time left it would be wasted.
RETRY_WORTHWHILE = 0.1

_WINDOWS: tuple[tuple[str, Window], ...] = (
    ("minutely", "minute"),
    ("hourly", "hour"),
    ("daily", "day"),
    ("concurrent", "concurrency"),
)
_ABOUT_A_LOCATION = re.compile(
    r"no data is available for this location|(latitude|longitude) must be in range", re.IGNORECASE
)
_ABOUT_THE_KEY = re.compile(r"api.?key", re.IGNORECASE)


def exact_weight(cells: int, sections: Sections, forecast_days: int) -> float:
    """The weight of a call for the variables in `sections`, in Open-Meteo's accounting (datasets.cell_weight)."""
    return cells * cell_weight(sum(map(len, sections.values())), forecast_days)


class OpenMeteo:
    """Asks `url` for a dataset's hourly series of cells. A URL without a path gets the dataset's own."""

    def __init__(
        self,
        url: str,
        dataset: Dataset,
        *,
        api_key: str = "",
        timeout_seconds: float = 5.0,
        source: str = "open-meteo",
        answer_format: AnswerFormat = "json",
        now: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(path=parts.path.rstrip("/") or dataset.path, query="", fragment=""))
        self.dataset = dataset
        self.api_key = api_key
        self.timeout_seconds = timeout_seconds
        self.source = source
        self.answer_format = answer_format
        self.now = now
        self._transport = Transport()
        self._reading = threading.Lock()

    def fetch(
        self, cells: Sequence[Cell], before_attempt: Callable[[int], None] = lambda _: None
    ) -> dict[Cell, Series | UpstreamError]:
        """Cell → its series, or a NoWeatherHere if the answer about that cell is invalid; all by one call.

        Takes `timeout_seconds` at most, the one retry included. `before_attempt` gets the call's weight before each
        attempt, the retry too; what it raises ends the call and is passed on. Raises LocationRejected if Open-Meteo
        rejected the call for one of its cells, so that smaller calls would succeed for the others, and another
        UpstreamError if the call failed.
        """
        asked = list(dict.fromkeys(cells))
        if not asked:
            return {}
        body = self._body(asked, self.dataset.sections, before_attempt, answer_format=self.answer_format)
        # One at a time: parsed in parallel, answers would be ready no sooner and delay the threads that serve hits.
        with self._reading, long_work():
            return read_answer(body, asked, self.now(), self.source, self.dataset, self.answer_format)

    def fetch_documents(
        self,
        cells: Sequence[Cell],
        sections: Sections,
        before_attempt: Callable[[int], None] = lambda _: None,
        *,
        timezone: str = "auto",
    ) -> list[Any]:
        """The parsed but unchecked JSON for each of the distinct `cells`, in order, with the variables in `sections`.

        `timezone` is Open-Meteo's parameter. Takes `timeout_seconds` at most, the one retry included; `before_attempt`
        gets the call's weight before each attempt. Raises UpstreamError.
        """
        if not cells:
            return []
        return read_documents(self._body(cells, sections, before_attempt, timezone), len(cells))

    def _body(
        self,
        cells: Sequence[Cell],
        sections: Sections,
        before_attempt: Callable[[int], None],
        timezone: str = "auto",
        answer_format: AnswerFormat = "json",
    ) -> bytearray:
        if len(cells) > MAX_CELLS:
            raise ValueError(f"{len(cells)} cells in one call, {MAX_CELLS} at most")
        deadline = time.monotonic() + self.timeout_seconds
        weight = rounded_up(exact_weight(len(cells), sections, self.dataset.forecast_days))
        query = self._query(cells, sections, timezone, answer_format)
        before_attempt(weight)
        try:
            return self._attempt(query, len(cells), deadline)
        except UpstreamUnavailable as error:
            left = deadline - time.monotonic()
            if not error.worth_a_retry or left < RETRY_WORTHWHILE * self.timeout_seconds:
                raise
        before_attempt(weight)
        return self._attempt(query, len(cells), deadline)

    def _attempt(self, query: str, cells: int, deadline: float) -> bytearray:
        reply = self._transport.get(
            f"{self.url}?{query}",
            # Only gzip: which other encodings can be decoded depends on the libraries of the machine.
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": USER_AGENT},
            deadline=deadline,
            max_bytes=MAX_BYTES_PER_CELL * (cells + 1) * max(1, len(self.dataset.asked) // VARIABLES_IN_THEM),
        )
        if reply.status != 200:
            raise self._error(reply)
        return reply.body

    def _query(
        self, cells: Sequence[Cell], sections: Sections, timezone: str = "auto", answer_format: AnswerFormat = "json"
    ) -> str:
        parameters = {
            "latitude": ",".join(f"{cell.latitude:g}" for cell in cells),
            "longitude": ",".join(f"{cell.longitude:g}" for cell in cells),
            **{section: ",".join(names) for section, names in sections.items()},
            "forecast_days": self.dataset.forecast_days,
            "timezone": timezone,
            "timeformat": "unixtime",
        }
        if answer_format != "json":
            parameters["format"] = answer_format
        if self.api_key:
            parameters["apikey"] = self.api_key
        return urlencode(parameters, safe=",")  # %2C for a comma would make the URL of a hundred cells a third longer

    def _error(self, reply: Reply) -> UpstreamError:
        reason = read_reason(reply.body) or ""
        summary = f"{reply.status}: {self._clean(reason)}" if reason else f"{reply.status}"
        if reply.status == 429:
            return UpstreamRefused(
                f"it refused the call with {summary}",
                retry_after_seconds=_retry_after_seconds(reply.headers.get("Retry-After", ""), self.now()),
                window=_window(reply.body),
            )
        if reply.status >= 500:
            return UpstreamUnavailable(f"it failed with {summary}", worth_a_retry=True)
        if reply.status in (401, 403) or (reply.status == 400 and _ABOUT_THE_KEY.search(reason)):
            return UpstreamUnavailable(f"it refused the API key or its plan with {summary}")
        if 300 <= reply.status < 400:
            # Open-Meteo never redirects: a proxy or a login page on the way did, and Open-Meteo got no request.
            return UpstreamUnavailable(f"a redirect ({summary}), which is not followed")
        if reply.status == 400 and _ABOUT_A_LOCATION.search(reason):
            return LocationRejected(f"it rejected a location with {summary}")
        return InvalidResponse(f"it answered {summary}")

    def _clean(self, reason: str) -> str:
        """The server's text as one printable line of at most 200 characters, without the key or any query."""
        line = "".join(character if character.isprintable() else " " for character in reason)
        if self.api_key:
            line = line.replace(self.api_key, "…")
        return re.sub(r"\?\S*|apikey\S*", "…", " ".join(line.split()))[:200]


def _window(body: bytearray) -> Window | None:
    text = body.decode("utf-8", "replace").lower()
    return next((window for word, window in _WINDOWS if word in text), None)


def _retry_after_seconds(value: str, now: float) -> int | None:
    """A Retry-After header (RFC 9110: seconds, or an HTTP date) as seconds from `now`, at most a day.

    None for any other text.
    """
    if re.fullmatch(r"[0-9]{1,12}", value.strip()):
        seconds = float(value)
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return int(min(max(math.ceil(seconds), 0), MAX_RETRY_AFTER_SECONDS))
