"""/api/v1/cities: found in Redis, read from the database where it must be, served when either is gone."""

import json
import threading
import time

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from prewarm.cities import listing, views
from prewarm.cities.cities_cache import KEY, WAITERS, CitiesCache
from prewarm.cities.models import City
from tests.support.servers import Instance, eventually
from weather.places.fold import fold
from weathernote import redis
from weathernote.http.database_reader import Reader

CITIES = "/api/v1/cities"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch):
    # What a test changes is seen by its own thread alone.
    monkeypatch.setattr(Reader, "read", lambda self, query: query())
    views.cities_cache.cache_clear()
    yield
    views.cities_cache.cache_clear()


def names(response) -> list[str]:
    return [city["name"] for city in response.json()["cities"]]


def break_database(monkeypatch):
    def gone():
        raise OperationalError("gone")

    monkeypatch.setattr(views.cities_cache(), "load", gone)


def test_the_cities_come_in_staffs_order_with_their_attribution(api):
    City.objects.filter(name="Berlin").update(order=1)
    body = api.get(CITIES).json()
    assert [city["name"] for city in body["cities"][:2]] == ["Berlin", "Shanghai"]
    assert body["cities"][0] == {
        "name": "Berlin",
        "country": "DE",
        "latitude": 52.52437,
        "longitude": 13.41053,
        "timezone": "Europe/Berlin",
        "population": 3426354,
    }
    assert len(body["cities"]) == 100
    assert "GeoNames" in body["attribution"]


def test_a_city_that_is_not_active_is_not_shown(api):
    City.objects.filter(name="Berlin").update(active=False)
    assert "Berlin" not in names(api.get(CITIES))


def test_the_database_is_read_once_and_redis_after_that(api, valkey):
    first = api.get(CITIES)
    with CaptureQueriesContext(connection) as queries:
        second = api.get(CITIES)
    assert len(queries) == 0
    assert first["Cache-Status"] == "weathernote; fwd=miss; stored"
    assert second["Cache-Status"].startswith("weathernote; hit; ttl=")
    assert valkey.get(KEY) == first.content.decode() == second.content.decode()
    assert valkey.ttl(KEY) == pytest.approx(600, abs=2)
    assert not any("lat:" in key for key in valkey.keys("*"))


def test_an_answer_says_how_long_the_record_lives(api, valkey):
    api.get(CITIES)
    valkey.expire(KEY, 100)
    response = api.get(CITIES)
    assert response["Cache-Control"] in {
        f"public, max-age={life}, stale-while-revalidate=60, stale-if-error=3600" for life in (99, 100)
    }
    assert response["Content-Type"] == "application/json" and "Vary" not in response


def test_a_phone_that_has_the_list_gets_304(api):
    etag = api.get(CITIES)["ETag"]
    assert etag.startswith('W/"')
    response = api.get(CITIES, headers={"If-None-Match": etag})
    assert (response.status_code, response.content, response["ETag"]) == (304, b"", etag)
    assert api.get(f"{CITIES}?search=berlin", headers={"If-None-Match": etag}).status_code == 200


def test_every_answer_is_counted_like_any_other(api, valkey, settings):
    settings.RATE_LIMIT_REQUESTS = 2
    responses = [api.get(CITIES), api.get(f"{CITIES}?search="), api.get(CITIES)]
    assert [response.status_code for response in responses] == [200, 400, 429]
    assert [response["RateLimit"].split(";")[1] for response in responses] == ["r=1", "r=0", "r=0"]


def test_head_slash_and_options(api):
    got = api.get(CITIES)
    assert api.get(f"{CITIES}/").content == got.content
    head = api.head(CITIES)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", got["ETag"])
    assert api.options(CITIES)["Allow"] == "GET, HEAD, OPTIONS"
    assert (api.post(CITIES).status_code, api.post(CITIES).json()["code"]) == (405, "method_not_allowed")


# ── search ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("sao p", ["São Paulo"]),
        ("SÃO", ["São Paulo"]),
        ("bogota", ["Bogotá"]),
        ("Bogota\u0301", ["Bogotá"]),
        ("new york", ["New York City"]),
        ("xi'an", ["Xi’an"]),
        ("istanbul", ["Istanbul"]),
        ("İstanbul", ["Istanbul"]),
        ("nowhere", []),
    ],
)
def test_a_search_finds_names_whatever_their_case_and_accents(api, search, found):
    assert names(api.get(CITIES, {"search": search})) == found


def test_a_search_reads_no_database_once_redis_has_the_list(api):
    api.get(CITIES)
    with CaptureQueriesContext(connection) as queries:
        assert names(api.get(f"{CITIES}?search=par")) == []
        assert names(api.get(f"{CITIES}?search=ber")) == ["Berlin"]
    assert len(queries) == 0


def test_a_search_answers_in_staffs_order(api):
    found = names(api.get(f"{CITIES}?search=an"))
    assert found == [name for name in names(api.get(CITIES)) if "an" in fold(name)] and len(found) > 5


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        *((f"search={blank}", "is empty") for blank in ("", "%20", "+", "%09%0d%0a", "%E3%80%80%C2%A0")),
        ("search=a&search=b", "must be given once"),
        ("search=" + "a" * 101, "must have at most 100 characters"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(api, query, detail):
    response = api.get(f"{CITIES}?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
    assert response.json()["errors"] == [{"parameter": "search", "detail": detail}]


@pytest.mark.parametrize(
    "search",
    ["%00", "%ff", "%F0%9F%98%80", "%CC%81", "%", "[", "*", "%22", "%ED%A0%80", "%EF%B7%BA" * 99],
)
def test_odd_searches_find_nothing(api, search):
    response = api.get(f"{CITIES}?search={search}")
    assert (response.status_code, names(response)) == (200, [])


def test_names_of_any_letters_come_back_as_they_are(api):
    City.objects.create(
        name='Ærø "北京" <b>', country="DK", latitude="54.9", longitude="10.4", timezone="Europe/Berlin"
    )
    assert names(api.get(CITIES, {"search": "aero"})) == ['Ærø "北京" <b>']


# ── what staff change ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "change",
    [
        lambda city: city.save(),
        lambda city: city.delete(),
        lambda city: City.objects.filter(pk=city.pk).update(active=False),
        lambda city: City.objects.filter(pk=city.pk).delete(),
    ],
)
def test_whatever_staff_change_is_seen_at_once(api, valkey, change, django_capture_on_commit_callbacks):
    api.get(CITIES)
    with django_capture_on_commit_callbacks(execute=True):
        change(City.objects.get(name="Berlin"))
        assert valkey.exists(KEY)  # what is not committed is not seen
    assert not valkey.exists(KEY)


def test_a_list_that_was_read_before_staff_saved_is_not_kept_after_it(
    api, valkey, monkeypatch, django_capture_on_commit_callbacks
):
    def read_while_staff_save():
        listed = views._loaded()
        with django_capture_on_commit_callbacks(execute=True):
            City.objects.filter(name="Berlin").update(active=False)
        return listed

    monkeypatch.setattr(views.cities_cache(), "load", read_while_staff_save)
    late = api.get(CITIES)
    assert "Berlin" in names(late) and late["Cache-Status"] == "weathernote; fwd=miss"
    monkeypatch.setattr(views.cities_cache(), "load", views._loaded)
    assert "Berlin" not in names(api.get(CITIES))


def test_two_processes_that_read_at_once_both_answer(api, valkey, monkeypatch):
    inner, other = [], CitiesCache(views._loaded)

    def read_while_another_reads():
        inner.append(other.answer(redis.fetch_one(other.lookup())))
        return views._loaded()

    monkeypatch.setattr(views.cities_cache(), "load", read_while_another_reads)
    outer = api.get(CITIES)
    assert outer.content == inner[0].listing.text and not inner[0].is_stored
    assert outer["Cache-Status"] == "weathernote; fwd=miss; stored"


# ── when things break ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", ["garbage", "", '{"cities":[]}', '{"cities":[1],"attribution":"x"}', "[]"])
def test_a_corrupt_record_is_replaced(api, valkey, value):
    valkey.set(KEY, value)
    assert len(names(api.get(CITIES))) == 100
    assert json.loads(valkey.get(KEY))["cities"]


def test_without_a_database_the_record_in_redis_serves(api, monkeypatch):
    api.get(CITIES)
    break_database(monkeypatch)
    assert len(names(api.get(CITIES))) == 100


def test_without_database_and_record_what_the_process_saw_serves_as_stale(api, valkey, monkeypatch):
    api.get(CITIES)
    valkey.delete(KEY)
    break_database(monkeypatch)
    response = api.get(CITIES)
    assert len(names(response)) == 100
    assert response["Cache-Status"] == "weathernote; fwd=stale"
    assert response["Cache-Control"].startswith("public, max-age=60,")


def test_with_nothing_at_all_it_is_503_in_the_one_shape(api, monkeypatch):
    break_database(monkeypatch)
    response = api.get(CITIES)
    assert (response.status_code, response["Content-Type"]) == (503, "application/problem+json")
    assert response.json()["code"] == "upstream_unavailable"
    assert int(response["Retry-After"]) > 0 and response["Cache-Control"] == "no-store"


def test_a_database_that_is_really_gone_takes_nothing_with_it(tmp_path, valkey, valkey_server, simulator):
    with Instance(tmp_path, REDIS_URL=valkey_server.url, OPEN_METEO_URL=simulator.url, WORKERS=1) as instance:
        valkey.delete(KEY)
        (tmp_path / "db.sqlite3").write_bytes(b"this was a database")
        assert instance.get(CITIES).status_code == 503
        assert instance.get("/api/v1/weather?lat=1&lon=1").status_code == 200
        valkey.set(KEY, listing.compose([{"name": "Oslo"}]).text, ex=60)
        assert names(instance.get(CITIES)) == ["Oslo"]


def test_a_broken_database_is_left_alone_for_a_while_and_found_again(api, monkeypatch):
    tried = []

    def gone():
        tried.append(1)
        raise OperationalError("gone")

    cache, now = views.cities_cache(), [time.time()]
    monkeypatch.setattr(cache, "load", gone)
    monkeypatch.setattr(cache, "now", lambda: now[0])
    assert {api.get(CITIES).status_code for _ in range(5)} == {503} and len(tried) == 1
    monkeypatch.setattr(cache, "load", views._loaded)
    statuses = []
    for _ in range(7):  # traffic does not keep it from being tried again
        now[0] += 1
        statuses.append(api.get(CITIES).status_code)
    assert statuses == [503] * 4 + [200] * 3


def test_a_database_that_hangs_takes_one_thread_alone(api, monkeypatch):
    cache, go, readers = views.cities_cache(), threading.Event(), []

    def hangs():
        readers.append(1)
        go.wait(60)
        return listing.compose([])

    monkeypatch.setattr(cache, "load", hangs)
    monkeypatch.setattr("prewarm.cities.cities_cache.WAIT_SECONDS", 0.1)
    first = threading.Thread(target=lambda: api.get(CITIES))
    first.start()
    eventually(lambda: readers)
    assert {api.get(CITIES).status_code for _ in range(3)} == {503}
    go.set()
    first.join()
    assert len(readers) == 1


def test_of_many_who_have_nothing_to_show_a_few_wait_and_the_others_are_refused_at_once(api, monkeypatch):
    go, codes = threading.Event(), []

    def hangs():
        go.wait(10)
        return listing.compose([])

    monkeypatch.setattr(views.cities_cache(), "load", hangs)
    threads = [threading.Thread(target=lambda: codes.append(api.get(CITIES).json().get("code"))) for _ in range(9)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(codes) == len(threads) - 1 - WAITERS)
    assert set(codes) == {"overloaded"}
    go.set()
    for thread in threads:
        thread.join()
    assert codes.count(None) == 1 + WAITERS


def test_what_is_no_text_under_the_name_is_replaced(api, valkey):
    valkey.lpush(KEY, "of another kind")
    assert api.get(CITIES).status_code == 200
    assert valkey.type(KEY) == "string" and valkey.ttl(KEY) > 0


def test_without_redis_the_process_answers_and_reads_the_database_once(api, settings, forget):
    settings.CACHES["default"]["LOCATION"] = ["redis://127.0.0.1:1/0"]
    forget()
    first = api.get(CITIES)
    with CaptureQueriesContext(connection) as queries:
        again = api.get(CITIES)
    assert first["Cache-Status"] == "weathernote; fwd=miss" and again.content == first.content
    assert len(queries) == 0


def test_many_at_once_get_the_same_list(api, valkey):
    api.get(CITIES)
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(api.get(CITIES).content)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(statuses)) == 1 and len(statuses) == 8


def test_the_schema_shows_it_with_an_example(api):
    described = api.get("/api/v1/schema").json()["paths"][CITIES]["get"]
    assert set(described["responses"]) == {"200", "304", "400", "405", "429", "500", "503"}
    content = described["responses"]["200"]["content"]["application/json"]
    assert content["examples"]["Tokyo"]["value"]["cities"][0]["name"] == "Tokyo"
