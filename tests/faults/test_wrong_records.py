"""Fault 74: records and answers in Redis that are well packed and wrong are misses, and never a 500."""

import json
import re
import struct
import time
import zlib
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from weather.api.service import service
from weather.core.datasets import WEATHER
from weather.core.records.packing import version_of
from weather.core.variables import HOURLY_NAMES, HOURS
from weather.core.zones import is_known, zone_of

QUESTION = "/api/v1/weather?lat=40.7128&lon=-74.0060"
FORECAST = "/api/v1/forecast?lat=40.7128&lon=-74.0060"
RECORD, ANSWER, DAYS = "upstream:lat:40.7:lon:-74.0", "weather:lat:40.7:lon:-74.0", "forecast:lat:40.7:lon:-74.0:days:7"
HOUR = 3600
YEAR_10000 = 253_402_300_800


def a_header() -> dict[str, Any]:
    now = int(time.time())
    return {
        "latitude": 40.71,
        "longitude": -73.99,
        "elevation": 51.0,
        "timezone": "America/New_York",
        "start": now // HOUR * HOUR - 5 * HOUR,
        "fetched_at": now - 60,
        "source": "simulator",
        "columns": list(HOURLY_NAMES),
    }


def packed(header: object, rows: int = HOURS * len(HOURLY_NAMES)) -> bytes:
    """As packing.pack lays it out, each column 1 in its first row and unchanged from there on."""
    text = json.dumps(header).encode()
    columns = len(HOURLY_NAMES)
    low = b"".join(bytes([1]) + bytes(rows // columns - 1) for _ in range(columns))
    return zlib.compress(struct.pack("<H", len(text)) + text + low + bytes(rows))


WRONG_FIELDS = [
    ("latitude", "40.71"),
    ("latitude", float("nan")),
    ("latitude", 91),
    ("latitude", None),
    ("longitude", float("inf")),
    ("longitude", [1]),
    ("elevation", "high"),
    ("elevation", float("nan")),
    ("elevation", {"metres": 51}),
    ("timezone", "Mars/Olympus"),
    ("timezone", "America"),
    ("timezone", "../../etc/passwd"),
    ("timezone", "A" * 300),
    ("timezone", "Factory"),
    ("timezone", 7),
    ("timezone", None),
    ("start", "now"),
    ("start", 1.5),
    ("start", YEAR_10000),
    ("start", -(10**18)),
    ("start", 10**30),
    ("fetched_at", YEAR_10000),
    ("fetched_at", float("inf")),
    ("fetched_at", "2026"),
    ("source", 5),
    ("source", "the\nweather"),
    ("columns", ["temperature_2m"]),
    ("columns", list(HOURLY_NAMES[:9]) * 2),
    ("columns", [["temperature_2m"]]),
    ("columns", "temperature_2m"),
    ("columns", []),
]


def test_a_record_that_is_right_is_served_without_a_call(api, simulator, valkey):
    valkey.hset(RECORD, version_of(WEATHER), packed(a_header()))
    assert api.get(QUESTION).json()["cached"]
    assert simulator.state()["calls"] == 0


@pytest.mark.parametrize(("field", "value"), WRONG_FIELDS, ids=lambda value: repr(value)[:24])
def test_a_record_with_a_wrong_field_is_a_miss(api, simulator, valkey, field, value):
    valkey.hset(RECORD, version_of(WEATHER), packed(a_header() | {field: value}))
    for path in (QUESTION, FORECAST):
        response = api.get(path)
        assert response.status_code == 200 and response.json()["timezone"] == "America/New_York"
    assert simulator.state()["calls"] == 1


@pytest.mark.parametrize(
    "record",
    [
        packed([]),
        packed(None),
        packed({}),
        packed(a_header() | {"more": 1}),
        packed(a_header(), rows=HOURS * 10 - 1),
        packed(a_header(), rows=30),
        zlib.compress(bytes(50_000_000)),
        zlib.compress(struct.pack("<H", 9000) + b"[" * 9000),
    ],
    ids=["list", "null", "empty", "one field more", "half a row", "three rows", "a bomb", "a nest"],
)
def test_a_record_of_another_shape_is_a_miss(api, simulator, valkey, record):
    valkey.hset(RECORD, version_of(WEATHER), record)
    assert api.get(QUESTION).status_code == 200
    assert simulator.state()["calls"] == 1


def test_a_record_of_another_place_is_a_miss(api, simulator, valkey):
    valkey.hset(RECORD, version_of(WEATHER), packed(a_header() | {"latitude": 48.9, "longitude": 2.3}))
    assert api.get(QUESTION).json()["grid"]["latitude"] < 42
    assert simulator.state()["calls"] == 1


def test_a_record_out_of_the_future_is_a_miss(api, simulator, valkey):
    later = int(time.time()) + 10 * 86_400
    header = a_header() | {"fetched_at": later, "start": later // HOUR * HOUR}
    valkey.hset(RECORD, version_of(WEATHER), packed(header))
    assert not api.get(QUESTION).json()["cached"]


def wrong_answer(text: bytes, change: str) -> bytes:
    body = json.loads(text)
    section = body.get("current") or body["hourly"]
    match change:
        case "no zone":
            body["timezone"] = "Mars/Olympus"
        case "zone a folder":
            body["timezone"] = "America"
        case "zone endless":
            body["timezone"] = "A" * 60
        case "text for a number":
            section["temperature_2m"] = "warm"
        case "a nest for a number":
            section["temperature_2m"] = [[[]]]
        case "NaN":
            section["temperature_2m"] = float("nan")
        case "an endless integer":
            section["temperature_2m"] = 10**400 if "current" in body else [10**400, *section["temperature_2m"][1:]]
        case "a boolean for a number":
            section["temperature_2m"] = True
        case "no time":
            del section["time"]
        case "no hours":
            body["current" if "current" in body else "hourly"] = None
        case "a grid of words":
            body["grid"] = {"latitude": "north"}
        case "no units":
            body["units"] = None
        case "units of numbers":
            body["units"] = dict.fromkeys(body["units"], 1)
        case "no grid":
            body["grid"] = []
        case "the year 9999":
            body["expires_at"] = "9999-12-31T23:59:59Z"
        case "no date":
            body["expires_at"] = "2026-99-99T99:99:99Z"
        case "said in the year 9999":
            body["fetched_at"] = "9999-12-31T23:59:59Z"
    wrong = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    match change:
        case "no JSON":
            return wrong.replace(b'"grid":{', b'"grid":{{')
        case "no end":
            return re.sub(rb'"elevation":[0-9.]+', b'"elevation":1e999', wrong)
        case "half a character":
            return wrong.replace("°C".encode(), b"\xed\xa0\x80")
        case "a nest":
            return wrong.replace(b'"grid":', b'"deep":' + b"[" * 50_000 + b"]" * 50_000 + b',"grid":')
    return wrong


CHANGES = [
    *("no zone", "zone a folder", "zone endless", "text for a number", "a nest for a number", "NaN"),
    *("a boolean for a number", "no time", "no hours", "a grid of words", "no grid", "the year 9999", "no date"),
    *(
        "said in the year 9999",
        "no JSON",
        "a nest",
        "no end",
        "an endless integer",
        "half a character",
        "no units",
        "units of numbers",
    ),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("path", "key"), [(QUESTION, ANSWER), (FORECAST, DAYS)])
def test_a_wrong_answer_is_a_miss_and_is_written_anew(api, forget, simulator, valkey, path, key, change):
    api.get(path)
    right = valkey.get(key).encode()
    wrong = wrong_answer(right, change)
    valkey.set(key, wrong, ex=600)
    forget()
    response = api.get(path)
    assert response.status_code == 200 and response.content != wrong
    assert response.json()["grid"] == json.loads(right)["grid"]
    assert valkey.get(key).encode() == response.content
    assert simulator.state()["calls"] == 1  # it is derived from the held record


def test_one_wrong_place_spoils_nothing_of_a_call_about_several(api, forget, simulator, valkey):
    three = "/api/v1/weather?lat=40.7,51.5,10.0&lon=-74.0,-0.1,20.0"
    api.get(three)
    valkey.set(ANSWER, wrong_answer(valkey.get(ANSWER).encode(), "no JSON"), ex=600)
    valkey.delete("weather:lat:51.5:lon:-0.1")
    valkey.hset("upstream:lat:51.5:lon:-0.1", version_of(WEATHER), packed(a_header() | {"timezone": "Mars/Olympus"}))
    forget()
    places = api.get(three).json()["places"]
    assert [place["latitude"] for place in places] == [40.7, 51.5, 10.0]
    assert [place["cached"] for place in places] == [True, False, True]


def test_a_zone_that_one_machine_does_not_know_is_kept_from_no_other(api, forget, simulator, valkey, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr("weather.core.zones.is_known", lambda name: False)
        responses = [api.get(QUESTION) for _ in range(3)]
        assert {response.status_code for response in responses} == {503}
        assert 0 < int(responses[2]["Retry-After"]) <= 600 and simulator.state()["calls"] == 1
    assert not valkey.exists("rejected:cells")
    forget()  # another process
    assert api.get(QUESTION).status_code == 200


def test_a_zone_that_could_not_be_read_once_is_known_later(monkeypatch):
    def failing(name: str) -> ZoneInfo:
        raise OSError("too many open files")

    zone_of.cache_clear()
    with monkeypatch.context() as full:
        full.setattr("weather.core.zones.ZoneInfo", failing)
        assert not is_known("America/New_York")
    assert is_known("America/New_York")


# What stands beside the records


@pytest.mark.parametrize("landmark", [-1e300, -1e12, float("-inf"), float("inf"), 1e300])
def test_a_popularity_that_begins_in_another_age_is_none(api, simulator, valkey, landmark):
    api.get(QUESTION)
    valkey.delete(ANSWER)
    valkey.zadd("popularity:cells", {"landmark": landmark, "lat:40.7:lon:-74.0": 5.0})
    assert api.get(QUESTION).status_code == 200


@pytest.mark.parametrize("field", ["closed:until", "paused:until"])
@pytest.mark.parametrize("until", ["inf", "1e300", "nan"])
def test_a_pause_without_an_end_is_one_of_a_day_at_most(api, simulator, valkey, field, until):
    valkey.hset("budget:open-meteo", field, until)
    service().budget.synchronize()
    for path in (QUESTION, "/api/v1/weather?lat=1,2&lon=1,2"):
        response = api.get(path)
        assert response.status_code in (200, 503)
        assert int(response.headers.get("Retry-After", 0)) <= 86_400


def test_a_rejection_without_an_end_is_one_of_ten_minutes(api, simulator, valkey):
    valkey.zadd("rejected:cells", {"lat:40.7:lon:-74.0": float("inf")})
    response = api.get(QUESTION)
    assert (response.status_code, response["Retry-After"]) == (503, "600")
