"""One entry for all phones of a cell, with honest headers, for as long as the service says."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.edge.edge_server import EdgeServer, edge_before
from tests.edge.origin import Origin
from tests.support.servers import eventually

CELL = "/api/v1/weather?lat=12.3&lon=4.5"


@pytest.fixture
def origin(tmp_path) -> Iterator[Origin]:
    """An origin of the test's own words, and an edge before it."""
    with Origin() as origin, EdgeServer(edge_before([f"127.0.0.1:{origin.port}"], tmp_path / "edge")) as edge:
        origin.edge = edge  # type: ignore[attr-defined]
        yield origin


def answers_until(origin: Origin, is_last: Callable[[requests.Response], bool]) -> list[requests.Response]:
    """What the edge says, asked again and again."""
    answers: list[requests.Response] = []

    def is_over() -> bool:
        answers.append(origin.edge.get(CELL))  # type: ignore[attr-defined]
        return is_last(answers[-1])

    eventually(is_over, every_seconds=0.2)
    return answers


# ── before real instances ─────────────────────────────────────────────────────────────────────────


def test_two_phones_three_kilometres_apart_cost_one_request_at_an_instance(fleet):
    before = fleet.settled_at_instances()
    answers = [fleet.get(f"/api/v1/weather?lat={lat}&lon=-73.9560") for lat in ("40.7128", "40.7398")]
    there = fleet.settled_at_instances() - before
    print(f"two phones 3 km apart: {len(answers)} answers, {there} request at an instance")
    assert [answer.json()["latitude"] for answer in answers] == [40.7, 40.7]
    assert there == 1
    assert answers[1].headers["Cache-Status"] == "weathernote; fwd=miss; stored, edge; hit"


def test_a_forecast_of_seven_days_is_the_usual_one_and_one_of_three_another(fleet, place):
    where = place()
    paths = [f"forecast?{where}&days=3", f"forecast?{where}", f"forecast/?{where}&days=7", f"forecast?{where}&days=3"]
    answers = [fleet.get(f"/api/v1/{path}") for path in paths]
    assert [len(answer.json()["daily"]["time"]) for answer in answers] == [3, 7, 7, 3]
    assert ["edge; hit" in answer.headers["Cache-Status"] for answer in answers] == [False, False, True, True]


def test_the_air_quality_of_a_cell_is_one_entry_and_another_than_its_weather(fleet, place):
    where = place()
    paths = [f"weather?{where}", f"air-quality?{where}", f"air-quality/?units=imperial&{where}", f"weather?{where}"]
    answers = [fleet.get(f"/api/v1/{path}") for path in paths]
    assert ["european_aqi" in answer.json()["current"] for answer in answers] == [False, True, True, False]
    assert ["edge; hit" in answer.headers["Cache-Status"] for answer in answers] == [False, False, True, True]
    assert answers[1].headers["ETag"] == answers[2].headers["ETag"]


def test_head_is_answered_out_of_the_same_entry(fleet, place):
    path = f"/api/v1/weather?{place()}"
    whole = fleet.get(path)
    head = fleet.get(path, method="HEAD")
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", whole.headers["ETag"])
    assert head.headers["Cache-Status"].endswith("edge; hit")


def test_what_a_phone_has_already_is_not_sent_again(fleet, place):
    path = f"/api/v1/weather?{place()}"
    first = fleet.get(path)
    again = fleet.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Status"].endswith("edge; hit") and again.headers["RateLimit"]
    assert fleet.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_no_word_that_was_one_client_s_comes_out_of_the_cache(fleet, place):
    path = f"/api/v1/weather?{place()}"
    phones = ["phone-a-" + place(), "phone-b-" + place()]
    first, second, third = (fleet.get(path, client=phones[number]) for number in (0, 0, 1))
    assert [each.headers["RateLimit"].partition(";t")[0] for each in (first, second, third)] == [
        '"client";r=59',
        '"client";r=58',
        '"client";r=59',
    ]
    assert len({each.headers["X-Request-ID"] for each in (first, second, third)}) == 3
    for each in (first, second, third):
        assert each.headers["RateLimit-Policy"] == '"client";q=60;w=60'
        assert each.raw.headers.getlist("X-Request-ID") == [each.headers["X-Request-ID"]]


def test_200_misses_on_one_cell_cost_one_request_at_an_instance(fleet, simulator, place):
    simulator.settings(base_ms=300)
    path, before = f"/api/v1/weather?{place()}", fleet.settled_at_instances()
    with ThreadPoolExecutor(50) as pool:
        got = Counter(answer.status_code for answer in pool.map(fleet.get, [path] * 200))
    there = fleet.settled_at_instances() - before
    print(f"200 misses on one cell: {dict(got)}, {there} request at an instance, {simulator.state()['cells']} fetched")
    assert got == {200: 200}
    assert there == 1


# ── before an origin of the test's own words ──────────────────────────────────────────────────────


def test_an_answer_lives_as_long_as_it_says_and_its_age_is_told(origin):
    origin.cache_control = "public, max-age=4"
    first, *held, anew = answers_until(origin, lambda answer: answer.json() == {"answer": 2})
    ages = [int(answer.headers["Age"]) for answer in held]
    assert "Age" not in first.headers
    assert ages == sorted(ages) and 2 <= max(ages) <= 4
    assert {answer.headers["Cache-Status"] for answer in held} == {"weathernote; hit; ttl=60, edge; hit"}
    assert anew.headers["Cache-Status"] == "weathernote; hit; ttl=60, edge; fwd=stale"


def test_what_has_ended_is_given_while_it_is_renewed(origin):
    origin.cache_control = "public, max-age=1, stale-while-revalidate=60"
    origin.edge.get(CELL)
    time.sleep(2.1)
    origin.go.clear()
    held = origin.edge.get(CELL)
    assert held.json() == {"answer": 1}
    assert held.headers["Cache-Status"].endswith("edge; hit; detail=stale-while-revalidate")
    origin.cache_control = "public, max-age=60"
    origin.go.set()
    eventually(lambda: origin.edge.get(CELL).json() == {"answer": 2}, every_seconds=0.2)
    assert len(origin.asked) == 2


def test_what_has_ended_is_given_while_nobody_answers_for_as_long_as_it_says_and_no_longer(origin):
    origin.cache_control = "public, max-age=1, stale-if-error=5"
    origin.edge.get(CELL)
    origin.stop()
    time.sleep(2.1)
    *held, _ = answers_until(origin, lambda answer: answer.status_code == 503)
    assert held and {(answer.status_code, answer.json()["answer"]) for answer in held} == {(200, 1)}
    assert all(answer.headers["Cache-Status"].endswith("edge; hit; detail=stale-if-error") for answer in held)
    assert max(int(answer.headers["Age"]) for answer in held) <= 7  # and a second, for nginx counts whole ones


def test_a_forecast_whose_day_is_over_is_not_given(origin):
    """At the cell's midnight an instance says 0 of both."""
    path = CELL.replace("weather", "forecast")
    origin.cache_control = "public, max-age=1, stale-while-revalidate=0, stale-if-error=0"
    origin.edge.get(path)
    origin.stop()
    time.sleep(2.1)
    assert origin.edge.get(path).status_code == 503


def test_an_error_is_not_kept(origin):
    origin.status, origin.cache_control = 503, "no-store"
    assert [origin.edge.get(CELL).status_code for _ in range(2)] == [503, 503]
    assert len(origin.asked) == 2


def test_an_instance_hears_the_cell_and_whose_request_it_is_and_no_more(origin):
    said = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Real-IP": "6.6.6.6", "X-Request-ID": "mine"}
    answer = origin.edge.get("/api/v1/weather?lat=40.7128&lon=-74.0060&x=1", headers=said, client="me")
    ((path, heard),) = origin.asked
    assert path == "/api/v1/weather?lat=40.7&lon=-74.0"
    assert {name: heard[name] for name in heard if name.startswith("x-")} == {
        "x-forwarded-for": "127.0.0.77",
        "x-forwarded-proto": "https",
        "x-request-id": answer.headers["X-Request-ID"],
        "x-client-id": "me",
        "x-counted-by": "edge",
    }
    assert "forwarded" not in heard


def test_a_search_is_kept_by_what_is_searched_for_alone(origin):
    for query in (
        "cities",
        "cities?search=par",
        "places?search=par",
        "places?search=par&limit=3",
        "cities?lat=40.7128",
        "places?lat=40.7128&lon=-74.0060",
    ):
        for _ in range(2):
            origin.edge.get(f"/api/v1/{query}")
    asked = [path.rpartition("/")[2] for path, _ in origin.asked]
    assert asked[:4] == ["cities", "cities?search=par", "places?search=par", "places?search=par&limit=3"]
    assert asked[4:] == ["cities?lat=40.7128"] * 2 + ["places?lat=40.7128&lon=-74.0060"] * 2
