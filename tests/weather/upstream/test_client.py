from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs

import pytest

from tests.support.staged.upstream import CELL, CELLS, NOW, StagedUpstream, answer, http
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weather.core.series import Series
from weather.core.variables import HOURLY_NAMES
from weather.upstream.client import (
    InvalidResponse,
    LocationRejected,
    OpenMeteo,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
    exact_weight,
    rounded_up,
)

KEY = "sesame"

# The call


def test_one_call_asks_for_many_cells_at_their_centres() -> None:
    with StagedUpstream(http(answer(CELLS))) as upstream:
        fetched = OpenMeteo(upstream.url, WEATHER, now=lambda: NOW).fetch(CELLS)

    assert list(fetched) == CELLS
    assert all(isinstance(series, Series) for series in fetched.values())
    target = upstream.requests[0].split()[1]
    assert target.startswith("/v1/forecast?latitude=40.7,51.5,-33.9&longitude=-74,-0.1,151.2&hourly=temperature_2m,")
    assert {name: values[0] for name, values in parse_qs(target.partition("?")[2]).items()} == {
        "latitude": "40.7,51.5,-33.9",
        "longitude": "-74,-0.1,151.2",
        "hourly": ",".join(HOURLY_NAMES),
        "forecast_days": "14",
        "timezone": "auto",
        "timeformat": "unixtime",
    }


def test_the_source_and_the_time_are_noted() -> None:
    with StagedUpstream(http(answer([CELL]))) as upstream:
        series = OpenMeteo(upstream.url, WEATHER, source="simulator", now=lambda: NOW + 0.9).fetch([CELL])[CELL]

    assert isinstance(series, Series)
    assert (series.source, series.fetched_at) == ("simulator", NOW)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://host:9000", "http://host:9000/v1/forecast"),
        ("http://host:9000/", "http://host:9000/v1/forecast"),
        ("https://api.open-meteo.com/v1/forecast", "https://api.open-meteo.com/v1/forecast"),
        ("https://host/weather/v1/forecast", "https://host/weather/v1/forecast"),
    ],
)
def test_a_url_without_a_path_gets_the_services_own(url: str, asked: str) -> None:
    assert OpenMeteo(url, WEATHER).url == asked


def test_no_cells_are_no_call() -> None:
    assert OpenMeteo("http://127.0.0.1:9", WEATHER).fetch([]) == {}


def test_a_cell_named_twice_is_asked_once() -> None:
    with StagedUpstream(http(answer([CELL]))) as upstream:
        assert list(OpenMeteo(upstream.url, WEATHER, now=lambda: NOW).fetch([CELL, CELL])) == [CELL]

    assert "latitude=40.7&" in upstream.requests[0]


def test_more_places_than_a_call_takes_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="1001 cells"):
        OpenMeteo("http://127.0.0.1:9", WEATHER).fetch([Cell(0, number) for number in range(1001)])


def test_the_url_of_six_hundred_places_is_within_8_kilobytes() -> None:
    far = [Cell(-334 - number // 600, -1785 + number) for number in range(600)]
    with StagedUpstream(http({"error": True, "reason": "no"}, 400)) as upstream, pytest.raises(InvalidResponse):
        OpenMeteo(upstream.url, WEATHER).fetch(far)

    assert len(upstream.requests[0].split()[1]) < 8192


def test_a_call_weighs_one_a_place() -> None:
    assert [places * WEATHER.weight_of_a_cell for places in (1, 20, 1000)] == [1, 20, 1000]


def test_other_sections_are_asked_for_in_the_same_way_and_weigh_what_they_hold() -> None:
    sections = {"hourly": HOURLY_NAMES, "current": HOURLY_NAMES, "daily": [f"{name}_max" for name in HOURLY_NAMES]}
    told: list[int] = []
    with StagedUpstream(http(status=503), http([{"a": 1}, {"b": 2}])) as upstream:
        documents = OpenMeteo(upstream.url, WEATHER).fetch_documents(CELLS[:2], sections, told.append)

    asked = parse_qs(upstream.requests[0].split()[1].partition("?")[2])
    assert documents == [{"a": 1}, {"b": 2}]
    assert {name: asked[name][0].split(",") for name in sections} == {name: [*sections[name]] for name in sections}
    assert (asked["timezone"], asked["timeformat"], asked["forecast_days"]) == (["auto"], ["unixtime"], ["14"])
    assert told == [6, 6]


def test_a_weight_in_whole_numbers_is_never_too_small() -> None:
    sections = {"hourly": HOURLY_NAMES, "current": ["temperature_2m"]}

    assert exact_weight(2, sections, 14) == pytest.approx(2.2)
    assert rounded_up(exact_weight(2, sections, 14)) == 3


def test_the_weight_is_told_before_the_call() -> None:
    told: list[tuple[int, int]] = []
    with StagedUpstream(http(answer(CELLS))) as upstream:
        OpenMeteo(upstream.url, WEATHER, now=lambda: NOW).fetch(
            CELLS, lambda cost: told.append((cost, len(upstream.requests)))
        )

    assert told == [(3, 0)]


class BudgetSpent(Exception):
    pass


def test_a_call_that_may_not_be_made_is_not_made() -> None:
    def refuse(_: int) -> None:
        raise BudgetSpent

    with StagedUpstream(http(answer([CELL]))) as upstream, pytest.raises(BudgetSpent):
        OpenMeteo(upstream.url, WEATHER).fetch([CELL], refuse)

    assert upstream.requests == []


def test_a_retry_that_may_not_be_made_is_not_made() -> None:
    allowed = iter([True])

    def refuse_the_second(_: int) -> None:
        if not next(allowed, False):
            raise BudgetSpent

    with StagedUpstream(http(status=503)) as upstream, pytest.raises(BudgetSpent) as refusal:
        OpenMeteo(upstream.url, WEATHER).fetch([CELL], refuse_the_second)

    assert len(upstream.requests) == 1
    assert refusal.value.__context__ is None


# Errors in Open-Meteo's own words


def error_of(status: int, body: object = b"", **headers: str) -> UpstreamError:
    with StagedUpstream(http(body, status, **headers)) as upstream, pytest.raises(UpstreamError) as failure:
        OpenMeteo(upstream.url, WEATHER, api_key=KEY, timeout_seconds=20, now=lambda: NOW).fetch([CELL])
    return failure.value


def said(reason: str) -> dict[str, object]:
    return {"error": True, "reason": reason}


@pytest.mark.parametrize(
    ("reason", "window"),
    [
        ("Minutely API request limit exceeded. Please try again in one minute.", "minute"),
        ("Hourly API request limit exceeded. Please try again in the next hour.", "hour"),
        ("Daily API request limit exceeded. Please try again tomorrow.", "day"),
        ("Too many concurrent requests", "concurrency"),
        ("Slow down", None),
    ],
)
def test_a_refusal_names_its_window(reason: str, window: str | None) -> None:
    error = error_of(429, said(reason))

    assert isinstance(error, UpstreamRefused)
    assert (error.window, error.retry_after_seconds) == (window, None)
    assert reason in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3600", 3600),
        ("0", 0),
        ("86400", 86400),
        ("999999", 86400),
        ("9" * 5000, None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("\xb2", None),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Fri, 99 Dec 9999 23:59:59 GMT", None),
        ("1, 2, 3, 4, 5, 6, 7", None),
    ],
)
def test_a_refusal_says_for_how_long_within_a_day(header: str, seconds: int | None) -> None:
    error = error_of(429, Retry_After=header)

    assert isinstance(error, UpstreamRefused)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "reason",
    [
        "No data is available for this location",
        "Latitude must be in range of -90 to 90°. Given: 522.52.",
        "Longitude must be in range of -180 to 180°. Given: 522.52.",
    ],
)
def test_a_rejection_of_a_place_is_told_from_other_rejections(reason: str) -> None:
    assert type(error_of(400, said(reason))) is LocationRejected


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, said("Forecast days is invalid. Allowed range 0 to 16. Given 16."), InvalidResponse),
        (400, said("Only up to 1000 locations can be requested at once"), InvalidResponse),
        (400, b"<html>", InvalidResponse),
        (400, said("The supplied API key is invalid."), UpstreamUnavailable),
        (401, said("API key required."), UpstreamUnavailable),
        (403, b"", UpstreamUnavailable),
        (404, b"<html>", InvalidResponse),
        (414, b"", InvalidResponse),
        (204, b"", InvalidResponse),
        (299, answer([CELL]), InvalidResponse),
        (503, said("The service is overloaded"), UpstreamUnavailable),
        (599, b"", UpstreamUnavailable),
    ],
)
def test_each_status_has_its_error(status: int, body: object, kind: type[UpstreamError]) -> None:
    error = error_of(status, body)

    assert type(error) is kind
    assert str(status) in str(error)


def test_a_refused_key_is_said_in_so_many_words() -> None:
    assert "API key" in str(error_of(400, said("The supplied API key is invalid.")))


@pytest.mark.parametrize(
    "reason",
    ["bad key sesame", "no /v1/forecast?apikey=sesame&latitude=40.7", "a\nb\r\n\x00\x1b[31m\u2028c", "x" * 10_000],
)
@pytest.mark.parametrize("status", [400, 403, 404, 429])
def test_a_message_is_one_short_line_without_the_key(status: int, reason: str) -> None:
    text = str(error_of(status, said(reason)))

    assert text.isprintable()
    assert len(text) < 300
    assert "sesame" not in text
    assert "latitude" not in text
