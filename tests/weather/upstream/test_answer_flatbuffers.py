"""FlatBuffers give the very records that JSON gives, and what is no message is never weather."""

import json
import random
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weather.core.cells import Cell
from weather.core.datasets import AIR_QUALITY, WEATHER
from weather.core.records.packing import pack
from weather.core.series import Series
from weather.core.variables import EXTRA_NAMES
from weather.simulator.answers.json_text import place_texts
from weather.simulator.answers.messages import messages_of
from weather.simulator.call import Asked
from weather.simulator.server import OpenMeteoSimulator
from weather.simulator.steering import PRODUCTS
from weather.upstream import answer_flatbuffers
from weather.upstream.client import InvalidResponse, NoWeatherHere, OpenMeteo
from weather.upstream.validation import read_answer

NOW = 1_795_500_000.0
CELLS = [Cell(407, -740), Cell(-412, 1748), Cell(224, 886), Cell(475, -527)]  # half an hour off UTC too
EXTENDED = WEATHER.with_extras(EXTRA_NAMES)


@pytest.fixture(scope="module")
def upstream():
    with OpenMeteoSimulator(base_ms=0, per_place_ms=0, unlimited=True, clock=lambda: NOW) as simulator:
        yield simulator


def client(upstream, dataset, answer_format: str) -> OpenMeteo:
    return OpenMeteo(upstream.url, dataset, now=lambda: NOW, answer_format=answer_format)  # type: ignore[arg-type]


def texts_of(dataset, cells) -> list[str]:
    query = {
        "latitude": ",".join(f"{cell.latitude:g}" for cell in cells),
        "longitude": ",".join(f"{cell.longitude:g}" for cell in cells),
        "hourly": ",".join(variable.name for variable in dataset.asked),
        "forecast_days": dataset.forecast_days,
        "timezone": "auto",
        "timeformat": "unixtime",
    }
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return place_texts(Asked.parse(text, PRODUCTS[dataset.path]), NOW)


@pytest.mark.parametrize("dataset", [WEATHER, EXTENDED, AIR_QUALITY], ids=["ten", "extras", "air"])
def test_the_records_are_the_same_whichever_was_asked_for(upstream, dataset):
    by_json, by_messages = (client(upstream, dataset, one).fetch(CELLS) for one in ("json", "flatbuffers"))
    assert by_json == by_messages
    for cell in CELLS:
        series = by_messages[cell]
        assert isinstance(series, Series) and list(series.columns) == [variable.name for variable in dataset.asked]
        assert pack(series, dataset) == pack(by_json[cell], dataset)  # type: ignore[arg-type]


@pytest.mark.parametrize("trailing", [None, 48])
def test_nan_is_null(upstream, trailing):
    upstream.fault("nulls", variable="precipitation", trailing_hours=trailing)
    try:
        by_json, by_messages = (client(upstream, WEATHER, one).fetch(CELLS[:1]) for one in ("json", "flatbuffers"))
    finally:
        upstream.reset()
    assert by_json == by_messages and None in by_messages[CELLS[0]].columns["precipitation"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "fault", ["nulls", "missing", "wrong_length", "wrong_place", "wrong_units", "nan", "one_bad_place", "metadata_only"]
)
def test_a_bad_place_is_known_and_the_others_are_taken(upstream, fault):
    upstream.fault(fault, place="40.7,-74.0")
    try:
        fetched = client(upstream, WEATHER, "flatbuffers").fetch(CELLS)
    finally:
        upstream.reset()
    assert isinstance(fetched[CELLS[0]], NoWeatherHere)
    assert all(isinstance(fetched[cell], Series) for cell in CELLS[1:])


@pytest.mark.parametrize(
    ("fault", "arguments"), [("text", {}), ("text", {"instead": True}), ("truncated", {}), ("html", {"status": 200})]
)
def test_what_is_no_row_of_messages_is_no_answer(upstream, fault, arguments):
    upstream.fault(fault, **arguments)
    try:
        with pytest.raises(InvalidResponse):
            client(upstream, WEATHER, "flatbuffers").fetch(CELLS)
    finally:
        upstream.reset()


def test_an_error_is_json_with_its_status(upstream):
    upstream.fault("status", status=400, reason="No data is available for this location")
    try:
        with pytest.raises(NoWeatherHere, match="No data is available"):
            client(upstream, WEATHER, "flatbuffers").fetch(CELLS[:1])
    finally:
        upstream.reset()


def test_other_variables_than_were_asked_for_are_not_taken_for_them():
    body = messages_of(texts_of(WEATHER, CELLS[:1]))
    mixed = WEATHER.asked[1:] + WEATHER.asked[:1]
    assert answer_flatbuffers.locations(body, mixed, 1) == [None]
    assert answer_flatbuffers.locations(body, WEATHER.asked, 1) != [None]


def test_no_message_beyond_those_asked_for_is_read(monkeypatch):
    body = messages_of(texts_of(WEATHER, CELLS[:1])) * 50
    read: list[object] = []

    def location(message, variables):
        read.append(message)
        return {}

    monkeypatch.setattr(answer_flatbuffers, "_location", location)
    with pytest.raises(InvalidResponse, match="more locations than 2"):
        read_answer(body, CELLS[:2], NOW, "simulator", WEATHER, "flatbuffers")
    assert len(read) == 2


@given(st.lists(st.floats(-1_000, 1_000, width=32)), st.sampled_from([0, 1, 2]))
@example([-0.0, -0.25, 0.25, 0.75, 1234.5], 1)
def test_values_are_rounded_as_python_rounds(values, decimals):
    rounded = answer_flatbuffers._rounded(values, decimals)
    assert repr(rounded) == repr([round(value, decimals) + 0.0 if decimals else round(value) for value in values])


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body):
    try:
        found = answer_flatbuffers.locations(body, WEATHER.asked, 1)
    except (answer_flatbuffers.NoMessage, answer_flatbuffers.TooMany):
        return
    assert all(location is None or isinstance(location, dict) for location in found)


def test_flipped_bytes_never_give_weather_that_was_not_said():
    dice = random.Random(5)
    body = messages_of(texts_of(WEATHER, CELLS[:1]))
    began = time.monotonic()
    for _ in range(400):
        broken = bytearray(body)
        for _ in range(dice.randrange(1, 8)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        try:
            found = read_answer(broken, CELLS[:1], NOW, "simulator", WEATHER, "flatbuffers")[CELLS[0]]
        except InvalidResponse:
            continue
        if isinstance(found, Series):
            json.dumps([found.latitude, *found.columns.values()], allow_nan=False)
            assert found.hours <= 24 * 16
    print(f"400 broken messages in {time.monotonic() - began:.1f} s")
