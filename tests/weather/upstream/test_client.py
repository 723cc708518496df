import copy
import json
import logging
import re
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.staged_upstream import CELL, CELLS, MIDNIGHT, NOW, StagedUpstream, answer, http, place
from weather.core.cells import Cell, great_circle_km
from weather.core.datasets import WEATHER
from weather.core.series import Series
from weather.core.variables import HOUR_SECONDS, HOURLY, HOURLY_NAMES, HOURS
from weather.upstream import answer_json
from weather.upstream.client import (
    InvalidResponse,
    OpenMeteo,
    PlaceRejected,
    UnreadableHere,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
    exact_weight,
    whole,
)
from weather.upstream.errors import NoWeatherHere
from weather.upstream.validation import read_answer, read_place
from weathernote import threads

KEY = "sesame"

Change = Callable[[dict[str, Any]], None]


def read(value: Any, now: float = NOW) -> Series:
    return read_place(value, CELL, now, "open-meteo", WEATHER)


def changed(change: Change) -> dict[str, Any]:
    document = place()
    change(document)
    return document


def hourly(name: str, column: Any) -> Change:
    return lambda document: document["hourly"].update({name: column})


def row(name: str, number: int, value: Any) -> Change:
    return lambda document: document["hourly"][name].__setitem__(number, value)


def field(name: str, value: Any) -> Change:
    return lambda document: document.update({name: value})


# One place, right


def test_a_right_answer_is_kept_as_it_was_given() -> None:
    document = place()

    series = read(copy.deepcopy(document))

    assert (series.latitude, series.longitude) == (document["latitude"], document["longitude"])
    assert (series.elevation, series.timezone, series.source) == (12.0, "America/New_York", "open-meteo")
    assert (series.start, series.fetched_at) == (MIDNIGHT, NOW)
    assert series.columns == {name: document["hourly"][name] for name in HOURLY_NAMES}


@pytest.mark.parametrize("name", [name for name in HOURLY_NAMES if name not in ("temperature_2m", "weather_code")])
def test_a_column_may_be_null_altogether(name: str) -> None:
    assert read(changed(hourly(name, [None] * HOURS))).columns[name] == [None] * HOURS


@pytest.mark.parametrize("name", ["temperature_2m", "weather_code"])
def test_hours_after_the_seventh_day_and_before_now_may_be_null(name: str) -> None:
    first, last = (NOW - MIDNIGHT) // HOUR_SECONDS, (NOW - MIDNIGHT) // HOUR_SECONDS + 7 * 24
    column = [1 if first <= number <= last else None for number in range(HOURS)]

    assert read(changed(hourly(name, column))).columns[name] == column


@pytest.mark.parametrize("elevation", [None, float("nan")])
def test_an_elevation_may_be_unknown(elevation: float | None) -> None:
    assert read(changed(field("elevation", elevation))).elevation is None


def test_an_absent_elevation_is_unknown() -> None:
    assert read(changed(lambda document: document.pop("elevation"))).elevation is None


# The hour of 10:20, in which NOW lies, begins 20 minutes before it.
@pytest.mark.parametrize("start", [NOW + 40 * 60, NOW - 20 * 60 - 47 * HOUR_SECONDS])
def test_the_clocks_may_differ_and_the_answer_may_be_of_the_day_before_yesterday(start: int) -> None:
    assert read(place(start=start)).start == start


@pytest.mark.parametrize("rows", [8 * 24, 16 * 24])
def test_fewer_and_more_days_will_do(rows: int) -> None:
    assert len(read(place(rows=rows)).columns["temperature_2m"]) == rows


@pytest.mark.parametrize("cell", [Cell(900, 0), Cell(-900, 1200), Cell(0, -1800), Cell(-168, 1799), Cell(0, 0)])
def test_poles_and_the_antimeridian_are_near_themselves(cell: Cell) -> None:
    document = place(cell) | {"latitude": cell.latitude * 0.9995, "longitude": -cell.longitude or 0.1}
    if abs(cell.longitude) < 179 and abs(cell.latitude) < 90:
        document["longitude"] = cell.longitude

    assert isinstance(read_place(document, cell, NOW, "open-meteo", WEATHER), Series)


@pytest.mark.parametrize(
    ("here", "there", "km"),
    [((0, 0), (0, 1), 111.2), ((90, 0), (90, 137), 0), ((0, 179.9), (0, -179.9), 22.2), ((90, 0), (-90, 0), 20015)],
)
def test_distances_are_along_the_great_circle(here: tuple[float, float], there: tuple[float, float], km: float) -> None:
    assert great_circle_km(*here, *there) == pytest.approx(km, abs=0.5)


@pytest.mark.parametrize("grid", [-180.02, 180.1, 180.0, 179.98, -179.9])
def test_a_grid_point_beyond_the_antimeridian_is_brought_into_range(grid: float) -> None:
    cell = Cell(-168, -1800)
    longitude = read_place(place(cell) | {"longitude": grid}, cell, NOW, "open-meteo", WEATHER).longitude
    assert -180 <= longitude < 180
    assert (longitude - grid) % 360 == pytest.approx(0, abs=1e-6)


def test_a_coast_may_move_the_grid_point_by_one_and_a_half_cells_of_half_a_degree() -> None:
    document = place() | {"latitude": CELL.latitude + 0.75, "longitude": CELL.longitude}
    assert great_circle_km(CELL.latitude, CELL.longitude, document["latitude"], document["longitude"]) > 83
    assert isinstance(read_place(document, CELL, NOW, "open-meteo", WEATHER), Series)


@pytest.mark.parametrize(
    ("offset", "error"),
    [
        (0, 0),
        (3600, 0),
        (-18_000, 0),
        (19_800, 1800),  # India
        (20_700, 2700),  # Nepal
        (12_600, 1800),  # Iran
        (-12_600, -1800),  # Newfoundland
        (-34_200, -1800),  # the Marquesas
        (45_900, 2700),  # the Chatham Islands
    ],
)
def test_hours_are_at_the_full_hours_of_utc_whatever_their_labels(offset: int, error: int) -> None:
    # As labelled: from local midnight on, which is the day before in UTC.
    label = MIDNIGHT - offset
    series = read(place(start=label) | {"utc_offset_seconds": offset})
    assert series.start == label + error
    assert series.start % HOUR_SECONDS == 0


# One place, wrong

WRONG: dict[str, Change] = {
    "no latitude": lambda document: document.pop("latitude"),
    "latitude null": field("latitude", None),
    "latitude nan": field("latitude", float("nan")),
    "latitude in words": field("latitude", "40.7"),
    "latitude a boolean": field("latitude", True),
    "latitude off the map": field("latitude", 91),
    "latitude of 400 digits": field("latitude", 10**400),
    "longitude off the map": field("longitude", -181),
    "longitude twice around the globe": field("longitude", CELL.longitude - 360),
    "another place": field("latitude", CELL.latitude + 1.1),
    "elevation in words": field("elevation", "12"),
    "elevation infinite": field("elevation", float("inf")),
    "elevation of 400 digits": field("elevation", 10**400),
    "no zone": lambda document: document.pop("timezone"),
    "zone null": field("timezone", None),
    "zone unknown": field("timezone", "Mars/Olympus"),
    "zone a path": field("timezone", "../../../etc/passwd"),
    "zone absolute": field("timezone", "/etc/localtime"),
    "zone a folder": field("timezone", "America"),
    "zone an offset": field("timezone", "GMT+9:30"),
    "zone empty": field("timezone", ""),
    "zone with a null byte": field("timezone", "UTC\x00"),
    "zone a lone surrogate": field("timezone", "\ud800"),
    "zone endless": field("timezone", "A" * 100_000),
    "no offset": lambda document: document.pop("utc_offset_seconds"),
    "offset in words": field("utc_offset_seconds", "0"),
    "offset of a day": field("utc_offset_seconds", 86_400),
    "hours off the offset": hourly("time", [MIDNIGHT + 1800 + number * HOUR_SECONDS for number in range(HOURS)]),
    "no hours": lambda document: document.pop("hourly"),
    "hours a list": field("hourly", []),
    "no units": lambda document: document.pop("hourly_units"),
    "units a word": field("hourly_units", "metric"),
    "local times": lambda document: document["hourly_units"].update(time="iso8601"),
    "no times": lambda document: document["hourly"].pop("time"),
    "times a word": hourly("time", "now"),
    "times empty": hourly("time", []),
    "time in words": row("time", 0, str(MIDNIGHT)),
    "time null": row("time", 5, None),
    "time a fraction": row("time", 0, float(MIDNIGHT)),
    "time boolean": row("time", 0, True),
    "time twice": row("time", 1, MIDNIGHT),
    "a gap": lambda document: document["hourly"].update(
        time=[MIDNIGHT + number * HOUR_SECONDS + (number > 30) * HOUR_SECONDS for number in range(HOURS)]
    ),
    "every second hour": hourly("time", [MIDNIGHT + number * 2 * HOUR_SECONDS for number in range(HOURS)]),
    "times of 400 digits": hourly("time", [10**400 + number * HOUR_SECONDS for number in range(HOURS)]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_place_that_is_wrong_is_nonsense(name: str) -> None:
    with pytest.raises(InvalidResponse):
        read(changed(WRONG[name]))


@pytest.mark.parametrize("document", [None, True, 7, "weather", [], [place()], {}])
def test_what_is_no_place_is_nonsense(document: Any) -> None:
    with pytest.raises(InvalidResponse):
        read(document)


@pytest.mark.parametrize(
    ("start", "rows"),
    [
        (NOW + HOUR_SECONDS + 1, HOURS),
        (NOW - 2 * 24 * HOUR_SECONDS - 1, HOURS),
        (0, HOURS),
        (MIDNIGHT, 7 * 24),
        (MIDNIGHT, 7 * 24 - 1),
        (MIDNIGHT, 16 * 24 + 1),
        (MIDNIGHT, 1),
    ],
)
def test_hours_that_do_not_cover_now_and_a_week_are_nonsense(start: int, rows: int) -> None:
    with pytest.raises(InvalidResponse):
        read(place(start=start, rows=rows))


@pytest.mark.parametrize("name", HOURLY_NAMES)
@pytest.mark.parametrize(
    "column",
    [None, {}, "1", [], [1] * (HOURS - 1), [1] * (HOURS + 1)],
    ids=["null", "object", "text", "empty", "short", "long"],
)
def test_a_column_that_is_not_one_value_an_hour_is_nonsense(name: str, column: Any) -> None:
    with pytest.raises(InvalidResponse, match=name):
        read(changed(hourly(name, column)))


@pytest.mark.parametrize("name", HOURLY_NAMES)
def test_a_missing_column_is_nonsense(name: str) -> None:
    with pytest.raises(InvalidResponse, match=name):
        read(changed(lambda document: document["hourly"].pop(name)))


@pytest.mark.parametrize("name", HOURLY_NAMES)
@pytest.mark.parametrize("unit", [None, "", "°F", "mp/h", "inch", 1])
def test_a_column_in_another_unit_is_nonsense(name: str, unit: Any) -> None:
    with pytest.raises(InvalidResponse, match=name):
        read(changed(lambda document: document["hourly_units"].update({name: unit})))


@pytest.mark.parametrize("number", [0, 100, HOURS - 1])
@pytest.mark.parametrize(
    "value",
    [True, "1", [], {}, float("nan"), float("inf"), float("-inf"), 10**400, -(10**400), 1e999],
    ids=["boolean", "text", "list", "object", "nan", "inf", "-inf", "huge", "-huge", "1e999"],
)
def test_a_value_that_is_no_finite_number_is_nonsense(number: int, value: Any) -> None:
    with pytest.raises(InvalidResponse, match="pressure_msl"):
        read(changed(row("pressure_msl", number, value)))


@pytest.mark.parametrize("variable", HOURLY, ids=HOURLY_NAMES)
def test_a_value_out_of_its_range_is_nonsense(variable: Any) -> None:
    for value in (variable.minimum - 0.1, variable.maximum + 0.1):
        with pytest.raises(InvalidResponse, match=variable.name):
            read(changed(row(variable.name, 200, value)))


@pytest.mark.parametrize("name", ["temperature_2m", "weather_code"])
@pytest.mark.parametrize("number", [(NOW - MIDNIGHT) // HOUR_SECONDS, 100, (NOW - MIDNIGHT) // HOUR_SECONDS + 7 * 24])
def test_a_gap_within_seven_days_is_nonsense(name: str, number: int) -> None:
    with pytest.raises(InvalidResponse, match=name):
        read(changed(row(name, number, None)))


# A whole answer


def read_all(body: bytes, cells: list[Cell]) -> dict[Cell, Series | UpstreamError]:
    return read_answer(body, cells, NOW, "open-meteo", WEATHER)


def test_the_good_places_are_kept_where_others_are_bad() -> None:
    places = answer(CELLS)
    places[1]["hourly"]["temperature_2m"][40] = "warm"

    read_places = read_all(json.dumps(places).encode(), CELLS)

    assert [type(read_places[cell]) for cell in CELLS] == [Series, NoWeatherHere, Series]


def test_places_in_another_order_are_nonsense() -> None:
    read_places = read_all(json.dumps(answer(CELLS)[::-1]).encode(), CELLS)

    assert [type(read_places[cell]) for cell in CELLS] == [NoWeatherHere, Series, NoWeatherHere]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"<html><title>502 Bad Gateway</title></html>",
        b"Unexpected error while streaming data: timeoutReached",
        b'{"error": true, "reason": "The service is overloaded"}',
        json.dumps(answer(CELLS)).encode()[:-10],
        json.dumps(answer(CELLS)).encode() + b"Unexpected error while streaming data: timeoutReached",
        json.dumps(answer(CELLS)).encode("utf-16"),
        b"\xef\xbb\xbf" + json.dumps(answer(CELLS)).encode(),
        json.dumps(answer(CELLS)).encode().replace(b"America/New_York", b"America/\xff"),
        json.dumps(answer(CELLS)).encode().replace(b"12.0", b"1" * 5000),
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        json.dumps(answer([CELL])).encode(),
        json.dumps(answer(CELLS)[:2]).encode(),
        json.dumps(answer(CELLS) * 2).encode(),
    ],
)
def test_an_answer_that_is_no_list_of_places_is_nonsense_as_a_whole(body: bytes) -> None:
    with pytest.raises(InvalidResponse):
        read_all(body, CELLS)


@pytest.mark.parametrize("written", [b"NaN", b"nan", b"-nan", b"Infinity", b"-Infinity", b"inf"])
def test_what_is_no_number_spoils_its_place_only(written: bytes) -> None:
    first, *others = (json.dumps(place).encode() for place in answer(CELLS))
    body = b"[" + b",".join([first.replace(b"12.0", written), *others]) + b"]"

    assert [type(got) for got in read_all(body, CELLS).values()] == [NoWeatherHere, Series, Series]


def test_a_lone_surrogate_spoils_its_place_only() -> None:
    body = json.dumps(answer(CELLS)).encode().replace(b"America/New_York", rb"\ud800", 1)

    assert [type(got) for got in read_all(body, CELLS).values()] == [UnreadableHere, Series, Series]


def test_blanks_may_stand_wherever_json_has_them() -> None:
    body = " \n[ {} \t,\r\n{} , {}]\n ".format(*(json.dumps(place, indent=1) for place in answer(CELLS))).encode()

    assert all(isinstance(got, Series) for got in read_all(body, CELLS).values())


@pytest.mark.parametrize("places", [0, 1, 99, 101, 1_000, 1_001, 1_000_000])
def test_another_number_of_places_is_nonsense(places: int) -> None:
    with pytest.raises(InvalidResponse):
        read_all(b"[" + b",".join([b"0"] * places) + b"]", [Cell(0, number) for number in range(100)])


def test_the_other_threads_go_on_between_any_two_places(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[None] = []
    monkeypatch.setattr(threads, "give_way", lambda: ways.append(None))

    read_all(json.dumps(answer(CELLS)).encode(), CELLS)

    assert len(ways) == 2 * len(CELLS)  # once when it is parsed and once when it is checked


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=8), values, max_size=4),
    max_leaves=10,
)
#: Ways into an answer of two places, and what may stand there instead of what does.
paths = st.lists(
    st.sampled_from([0, 1, "latitude", "timezone", "elevation", "hourly", "hourly_units", "time", *HOURLY_NAMES[:3]]),
    max_size=4,
)


@given(paths, json_values)
@example([], [])
@example([0, "hourly", "time", 1], True)
@settings(max_examples=300)
def test_whatever_json_comes_each_place_is_a_series_or_an_error(path: list[str | int], value: Any) -> None:
    document: Any = answer(CELLS[:2])
    for step in path[:-1]:
        try:
            document = document[step]
        except (LookupError, TypeError):
            break
    if path and isinstance(document, dict | list):
        with suppress(LookupError, TypeError):  # a key of the wrong kind
            document[path[-1]] = value  # type: ignore[index]  # such as this
    try:
        got = read_all(json.dumps(value if not path else document).encode(), CELLS[:2])
    except InvalidResponse:
        return
    assert list(got) == CELLS[:2]
    assert all(isinstance(each, Series | InvalidResponse) for each in got.values())


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_bytes_come_no_other_error_leaves(body: bytes) -> None:
    try:
        got = read_all(body, [CELL])
    except InvalidResponse:
        return
    assert isinstance(got[CELL], InvalidResponse)


#: What an answer is made of, and what it may be made wrong by.
pieces = st.lists(
    st.sampled_from([*'[]{},:"', " ", "\n", "\u00a0", "\ufeff", "nan", "-nan", "inf", "NaN", "-Infinity", "null"])
    | st.sampled_from(
        ["true", "7", "-0.5", "1e999", '"a"', '"a":', '"\\ud800"', '"a, nan"', '"°"', '{"a":nan}', "[nan,7]"]
    ),
    max_size=12,
).map("".join)


def parsed_at_once(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        # As text: of bytes the library would pass over a mark of their order.
        return json.loads(re.sub(r"(?<=[:,\[])\s*-?(?:nan|inf)\b", '"nan"', text, flags=re.ASCII), parse_constant=str)


@given(pieces | pieces.map(lambda text: f"[{text}]"))
@example("[nan,nan , -nan,\n inf]")
@example('[{"a":nan},{"a":[nan]}]')
@example("[7,]")
@example("[,7]")
@example("[] []")
@example("\ufefftrue")
@settings(max_examples=500)
def test_json_in_steps_is_what_it_is_at_once(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer_json, "_PIECE_CHARACTERS", 2)
        try:
            expected = parsed_at_once(text)
        except ValueError:
            with pytest.raises(ValueError):
                answer_json.parsed(text.encode())
            return
        assert answer_json.parsed(text.encode()) == expected


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
    with pytest.raises(ValueError, match="1001 places"):
        OpenMeteo("http://127.0.0.1:9", WEATHER).fetch([Cell(0, number) for number in range(1001)])


def test_the_url_of_six_hundred_places_is_within_8_kilobytes() -> None:
    far = [Cell(-334 - number // 600, -1785 + number) for number in range(600)]
    with StagedUpstream(http({"error": True, "reason": "no"}, 400)) as upstream, pytest.raises(InvalidResponse):
        OpenMeteo(upstream.url, WEATHER).fetch(far)

    assert len(upstream.requests[0].split()[1]) < 8192


def test_calls_share_a_connection() -> None:
    with StagedUpstream(http(answer([CELL])), http(answer([CELL]), Content_Encoding="gzip")) as upstream:
        client = OpenMeteo(upstream.url, WEATHER, now=lambda: NOW)
        for _ in range(3):
            client.fetch([CELL])

    assert (upstream.connections, len(upstream.requests)) == (1, 3)


def test_a_call_weighs_one_a_place() -> None:
    assert [places * WEATHER.weight_of_a_place for places in (1, 20, 1000)] == [1, 20, 1000]


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
    assert whole(exact_weight(2, sections, 14)) == 3


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
    assert type(error_of(400, said(reason))) is PlaceRejected


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


@pytest.mark.parametrize(
    "answered",
    [http(status=503), http(status=403), http(b"{"), b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n: odd\r\n\r\n{}", b""],
)
def test_the_key_is_in_no_log_and_no_traceback(answered: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="urllib3")
    with StagedUpstream(answered) as upstream:
        with pytest.raises(UpstreamError) as failure:
            OpenMeteo(upstream.url, WEATHER, api_key=KEY, timeout_seconds=2).fetch([CELL])
        upstream_saw = upstream.requests[0]

    trace = "".join(traceback.format_exception(failure.value))
    assert "apikey=sesame" in upstream_saw
    assert "sesame" not in caplog.text
    assert "sesame" not in trace
    assert failure.value.__cause__ is None
    assert "latitude" not in repr(failure.value.__context__)


def test_the_filter_keeps_the_rest_of_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="urllib3")
    with StagedUpstream(http(answer([CELL]))) as upstream:
        OpenMeteo(upstream.url, WEATHER, api_key=KEY, now=lambda: NOW).fetch([CELL])

    assert "timeformat=unixtime&apikey=… HTTP/1.1" in caplog.text
