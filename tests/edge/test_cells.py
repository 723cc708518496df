"""The edge rounds a position exactly as the service does, by its fast path and by its script."""

import random
import socket
import string
from collections.abc import Iterable
from urllib.parse import quote

import pytest
from django.http import QueryDict

from tests.support.weather.cells import ROWS
from weather.api.query import question_in
from weather.core.datasets import AIR_QUALITY, WEATHER
from weathernote.http.problems import Problem

BATCH = 100
HALVES = ("05", "15", "25", "35", "45", "49", "50", "95", "949999", "95000001", "0", "00", "04", "999")


def told(port: int, targets: Iterable[str]) -> list[tuple[str, str]]:
    """For each target the key under which the edge keeps its answer and what it asks an instance."""
    targets, answers = list(targets), []
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line, line.makefile("rb") as reader:
        for at in range(0, len(targets), BATCH):
            part = targets[at : at + BATCH]
            line.sendall("".join(f"GET {target} HTTP/1.1\r\nHost: e\r\n\r\n" for target in part).encode("latin-1"))
            answers += [_answer(reader) for _ in part]
    return answers


def _answer(reader) -> tuple[str, str]:
    assert reader.readline().split()[1] == b"200"
    length = 0
    while (line := reader.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    key, _, uri = reader.read(length).decode("latin-1").partition(" ")
    return key, uri


def expected(record: str, query: str) -> str:
    """The key, by what the service makes of the query; empty where it refuses it."""
    dataset = AIR_QUALITY if record == "air_quality" else WEATHER
    try:
        question = question_in(QueryDict(query), dataset, 7 if record == "forecast" else None)
    except Problem:
        return ""
    units = "imperial" if question.units == "imperial" else ""
    return f"{record}:{question.cell.key}:{question.days or ''}:{units}"


def position(dice: random.Random, limit: int) -> str:
    """Mostly such as phones write it, near halves, limits and zero; and now and then what is none."""
    whole = dice.choice([0, 1, 9, 10, 89, 90, 99, 100, 179, 180, limit - 1, limit, dice.randrange(limit)])
    decimals = dice.choice(HALVES + ("".join(dice.choices(string.digits, k=dice.randrange(1, 28))),))
    text = f"{dice.choice(['', '-'])}{whole}.{decimals}"
    twist = dice.random()
    if twist < 0.1:
        return f"{text}{dice.choice('eE')}{dice.choice(['', '-'])}{dice.randrange(0, 12)}"
    if twist < 0.15:
        return f"{dice.choice(['', '-'])}{whole}"
    if twist < 0.2:
        return text.replace(str(whole), f"{whole:03}", 1)
    if twist < 0.3:
        at = dice.randrange(len(text) + 1)
        return (
            text[:at] + dice.choice(["+", " ", "_", "e", ".", "-", "٤", "\0", "x", ",", "\n", "NaN", "½"]) + text[at:]
        )
    return text


def question(dice: random.Random) -> str:
    """A query as a client might write it, in whatever order and spelling."""
    pieces = [("lat", position(dice, 90)), ("lon", position(dice, 180))]
    if dice.random() < 0.4:
        pieces.append(
            ("days", dice.choice(["1", "7", "10", "0", "11", "03", "", "3 ", "-1", "1e0", str(dice.randrange(14))]))
        )
    if dice.random() < 0.1:
        pieces.append(dice.choice([("lat", "1"), ("lon", "2.0"), ("days", "3"), ("foo", "bar"), ("", "")]))
    if dice.random() < 0.2:
        pieces.append(("units", dice.choice(["metric", "imperial", "imperial", "", "Metric", "imperial\n"])))
    if dice.random() < 0.1:
        pieces.pop(dice.randrange(len(pieces)))
    if dice.random() < 0.2:
        dice.shuffle(pieces)
    safe = dice.choice(["", "+,:"])
    written = [f"{_spelled(dice, name)}={quote(value, safe=safe)}" for name, value in pieces]
    return dice.choice(["", "", "", "", "&"]) + "&".join(written)


def _spelled(dice: random.Random, name: str) -> str:
    return name if dice.random() < 0.95 else "".join(f"%{ord(letter):02x}" for letter in name)


def differing(port: int, path: str, record: str, queries: list[str]) -> list[tuple[str, str, str]]:
    keys = [key for key, _ in told(port, [f"{path}?{query}" for query in queries])]
    wanted = [expected(record, query) for query in queries]
    return [case for case in zip(queries, keys, wanted, strict=True) if case[1] != case[2]]


@pytest.mark.parametrize("path", ["/weather", "/script/weather"])
def test_the_edge_finds_the_cell_of_every_position_in_the_list(fleet, path):
    queries = [f"lat={lat}&lon={lon}" for lat, lon, _, _ in ROWS]
    keys = [key for key, _ in told(fleet.edge.keys_port, [f"{path}?{query}" for query in queries])]
    assert keys == [f"weather:lat:{lat}:lon:{lon}::" for _, _, lat, lon in ROWS]


@pytest.mark.parametrize(
    "path",
    ["/weather", "/script/weather", "/forecast", "/script/forecast", "/air-quality", "/script/air-quality"],
)
def test_the_edge_reads_a_query_as_the_service_does(fleet, path):
    dice = random.Random(7)
    queries = [question(dice) for _ in range(1500)]
    assert differing(fleet.edge.keys_port, path, path.rpartition("/")[2].replace("-", "_"), queries) == []


def test_a_plain_position_is_read_without_the_script(fleet):
    plain = ["40.7128&lon=-74.0060", "39.97&lon=-0.96", "-0.04&lon=0.02", "89.999&lon=178.95&days=3", "-9.5&lon=-99.95"]
    other = ["90.0&lon=0.1", "1.1&lon=179.96", "1&lon=2", "1.1&lon=2.2&units=imperial"]
    told_of = [told(fleet.edge.keys_port, [f"/usual?lat={query}" for query in queries]) for queries in (plain, other)]
    assert told_of == [[("1", "")] * len(plain), [("0", "")] * len(other)]


def test_an_instance_is_asked_for_the_cell_and_never_for_the_position(fleet):
    asked = ["lat=40.7128&lon=-74.0060", "lon=2.35&lat=48.86&days=3", "lat=-0.04&lon=180&units=imperial"]
    answers = told(fleet.edge.keys_port, [f"/forecast?{query}" for query in asked])
    assert [uri for _, uri in answers] == [
        "/api/v1/forecast?lat=40.7&lon=-74.0&days=7",
        "/api/v1/forecast?lat=48.9&lon=2.4&days=3",
        "/api/v1/forecast?lat=0.0&lon=-180.0&days=7&units=imperial",
    ]


def test_units_are_kept_apart_and_metric_is_the_usual(fleet):
    asked = ["lat=1&lon=2", "lat=1&lon=2&units=metric", "lat=1&lon=2&units=imperial", "lat=1&lon=2&units=kelvin"]
    keys = [key for key, _ in told(fleet.edge.keys_port, [f"/weather?{query}" for query in asked])]
    assert keys == ["weather:lat:1.0:lon:2.0::"] * 2 + ["weather:lat:1.0:lon:2.0::imperial", ""]


def test_air_quality_is_one_entry_whatever_the_units_and_days(fleet):
    asked = ["lat=1&lon=2", "lat=1.04&lon=2&units=imperial", "lat=1&lon=2&days=3"]
    answers = told(fleet.edge.keys_port, [f"/air-quality?{query}" for query in asked])
    assert answers == [("air_quality:lat:1.0:lon:2.0::", "/api/v1/air-quality?lat=1.0&lon=2.0")] * 3


@pytest.mark.parametrize(
    "query",
    [
        "lat=95.5&lon=1.1",
        "lat=90.1&lon=1.1",
        "lat=1.1",
        "lat=1&lat=1&lon=2",
        "lat=NaN&lon=1",
        "lat=1,2&lon=1",
        "lat=+1&lon=2",
    ],
)
def test_what_the_service_refuses_reaches_it_each_time_and_is_not_kept(fleet, query):
    for _ in range(2):
        response = fleet.get(f"/api/v1/forecast?{query}")
        assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
        assert "Age" not in response.headers
        assert response.headers["Cache-Control"] == "no-store"
