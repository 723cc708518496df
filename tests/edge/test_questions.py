"""Open-Meteo's own question at the edge: kept by cell and question, read as the service does, refused in its shape."""

import random
from urllib.parse import quote

import pytest
from django.http import QueryDict

from tests.edge.test_cells import position, told
from weather.openmeteo_api.form import Asked
from weather.openmeteo_api.names import names_with
from weather.openmeteo_api.query import Refused, asked_in

TEN = names_with(())
VALUES = {
    "current": ["temperature_2m", "temperature_2m,is_day", "lksdfj", ""],
    "hourly": ["temperature_2m", "precipitation,weather_code", "is day"],
    "daily": ["weather_code,sunrise"],
    "forecast_days": ["3", "0", "11", "x"],
    "timezone": ["auto", "GMT", "America/New_York", "Mars"],
    "timeformat": ["unixtime"],
    "wind_speed_unit": ["ms"],
    "format": ["json", "flatbuffers"],
    "models": ["best_match"],
    "apikey": ["secret"],
    "foo": ["40.71284"],
}


def asked(query: str) -> Asked | None:
    try:
        return asked_in(dict(QueryDict(query).lists()), TEN, 20)
    except Refused:
        return None


def question(dice: random.Random) -> str:
    pieces = [("latitude", position(dice, 90)), ("longitude", position(dice, 180))]
    pieces += [(name, dice.choice(VALUES[name])) for name in dice.sample(sorted(VALUES), dice.randrange(6))]
    if dice.random() < 0.1:
        pieces.append((dice.choice(["latitude", "longitude", "hourly"]), dice.choice(["1", "1,2", "temperature_2m"])))
    if dice.random() < 0.3:
        dice.shuffle(pieces)
    safe = dice.choice(["", ",/", "+,:/"])
    return "&".join(f"{name}={quote(value, safe=safe)}" for name, value in pieces)


@pytest.mark.parametrize("path", ["/openmeteo", "/script/openmeteo"])
def test_what_the_edge_keeps_under_a_key_is_the_question_that_was_asked(fleet, path):
    dice = random.Random(11)
    queries = [question(dice) for _ in range(1500)]
    meant: dict[str, Asked] = {}
    kept = 0
    for query, (key, uri) in zip(
        queries, told(fleet.edge.keys_port, [f"{path}?{one}" for one in queries]), strict=True
    ):
        wanted = asked(query)
        if not key:
            assert uri == f"/v1/forecast?{query}"
            continue
        kept += 1
        assert "secret" not in key and "foo" not in key
        assert wanted == asked(uri.partition("?")[2])
        if wanted is not None:
            assert meant.setdefault(key, wanted) == wanted and key.startswith(f"openmeteo:{wanted.cells[0].key}:?")
    assert kept > 300


def test_the_fast_path_and_the_script_agree(fleet):
    dice = random.Random(12)
    queries = [question(dice) for _ in range(500)]
    fast, script = (told(fleet.edge.keys_port, [f"{path}/openmeteo?{q}" for q in queries]) for path in ("", "/script"))
    assert fast == script


def test_two_phones_of_a_cell_share_an_answer_and_another_question_has_its_own(fleet, place):
    lat, lon = (part.partition("=")[2] for part in place().split("&"))
    paths = [
        f"/v1/forecast?latitude={lat}12&longitude={lon}34&current=temperature_2m",
        f"/v1/forecast?latitude={lat}41&longitude={lon}01&current=temperature_2m",
        f"/v1/forecast/?current=temperature_2m&latitude={lat}&longitude={lon}",
        f"/v1/forecast?latitude={lat}12&longitude={lon}34&current=weather_code",
        f"/v1/forecast?latitude={lat}12&longitude={lon}34&current=temperature_2m&format=flatbuffers",
        f"/v1/forecast?latitude={lat}12&longitude={lon}34&current=temperature_2m&format=flatbuffers",
    ]
    answers = [fleet.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * 6
    hits = ["edge; hit" in answer.headers["Cache-Status"] for answer in answers]
    assert hits == [False, True, False, False, False, True]
    assert answers[0].content == answers[1].content and answers[4].content == answers[5].content
    again = fleet.get(paths[0], headers={"If-None-Match": answers[0].headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_questions_are_kept_apart_from_what_phones_share(fleet, place):
    def kept(name):
        return {file for file in (fleet.edge.folder / name).rglob("*") if file.is_file()}

    lat, lon = (part.partition("=")[2] for part in place().split("&"))
    before = kept("cache")
    questions = kept("questions")
    for number in range(1, 6):
        answer = fleet.get(f"/v1/forecast?latitude={lat}&longitude={lon}&daily=weather_code&forecast_days={number}")
        assert answer.status_code == 200
    assert len(kept("questions") - questions) == 5 and kept("cache") <= before
    fleet.get(f"/api/v1/weather?lat={lat}&lon={lon}")
    assert len(kept("cache") - before) == 1


def test_several_places_are_not_kept_and_count_as_that_many(fleet):
    path = "/v1/forecast?latitude=1.1,2.2&longitude=3.3,4.4&current=weather_code"
    repeated = "/v1/forecast?latitude=1.1&latitude=2.2&longitude=3.3&longitude=4.4"
    left = [
        int(fleet.get(one, client="several-questions").headers["RateLimit"].split("r=")[1].split(";")[0])
        for one in (path, path, repeated)
    ]
    assert [60 - one for one in left] == [2, 4, 6]


@pytest.mark.parametrize(
    "latitudes",
    [
        "%6Catitude=1.1,2.2,3.3",
        "%6catitude=1.1&latitude=2.2,3.3",
        "latitude=1.1&l%61titude=2.2&%6Catitude=3.3",
        "lat%69tude=1.1%2c2.2%2C3.3",
    ],
)
def test_places_are_counted_however_their_name_is_spelled(fleet, latitudes):
    answer = fleet.get(f"/v1/forecast?{latitudes}&longitude=3.3,4.4,5.5", client=f"spelled-{latitudes}"[:100])
    assert answer.status_code == 200 and len(answer.json()) == 3
    assert "r=57;" in answer.headers["RateLimit"]


def test_a_client_over_its_limit_is_told_in_open_meteos_shape(fleet, place):
    lat, lon = (part.partition("=")[2] for part in place().split("&"))
    path = f"/v1/forecast?latitude={lat}&longitude={lon}&current=weather_code"
    answers = [fleet.get(path, client="greedy-questions") for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    refused = answers[-1]
    assert refused.json() == {
        "error": True,
        "reason": "Minutely API request limit exceeded. Please try again in one minute.",
    }
    assert refused.headers["Content-Type"] == "application/json; charset=utf-8"
    assert refused.headers["Cache-Control"] == "no-store" and 0 < int(refused.headers["Retry-After"]) <= 60


def test_what_is_refused_reaches_the_service_each_time(fleet):
    for _ in range(2):
        response = fleet.get("/v1/forecast?latitude=95.5&longitude=1.1")
        assert response.status_code == 400 and response.json()["error"] is True
        assert "Age" not in response.headers


def test_an_answer_from_the_edge_is_counted(fleet, place):
    lat, lon = (part.partition("=")[2] for part in place().split("&"))
    before = fleet.settled_counts()
    for _ in range(3):
        fleet.get(f"/v1/forecast?latitude={lat}12&longitude={lon}34&hourly=weather_code")
    assert (fleet.settled_counts() - before)["openmeteo", 200] == 3


def test_without_instances_it_is_unavailable_in_open_meteos_shape(small_fleet):
    for number in (0, 1):
        small_fleet.kill(number)
    response = small_fleet.get("/v1/forecast?latitude=71.3&longitude=8.1")
    assert response.status_code == 503 and response.json() == {"error": True, "reason": "The service is overloaded"}
    assert response.headers["Retry-After"] == "5"
