"""Fault 81: depth, aliases, circles of fragments, 10 MB and introspection storms cost bounded time and memory."""

import gc
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice, product
from string import ascii_lowercase
from time import monotonic

import pytest
import requests
from graphql import get_introspection_query

from tests.faults.test_bodies import begun
from tests.support.servers import Instance, eventually
from weather.graphql import views
from weather.graphql.documents.document_cache import MOST_BYTES, Document, Documents, read
from weather.graphql.execution import operation
from weathernote.telemetry.usage import own_bytes

URL = "/api/v1/graphql"
WEATHER = "weather(lat: 1, lon: 2)"
CIRCLE = f"{{ {WEATHER} {{ ...A }} }} fragment A on Weather {{ ...B }} fragment B on Weather {{ ...A }}"
#: Each fragment spreads the next twice: a million fields in 20 lines.
DOUBLING = f"{{ {WEATHER} {{ ...F0 }} }}" + " ".join(
    f"fragment F{at} on Weather {{ ...F{at + 1} ...F{at + 1} }}" for at in range(20)
) + " fragment F20 on Weather { stale cached }"  # fmt: skip
TYPES = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
HOSTILE = {
    "depth": ("{" + " a {" * 300, "Syntax Error"),
    "depth that can be read": ("{ a " * 100 + "b" + " }" * 100, "The query is 100 deep; 8 is the most."),
    "depth of lists": (f"{{ weatherAt(positions: {'[' * 3000}) {{ stale }} }}", "Syntax Error"),
    "aliases": ("{" + "".join(f" a{at}: __typename" for at in range(201)) + "}", "has 201 fields"),
    "cells": (
        "{" + "".join(f" a{at}: weather(lat: {at}, lon: 2) {{ stale }}" for at in range(21)) + "}",
        "21 cells; 20",
    ),
    "searches": ("{" + "".join(f' a{at}: places(search: "{at}") {{ name }}' for at in range(21)) + "}", "21 searches"),
    "a circle": (CIRCLE, "Fragment 'A' contains itself."),
    "a circle nobody uses": ("{ __typename } fragment A on Weather { ...A }", "Fragment 'A' contains itself."),
    "fragments that double": (DOUBLING, "fields, fragments included"),
    "words": ("{" + " a" * 4000 + "}", "Syntax Error: Document contains more than 2500 tokens."),
    "comments": ("#\n" * 4000 + "{ __typename }", "Syntax Error"),
    "one name again and again": (f"{{ {WEATHER} {{ current {{ {'x ' * 190} }} }} }}", "Cannot query field 'x'"),
    "directives": (f"{{ __typename {'@skip(if: false) ' * 200} }}", "can only be used once"),
    "types of types": (TYPES, "ask for each type by its name"),
    "a wide introspection": ("{ __schema { types {" + "".join(f" a{at}: name" for at in range(300)) + "} } }", "260"),
    "many introspections": (
        "{" + "".join(f" a{at}: __schema {{ types {{ name }} }}" for at in range(150)) + "}",
        "260",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused_with_a_clear_error(api, name):
    query, message = HOSTILE[name]
    response = api.post(URL, {"query": query}, content_type="application/json")
    assert response.status_code == 400 and message in response.json()["errors"][0]["message"]
    assert len(response.content) < 20_000


def test_each_is_refused_before_anything_that_takes_long(monkeypatch):
    def validate(*_: object, **__: object) -> None:
        raise AssertionError("it was validated")

    monkeypatch.setattr("weather.graphql.documents.document_cache.validate", validate)
    for name in ("depth that can be read", "aliases", "a circle", "fragments that double", "words", "types of types"):
        assert not isinstance(read(HOSTILE[name][0]), Document)


def test_the_usual_introspection_of_tools_is_answered(api):
    response = api.post(URL, {"query": get_introspection_query()}, content_type="application/json")
    names = {one["name"] for one in response.json()["data"]["__schema"]["types"]}
    assert {"Weather", "WeatherCurrent", "AirQuality", "Place"} <= names


def test_documents_are_remembered_within_their_bounds():
    documents = Documents(most=10, most_bytes=100_000)
    for number in range(50):
        documents.read(f"{{ a{number}: __typename }}", str(number))
    assert len(documents) == 10 and documents.known("49") and not documents.known("0")
    documents.read("{" + " ".join(f"a{number}: __typename" for number in range(40)) + "}", "long")
    assert len(documents) < 10 and documents.known("long")


def test_a_thousand_documents_take_little_memory():
    views.engine()
    documents = Documents()
    text = "{ a: weather(lat: %d, lon: 2) { current { time temperature2m weatherCode windSpeed10m isDay } } }"
    documents.read(text % 0, "first")
    before = own_bytes()
    for number in range(1000):
        document = documents.read(text % (number % 90), str(number))
        assert isinstance(document, Document)
        operation = document.operation(None)
        assert operation is not None
        operation.asked({})
    assert len(documents) == 512 and own_bytes() - before < 40_000_000


LETTERS = [a + b for a in ascii_lowercase for b in ascii_lowercase[:8]]
BY_VARIABLES = "query N%d ($a: Boolean!, $b: Boolean!, $c: Boolean!) {"
SKIPPED = " x: __typename @skip(if: $a) @include(if: $b) y: __typename @skip(if: $c)"
#: Documents that take the most of one kind of memory each.
HEAVY = {
    "a fragment that many spread": BY_VARIABLES
    + " ".join(f"{letter}: weather(lat: 1, lon: 1) {{ ...f }}" for letter in ascii_lowercase[:9])
    + f"{SKIPPED} }} fragment f on Weather {{ hourly {{ {' '.join(f'{letter}: time' for letter in LETTERS[:18])} }} }}",
    "fields about cells": BY_VARIABLES
    + " ".join(f"{letter}: weather(lat: 1, lon: 1) {{ daily {{ time }} }}" for letter in LETTERS[:65])
    + f"{SKIPPED} }}",
    "long names": BY_VARIABLES
    + " ".join(f"{letter}: weather(lat: 1, lon: 1) {{ ...f }}" for letter in LETTERS[:90])
    + f"{SKIPPED} }} fragment f on Weather {{ {'z' * 200}: stale }}",
    "operations": "query N%d { __typename } "
    + " ".join(f"query {letter} {{ __typename }}" for letter in LETTERS[:180]),
}


@pytest.mark.parametrize("kind", HEAVY)
def test_documents_that_are_made_to_take_memory_are_bounded(kind):
    """A tenth of what is remembered, each compiled for all cases."""
    documents, text = Documents(most_bytes=MOST_BYTES // 10), HEAVY[kind]
    assert isinstance(documents.read(text % 0, "first"), Document)
    tracemalloc.start()
    try:
        for number in range(3):
            document = documents.read(text % number, str(number))
            assert isinstance(document, Document)
            named = document.operation(f"N{number}")
            assert named is not None
            for case in islice(product((True, False), repeat=3), operation.MOST_CASES):
                named.asked(dict(zip("abc", case, strict=True)))
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    print(f"{len(documents)} documents with {kind} take {taken:,} bytes")
    assert taken < 20_000_000 // 10


def test_texts_about_the_schema_are_remembered_within_their_bounds():
    names = " ".join(f"a{number}: description" for number in range(250))
    document = read(f"{{ __schema {{ types {{ {names} }} }} }}")
    assert isinstance(document, Document)
    held = operation._introspections
    for _ in range(2):
        named = document.operation(None)
        assert named is not None and isinstance(named.asked({}), operation.Asked)
    assert held._bytes <= held.most_bytes == 1_000_000


def test_only_a_few_read_documents_at_a_time(api, monkeypatch):
    let_go, began = threading.Event(), threading.Semaphore(0)

    def slow(text: str) -> Document:
        began.release()
        let_go.wait(20)
        return read("{ __typename }")  # type: ignore[return-value]

    monkeypatch.setattr("weather.graphql.documents.document_cache.read", slow)
    monkeypatch.setattr("weather.graphql.turns.WAIT_SECONDS", 0.05)
    documents = Documents()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(documents.read, "{ __typename }", str(number)) for number in range(2)]
        assert began.acquire(timeout=10) and began.acquire(timeout=10)
        response = api.post(URL, {"query": "{ a: __typename }"}, content_type="application/json")
        let_go.set()
        assert all(isinstance(one.result(), Document) for one in waiting)
    assert response.status_code == 503 and response.json()["errors"][0]["extensions"]["code"] == "overloaded"


# ── before a real server ──────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def small(tmp_path_factory, valkey_server, simulator_server):
    """An instance of one worker with 16 threads."""
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    lifted = {"RATE_LIMIT_REQUESTS": 100_000}
    with Instance(tmp_path_factory.mktemp("small"), WORKERS=1, THREADS=16, **servers, **lifted) as started:
        started.get("/api/v1/weather?lat=40.7&lon=-74.0")
        yield started


def post(instance: Instance, query: str) -> requests.Response:
    return requests.post(instance.base + URL, json={"query": query}, timeout=30)


def test_ten_megabytes_are_refused_unread(small):
    with small.connect() as connection:
        head = f"POST {URL} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 10000000\r\n\r\n{{".encode())
        answer = connection.recv(5000)
    assert answer.startswith(b"HTTP/1.1 400") and b"body has more than 16 kB" in answer


def test_a_storm_of_introspections_leaves_weather_and_memory_as_they_are(small):
    def of_number(number: int) -> requests.Response:
        return post(small, get_introspection_query().replace("IntrospectionQuery", f"Storm{number}"))

    of_number(0)
    with ThreadPoolExecutor(8) as pool:
        storm = pool.map(of_number, range(1, 41))
        weather = [small.get("/api/v1/weather?lat=40.7&lon=-74.0").status_code for _ in range(20)]
        statuses = {answer.status_code for answer in storm}
    assert weather == [200] * 20 and statuses <= {200, 503}


def test_bodies_that_drip_leave_threads_to_others_and_end_by_the_deadline(small):
    with ExitStack() as stack:
        connections = [stack.enter_context(begun(small, URL, 500)) for _ in range(60)]
        began = monotonic()
        assert [small.get("/api/v1/weather?lat=40.7&lon=-74.0").status_code for _ in range(5)] == [200] * 5
        for connection in connections:
            connection.settimeout(40)
        assert all(connection.recv(100).startswith(b"HTTP/1.1 ") for connection in connections)
        assert monotonic() - began < 40
    eventually(lambda: post(small, "{ __typename }").status_code == 200)
