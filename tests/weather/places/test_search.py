"""/api/v1/places: 34,006 places by the start of any usual name, whatever a client types."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from tests.support.servers import Instance, eventually
from weather.places import search, views
from weather.places.data import build_places
from weather.places.models import Place, PlaceName
from weathernote.http import database_reader
from weathernote.http.problems import Problem

PLACES = "/api/v1/places"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_memory():
    for known in (search.places, database_reader.reader):
        known.cache_clear()
    yield
    for known in (search.places, database_reader.reader):
        known.cache_clear()


def found(api, text: str, **more: object) -> list[str]:
    response = api.get(PLACES, {"search": text, **more})
    assert response.status_code == 200, response.content
    return [f"{place['name']}, {place['country']}" for place in response.json()["places"]]


def test_a_place_comes_with_all_that_a_phone_shows_of_it(api):
    body = api.get(PLACES, {"search": "springfield", "limit": 1}).json()
    assert body["places"] == [
        {
            "name": "Springfield",
            "country": "US",
            "region": "Missouri",
            "latitude": 37.21533,
            "longitude": -93.29824,
            "timezone": "America/Chicago",
            "population": 170188,
        }
    ]
    assert "GeoNames" in body["attribution"]


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        *(("Munich", "Munich, DE"), ("münch", "Munich, DE"), ("MUENCH", "Munich, DE"), ("Munchen", "Munich, DE")),
        *(("wien", "Vienna, AT"), ("vienn", "Vienna, AT"), ("Вена", "Vienna, AT")),
        *(("東京", "Tokyo, JP"), ("도쿄", "Tokyo, JP"), ("tōky", "Tokyo, JP"), ("Токио", "Tokyo, JP")),
        *(("القاهر", "Cairo, EG"), ("서울", "Seoul, KR"), ("Αθήνα", "Athens, GR"), ("मुंबई", "Mumbai, IN")),
        *(("sao pa", "São Paulo, BR"), ("İstanbul", "Istanbul, TR"), ("xian", "Xi’an, CN"), ("Xi'an", "Xi’an, CN")),
        *(
            ("st petersburg", "Saint Petersburg, RU"),
            ("ST.-PETERSB", "Saint Petersburg, RU"),
            ("nyc", "New York City, US"),
        ),
        *(("stratford upon", "Stratford-upon-Avon, GB"), ("düren", "Düren, DE"), ("dueren", "Düren, DE")),
    ],
)
def test_a_place_is_found_by_any_usual_name_in_any_spelling(api, typed, place):
    assert found(api, typed)[0] == place


def test_the_most_populous_comes_first_and_each_place_once(api):
    body = api.get(PLACES, {"search": "san", "limit": 50}).json()["places"]
    people = [place["population"] for place in body]
    assert len(body) == 50 and people == sorted(people, reverse=True)
    assert len({(place["latitude"], place["longitude"]) for place in body}) == 50


def test_a_name_is_found_by_its_start_alone(api):
    assert found(api, "aris", limit=50).count("Paris, FR") == 0
    assert found(api, "par", limit=50).count("Paris, FR") == 1


def test_ten_come_unless_another_limit_is_named(api):
    assert [len(found(api, "a", **limit)) for limit in ({}, {"limit": 1}, {"limit": 50})] == [10, 1, 50]


def test_all_34006_places_are_there_and_each_is_found_by_its_own_name():
    assert Place.objects.count() == 34_006
    keys: dict[int, list[bytes]] = {}
    for key, place in PlaceName.objects.values_list("key", "place"):
        keys.setdefault(place, []).append(bytes(key))
    own = ((pk, search.key_of(name)) for pk, name in Place.objects.values_list("pk", "name"))
    assert not [pk for pk, name in own if not any(key.startswith(name) for key in keys[pk])]


def test_the_table_is_what_its_script_makes_of_a_place():
    munich = {
        "name": "Munich",
        "countrycode": "DE",
        "population": 1_505_005,
        "alternatenames": ["MUC", "München", "Muenchen", "Munich", "Munichen", "mu ni hei", "慕尼黑", ""],
    }
    assert build_places.names(munich) == ["muenchen", "munchen", "munichen", "慕尼黑"]
    assert build_places.names(munich | {"population": 20_000}) == ["muenchen", "munchen", "munichen"]


# ── bad input ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "at_fault"),
    [
        ("", {"search": "is missing"}),
        *((f"search={blank}", {"search": "is empty"}) for blank in ("", "%20", "+", "%09%0d%0a", "%E3%80%80%C2%A0")),
        ("search=a&search=b", {"search": "must be given once"}),
        ("search=" + "a" * 101, {"search": "must have at most 100 characters"}),
        ("search=" + "a" * 5000, {"search": "must have at most 100 characters"}),
        ("search=" + "%F0%9F%98%80" * 5000, {"search": "must have at most 100 characters"}),
        ("search=a&limit=5&limit=5", {"limit": "must be given once"}),
        *(
            (f"search=a&limit={limit}", {"limit": "must be a whole number from 1 to 50"})
            for limit in ("", "0", "51", "-1", "07", "5.0", "%2B5", "٣", "1e1", "5%20", "9" * 5000)
        ),
        ("limit=x", {"search": "is missing", "limit": "must be a whole number from 1 to 50"}),
        ("latitude=48.14&longitude=11.58", {"search": "is missing"}),
    ],
    ids=lambda text: str(text)[:40],
)
def test_a_question_that_makes_no_sense_is_refused(api, query, at_fault):
    response = api.get(f"{PLACES}?{query}")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert {error["parameter"]: error["detail"] for error in response.json()["errors"]} == at_fault


@pytest.mark.parametrize(
    "hostile",
    [
        *("%27%3B%20DROP%20TABLE%20prewarm_place%3B--", "%25", "_", "%25par", "_ar", "*", "[a]", "%5C", "%22"),
        *("%00", "par%00"),
        *("%F0%9F%98%80", "%E2%80%AEsirap", "%D8%A7%D9%84%D9%84%D9%87%20%D9%84%D8%A7", "%ED%A0%80", "%ff%fe", "%CC%81"),
        *("-", "...", "%0d%0aSet-Cookie:x", "%3Cscript%3Ealert(1)%3C/script%3E", "%EF%B7%BA" * 100),
        "\u200b" * 100,
    ],
)  # fmt: skip
def test_hostile_text_finds_nothing_and_breaks_nothing(api, hostile):
    response = api.get(f"{PLACES}?search={hostile}")
    assert (response.status_code, response.json()["places"]) == (200, [])
    assert found(api, "par")[0] == "Paris, FR"


@pytest.mark.parametrize("text", ["\ud800", "par\udfff", "\x00", "\U0010ffff"])
def test_what_is_no_text_has_a_key_all_the_same(text):
    assert search.find(search.key_of(text), 10).startswith(b'{"places":[],')


# ── like every API answer ─────────────────────────────────────────────────────────────────────────


def test_an_answer_may_be_kept_by_caches_and_a_phone_that_has_it_gets_304(api):
    first = api.get(PLACES, {"search": "par"})
    assert first["Cache-Control"].startswith("public, max-age=3600,") and "Vary" not in first
    again = api.get(PLACES, {"search": "PÂR"}, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])


def test_every_search_is_counted(api, settings):
    settings.RATE_LIMIT_REQUESTS = 2
    answers = [api.get(PLACES, {"search": text}) for text in ("par", "", "par")]
    assert [answer.status_code for answer in answers] == [200, 400, 429]


def test_head_slash_and_options(api):
    got = api.get(f"{PLACES}?search=par")
    assert api.get(f"{PLACES}/?search=par").content == got.content
    head = api.head(f"{PLACES}?search=par")
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", got["ETag"])
    assert api.options(PLACES)["Allow"] == "GET, HEAD, OPTIONS"
    assert (api.post(PLACES).status_code, api.post(PLACES).json()["code"]) == (405, "method_not_allowed")


def test_no_key_in_redis_comes_of_a_search(api, valkey):
    api.get(PLACES, {"search": "par"})
    assert {key.split(":")[0] for key in valkey.keys("*")} == {"rate_limit"}


def test_the_schema_shows_it_with_an_example(api):
    described = api.get("/api/v1/schema").json()["paths"][PLACES]["get"]
    assert set(described["responses"]) == {"200", "304", "400", "405", "429", "500", "503"}
    assert set(api.get(PLACES, {"search": "par"}).json()) == set(views._EXAMPLE)
    example = described["responses"]["200"]["content"]["application/json"]["examples"]["Munich"]["value"]
    assert api.get(PLACES, {"search": "mün", "limit": 1}).json() == example


# ── the database ──────────────────────────────────────────────────────────────────────────────────


def test_a_search_reads_an_index_and_asks_the_database_once(api, monkeypatch):
    queries = []

    def captured(key, limit):
        # In the thread that asks.
        with CaptureQueriesContext(connection) as seen:
            answer = search.find(key, limit)
        queries.extend(seen.captured_queries)
        return answer

    monkeypatch.setattr(search.places(), "load", captured)
    first = api.get(PLACES, {"search": "par"})
    again = api.get(PLACES, {"search": "Par"})
    assert len(queries) == 1 and again.content == first.content
    plan = connection.cursor().execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}").fetchall()
    assert "SEARCH U0 USING COVERING INDEX place_by_name (key>? AND key<?)" in str(plan)
    assert "SCAN" not in str(plan)


class Broken:
    """A database that fails, or hangs until it is let go; and a clock."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 0.0
        self.go = threading.Event()

    def fails(self, key: bytes, limit: int) -> bytes:
        self.asked += 1
        raise OperationalError("gone")

    def hangs(self, key: bytes, limit: int) -> bytes:
        self.asked += 1
        self.go.wait(60)
        return b"late"


@pytest.fixture
def broken() -> Broken:
    return Broken()


def test_without_the_database_what_was_asked_before_is_still_answered(api, broken, monkeypatch):
    first = api.get(PLACES, {"search": "par"})
    monkeypatch.setattr(search.places(), "load", broken.fails)
    assert api.get(PLACES, {"search": "par"}).content == first.content
    other = api.get(PLACES, {"search": "lon"})
    assert (other.status_code, other.json()["code"]) == (503, "upstream_unavailable")
    assert int(other["Retry-After"]) > 0 and other["Cache-Control"] == "no-store"


def test_a_database_that_failed_is_left_alone_for_a_while_and_found_again(api, broken, monkeypatch):
    known = search.places()
    monkeypatch.setattr(known, "load", broken.fails)
    monkeypatch.setattr(database_reader.reader(), "now", lambda: broken.now)
    assert {api.get(PLACES, {"search": "par"}).status_code for _ in range(5)} == {503} and broken.asked == 1
    monkeypatch.setattr(known, "load", search.find)
    broken.now = database_reader.REST_SECONDS
    assert found(api, "par")[0] == "Paris, FR"


def problem_of(known: search.Places, text: str) -> str:
    with pytest.raises(Problem) as problem:
        known.answer(text, 10)
    return problem.value.code


def test_a_database_that_hangs_takes_a_few_threads_and_refuses_the_others_at_once(broken):
    known = search.Places(broken.hangs, database_reader.Reader().read)
    most = database_reader.READERS + database_reader.WAITERS
    with ThreadPoolExecutor(most) as pool:
        asked = [pool.submit(problem_of, known, f"par{number}") for number in range(most)]
        eventually(lambda: broken.asked == database_reader.READERS)
        assert problem_of(known, "lon") == "overloaded"
        assert {one.result() for one in asked} == {"upstream_unavailable"}
    broken.go.set()


def test_over_a_database_that_answers_everybody_waits_for_a_place():
    asks = database_reader.Reader(most_waiting=1)

    def slowly(key: bytes, limit: int) -> bytes:
        time.sleep(0.01)
        return key

    known = search.Places(slowly, asks.read)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda at: known.answer(f"par{at}", 10), range(40)))
    assert answers == [b"par%d" % at for at in range(40)]


@pytest.mark.parametrize("threads", [4, 13])
def test_forty_searches_at_once_are_all_answered(tmp_path, valkey, valkey_server, simulator, threads):
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}
    few = {"WORKERS": 1, "THREADS": threads, "RATE_LIMIT_REQUESTS": 100_000}
    with Instance(tmp_path, **few, **servers) as instance, ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda at: instance.get(f"{PLACES}?search=p{at}", timeout=60), range(40)))
    assert {answer.status_code for answer in answers} == {200}


@pytest.fixture
def line(monkeypatch):
    """The database's end of a connection that the reader keeps, and the reader's."""
    ours, theirs = socket.socketpair()
    kept = SimpleNamespace(connection=ours, is_usable=lambda: True)
    monkeypatch.setattr(database_reader, "connection", kept)
    with ours, theirs:
        yield theirs, ours


def test_a_query_that_has_ended_cuts_no_connection(line):
    reading = database_reader._Reading(set())
    reading.run(lambda: "found")
    reading.cut()
    line[0].sendall(b"the next query's answer")
    assert line[1].recv(100) == b"the next query's answer"


def test_a_query_that_runs_is_cut(line):
    reading = database_reader._Reading(set())
    reading.run(reading.cut)
    assert line[1].recv(100) == b""


def test_after_one_has_waited_in_vain_nobody_waits(broken, monkeypatch):
    monkeypatch.setattr(database_reader, "WAIT_SECONDS", 0.05)
    asks = database_reader.Reader(now=lambda: broken.now)
    known = search.Places(broken.hangs, asks.read)
    assert {problem_of(known, f"par{number}") for number in range(5)} == {"upstream_unavailable"} and broken.asked == 1
    broken.go.set()
    broken.now = database_reader.REST_SECONDS
    eventually(lambda: known.answer("lon", 10) == b"late")


def test_a_database_that_is_really_gone_is_503(tmp_path, valkey, valkey_server, simulator):
    with Instance(tmp_path, REDIS_URL=valkey_server.url, OPEN_METEO_URL=simulator.url, WORKERS=1) as instance:
        assert search_over_the_wire(instance, "par") == "Paris"
        (tmp_path / "db.sqlite3").write_bytes(b"this was a database")
        assert search_over_the_wire(instance, "par") == "Paris"
        assert instance.get(f"{PLACES}?search=lon").status_code == 503
        assert instance.get(f"{PLACES}?lat=48.14&lon=11.58").json()["places"][0]["name"] == "Munich"
        assert instance.get("/api/v1/weather?lat=1&lon=1").status_code == 200


def search_over_the_wire(instance: Instance, text: str) -> str:
    name: str = instance.get(f"{PLACES}?search={text}").json()["places"][0]["name"]
    return name
