"""What is taken for weather: the bounds of hours, places and values, each met and passed by the least step."""

import copy
import json
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.staged.upstream import CELL, CELLS, MIDNIGHT, NOW, answer, place
from weather.core.cells import Cell, great_circle_km
from weather.core.datasets import WEATHER, Dataset
from weather.core.records.packing import pack, unpack
from weather.core.series import Series
from weather.core.variables import EXTRA, EXTRA_NAMES, HOUR_SECONDS, HOURLY, HOURLY_NAMES, HOURS
from weather.upstream.errors import InvalidResponse, NoWeatherHere, UnreadableHere, UpstreamError
from weather.upstream.validation import read_answer, read_location
from weathernote import threads

pytestmark = pytest.mark.pure

DAY = 86_400
EXTENDED = WEATHER.with_extras(EXTRA_NAMES)


def is_taken(document: Any, cell: Cell = CELL, now: float = NOW, dataset: Dataset = WEATHER) -> bool:
    try:
        return isinstance(read_location(document, cell, now, "open-meteo", dataset), Series)
    except InvalidResponse:
        return False


Change = Callable[[dict[str, Any]], None]


def read(value: Any, now: float = NOW) -> Series:
    return read_location(value, CELL, now, "open-meteo", WEATHER)


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

    assert isinstance(read_location(document, cell, NOW, "open-meteo", WEATHER), Series)


@pytest.mark.parametrize(
    ("here", "there", "km"),
    [((0, 0), (0, 1), 111.2), ((90, 0), (90, 137), 0), ((0, 179.9), (0, -179.9), 22.2), ((90, 0), (-90, 0), 20015)],
)
def test_distances_are_along_the_great_circle(here: tuple[float, float], there: tuple[float, float], km: float) -> None:
    assert great_circle_km(*here, *there) == pytest.approx(km, abs=0.5)


@pytest.mark.parametrize("grid", [-180.02, 180.1, 180.0, 179.98, -179.9])
def test_a_grid_point_beyond_the_antimeridian_is_brought_into_range(grid: float) -> None:
    cell = Cell(-168, -1800)
    longitude = read_location(place(cell) | {"longitude": grid}, cell, NOW, "open-meteo", WEATHER).longitude
    assert -180 <= longitude < 180
    assert (longitude - grid) % 360 == pytest.approx(0, abs=1e-6)


def test_a_coast_may_move_the_grid_point_by_one_and_a_half_cells_of_half_a_degree() -> None:
    document = place() | {"latitude": CELL.latitude + 0.75, "longitude": CELL.longitude}
    assert great_circle_km(CELL.latitude, CELL.longitude, document["latitude"], document["longitude"]) > 83
    assert isinstance(read_location(document, CELL, NOW, "open-meteo", WEATHER), Series)


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


# ── hours ─────────────────────────────────────────────────────────────────────────────────────────

seconds = st.sampled_from([-1, 0, 1]) | st.integers(-DAY, DAY)


@given(st.sampled_from([-3600, 2 * DAY, 7 * DAY]) | st.integers(-DAY, 9 * DAY), seconds, st.integers(166, 386))
@example(age=-3600, more=0, rows=336)
@example(age=-3600, more=-1, rows=336)
@example(age=2 * DAY, more=0, rows=336)
@example(age=2 * DAY, more=1, rows=336)
@example(age=0, more=0, rows=16 * 24)
@example(age=0, more=0, rows=16 * 24 + 1)
def test_the_hours_begin_about_today_and_go_on_for_a_week_or_they_are_not_taken(age, more, rows):
    now = MIDNIGHT + age + more
    last = MIDNIGHT + (rows - 1) * 3600
    expected = 7 * 24 <= rows <= 16 * 24 and -3600 <= now - MIDNIGHT <= 2 * DAY and last >= now + 7 * DAY
    assert is_taken(place(rows=rows), now=now) is expected


@pytest.mark.parametrize("rows", [7 * 24 + 1, 8 * 24 + 1, 14 * 24])
@pytest.mark.parametrize("late", [0, 1])
def test_the_last_hour_is_a_week_from_now_or_later(rows, late):
    now = MIDNIGHT + (rows - 1) * 3600 - 7 * DAY + late
    assert is_taken(place(rows=rows), now=now) is (late == 0 and now <= MIDNIGHT + 2 * DAY)


@given(st.integers(-1, 47), st.integers(0, HOURS - 1), st.sampled_from(["temperature_2m", "weather_code"]))
def test_a_gap_matters_from_the_present_hour_to_the_same_one_in_a_week(hour, gap, name):
    document = place()
    document["hourly"][name][gap] = None
    assert is_taken(document, now=MIDNIGHT + hour * 3600 + 1200) is not (hour <= gap <= hour + 7 * 24)


def test_a_series_is_of_the_second_in_which_it_came():
    assert read_location(place(), CELL, NOW + 0.9, "open-meteo", WEATHER).fetched_at == NOW


@pytest.mark.parametrize("offset", [86_399, -86_399, 86_400, -86_400])
def test_an_offset_from_utc_is_less_than_a_day(offset):
    assert is_taken(place() | {"utc_offset_seconds": offset}) is (abs(offset) < 86_400)


# ── places ────────────────────────────────────────────────────────────────────────────────────────

latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)


@given(latitudes, longitudes, latitudes, longitudes)
def test_a_distance_is_the_angle_between_two_directions_from_the_earths_centre(lat, lon, other_lat, other_lon):
    ways = []
    for north, east in ((lat, lon), (other_lat, other_lon)):
        phi, lam = math.radians(north), math.radians(east)
        ways.append((math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)))
    # The chord from end to end is twice the sine of half the angle.
    half = min(1.0, math.dist(*ways) / 2)
    assert great_circle_km(lat, lon, other_lat, other_lon) == pytest.approx(2 * 6371 * math.asin(half), abs=1)


@pytest.mark.parametrize(("km", "taken"), [(0, True), (119.9, True), (120.1, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_grids_point_lies_within_120_kilometres(km, taken, sign):
    north = CELL.latitude + sign * math.degrees(km / 6371)
    assert is_taken(place() | {"latitude": north, "longitude": CELL.longitude}) is taken


@pytest.mark.parametrize(
    ("cell", "field", "value", "taken"),
    [
        (Cell(900, 0), "latitude", 90, True),
        (Cell(900, 0), "latitude", 90.5, False),
        (Cell(-900, 0), "latitude", -90, True),
        (Cell(-900, 0), "latitude", -90.5, False),
        (Cell(0, -5), "longitude", 359.5, True),
        (Cell(0, 0), "longitude", 360, True),
        (Cell(0, 5), "longitude", 360.5, False),
        (Cell(0, 5), "longitude", -359.5, True),
        (Cell(0, -5), "longitude", -360.5, False),
    ],
)
def test_a_position_is_within_a_turn_of_the_globe(cell, field, value, taken):
    assert is_taken(place(cell) | {field: value}, cell) is taken


@given(st.integers(-360_000_000, 360_000_000))
def test_a_longitude_is_brought_into_range_and_otherwise_left_as_it_is(millionths):
    given_longitude = millionths / 1e6
    # The nearest cell to it, so that the place is the one that was asked for.
    nearest = round(((given_longitude + 180) % 360 - 180) * 10)
    cell = Cell(0, -1800 if nearest == 1800 else nearest)
    kept = read_location(place(cell) | {"longitude": given_longitude}, cell, NOW, "open-meteo", WEATHER).longitude
    assert -180 <= kept < 180
    assert (kept - given_longitude) % 360 == pytest.approx(0, abs=1e-7) or (kept - given_longitude) % 360 > 359.9999999
    assert kept == round(kept, 6)
    if -180 <= given_longitude < 180:
        assert kept == given_longitude


@pytest.mark.parametrize("longitude", [-179.123456789, 179.123456789, -180.0])
def test_what_is_in_range_keeps_all_its_decimals(longitude):
    cell = Cell(0, round(longitude * 10))
    assert (
        read_location(place(cell) | {"longitude": longitude}, cell, NOW, "open-meteo", WEATHER).longitude == longitude
    )


@pytest.mark.parametrize(("metres", "taken"), [(12_000, True), (12_001, False), (-12_000, True), (-12_001, False)])
def test_the_ground_is_between_the_deepest_and_the_highest_place(metres, taken):
    assert is_taken(place() | {"elevation": metres}) is taken


# ── values ────────────────────────────────────────────────────────────────────────────────────────


def with_extras(**columns: list[float | None]) -> dict[str, Any]:
    document = place()
    for variable in EXTRA:
        middle = (variable.minimum + variable.maximum) / 2
        document["hourly"][variable.name] = columns.get(variable.name, [middle] * HOURS)
        document["hourly_units"][variable.name] = variable.unit
    return document


@pytest.mark.parametrize("variable", [*HOURLY, *EXTRA], ids=lambda variable: variable.name)
def test_a_value_may_be_the_least_and_the_most_and_no_less_or_more(variable):
    def taken_with(value: float) -> bool:
        document = with_extras()
        document["hourly"][variable.name] = [value, *document["hourly"][variable.name][1:]]
        return is_taken(document, dataset=EXTENDED)

    assert taken_with(variable.minimum) and taken_with(variable.maximum)
    assert not taken_with(variable.minimum - 0.01) and not taken_with(variable.maximum + 0.01)


@given(st.data())
def test_the_first_answer_has_the_decimals_that_all_later_ones_have(data):
    """What is shown at once is what comes back out of the record."""
    columns = {
        variable.name: data.draw(
            st.lists(st.none() | st.floats(variable.minimum, variable.maximum), min_size=4, max_size=4)
        )
        * (HOURS // 4)
        for variable in EXTRA
    }
    series = read_location(with_extras(**columns), CELL, NOW, "open-meteo", EXTENDED)
    kept = unpack(pack(series, EXTENDED), EXTENDED)
    for variable in EXTRA:
        held, step = series.columns[variable.name], 10.0**-variable.decimals
        assert held == kept.columns[variable.name]
        for value, given_value in zip(held[:4], columns[variable.name][:4], strict=True):
            assert (value is None) is (given_value is None)
            if value is not None and given_value is not None:
                assert abs(value - given_value) <= step / 2 * 1.000001
                assert isinstance(value, float if variable.decimals > 0 else int)
