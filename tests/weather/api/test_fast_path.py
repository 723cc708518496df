"""A cached answer goes a short way; whichever way an answer goes, a phone gets the same bytes and headers."""

import io
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpResponse, QueryDict
from hypothesis import given
from hypothesis import strategies as st

from tests.support.servers import Valkey
from weather.api.query import plain_question_in, question_in
from weather.api.service import service
from weather.core import answers
from weather.core.answers import Question
from weather.core.cells import Cell
from weathernote import redis
from weathernote.http.handler import SHORT_PATHS, Handler
from weathernote.http.prerendered import BodilessRequest, PrerenderedResponse
from weathernote.http.problems import Problem

PATHS = ["/api/v1/weather?lat=40.7128&lon=-74.0060", "/api/v1/forecast?lat=40.7128&lon=-74.0060"]
QUESTIONS = {PATHS[0]: Question(Cell(407, -740)), PATHS[1]: Question(Cell(407, -740), 7)}
ITS_OWN = ("X-Request-ID", "RateLimit")


@pytest.fixture(autouse=True)
def _at_one_moment():
    with time_machine.travel(datetime.now(UTC), tick=False):
        yield


def shown(response):
    """The status, the body and the headers, without what differs from one request to the next."""
    headers = {name: value for name, value in response.headers.items() if name not in ITS_OWN}
    return response.status_code, response.content, headers


@pytest.mark.parametrize("path", PATHS)
def test_what_was_read_before_is_answered_as_what_is_read_anew(api, forget, path):
    api.get(path)
    known = api.get(path)
    forget()
    read, known_again = api.get(path), api.get(path)
    assert shown(read) == shown(known) == shown(known_again)
    assert read["Cache-Status"] == "weathernote; hit; ttl=600"


@pytest.mark.parametrize("path", PATHS)
def test_what_is_derived_is_answered_as_what_is_found(api, valkey, path):
    api.get(path)
    found = api.get(path)
    valkey.delete(QUESTIONS[path].key)
    assert shown(api.get(path)) == shown(found)


@pytest.mark.parametrize("path", PATHS)
def test_what_is_remembered_is_answered_as_what_is_found(tmp_path, api, settings, forget, path):
    server = Valkey(tmp_path)
    settings.CACHES["default"]["LOCATION"] = [server.url]
    forget()
    api.get(path)
    found = api.get(path)
    server.kill()
    assert shown(api.get(path)) == shown(found)


@pytest.mark.parametrize("path", PATHS)
def test_a_derived_answer_is_the_one_that_is_read_back(api, valkey, path):
    question = QUESTIONS[path]
    api.get(path)
    derived = redis.fetch_one(service().lookup(question)).answer
    (text,) = redis.execute(("GET", question.key))
    assert derived == answers.read(question, text, datetime.now(UTC).timestamp())


def test_other_bytes_under_a_known_name_are_read(api, valkey):
    api.get(PATHS[0])
    text = valkey.get(QUESTIONS[PATHS[0]].key).replace('"wind_speed_10m":', '"wind_speed_10m":1', 1)
    valkey.set(QUESTIONS[PATHS[0]].key, text, ex=600)
    assert api.get(PATHS[0]).content == text.encode()


def test_the_bytes_of_another_cell_under_a_known_name_are_no_answer(api, valkey):
    api.get(PATHS[0])
    api.get("/api/v1/weather?lat=51.5&lon=-0.1")
    valkey.set(QUESTIONS[PATHS[0]].key, valkey.get("weather:lat:51.5:lon:-0.1"), ex=600)
    assert api.get(PATHS[0]).json()["latitude"] == 40.7


# ── the server's side ─────────────────────────────────────────────────────────────────────────────


def over_wsgi(path, query, **headers):
    told: dict[str, Any] = {}
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO()}
    environ |= {"SERVER_NAME": "testserver", "SERVER_PORT": "80", "REMOTE_ADDR": "192.0.2.1", **headers}
    body = b"".join(Handler()(environ, lambda status, headers: told.update(status=status, headers=dict(headers))))
    for name in ITS_OWN:
        told["headers"].pop(name, None)
    return told["status"], body, told["headers"]


@pytest.fixture
def no_database_to_look_after():
    """As in Django's own test client: what another test left open is not looked after around a request."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.mark.parametrize("path", sorted(SHORT_PATHS))
@pytest.mark.parametrize("query", ["lat=40.7128&lon=-74.0060", "lat=40.7128", "lon=-74&x=%FF&lat=4.07e1"])
def test_the_short_way_through_django_gives_what_the_long_one_does(api, path, query, no_database_to_look_after):
    over_wsgi(path, query)
    with time_machine.travel(datetime.now(UTC), tick=False):
        short, long = over_wsgi(path, query), over_wsgi(f"{path}/", query)
    if short[0] == "200 OK":
        assert short == long
    assert (short[0], short[2]) == (long[0], long[2])


def test_the_short_way_refuses_a_host_that_is_not_served(api):
    path = min(SHORT_PATHS)
    status, _, headers = over_wsgi(path, "lat=1&lon=1", HTTP_HOST="evil.example")
    assert (status, headers["Content-Type"]) == ("400 Bad Request", "application/problem+json")


def set_by(made):
    return {name: value for name, value in vars(made).items() if name != "_stream"}


def test_a_request_without_a_body_is_made_as_django_makes_it():
    def environ():
        return {"PATH_INFO": "/api/v1/weather", "REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO(b"form")}

    ours, django_s = BodilessRequest(environ()), WSGIRequest(environ())
    for made in (ours, django_s):
        made.META.pop("wsgi.input")
        made.META.pop("SCRIPT_NAME", None)
    assert set_by(ours) == set_by(django_s)
    assert ours.read() == ours.read() == b""


def test_a_finished_response_is_made_as_django_makes_it():
    given = {"Content-Type": "application/json", "ETag": 'W/"1"'}
    ours, django_s = PrerenderedResponse(b"{}", given), HttpResponse(b"{}", headers=given)
    for made in (ours, django_s):
        made.headers["X-Request-ID"] = "1"
        made["age"] = "2"
        made["Age"] = "3"
    assert dict(ours.items()) == dict(django_s.items())
    assert ours.headers == django_s.headers and ours["etag"] == 'W/"1"'
    assert {**vars(ours), "headers": 0} == {**vars(django_s), "headers": 0}
    assert bytes(ours) == bytes(django_s)


# ── the query ─────────────────────────────────────────────────────────────────────────────────────


def slowly(query, days):
    try:
        return question_in(QueryDict(query), days)
    except Problem:
        return None


words = st.text("0123456789.-+eE%& =", max_size=9)
positions = st.decimals(-200, 200, places=5).map(str) | words
queries = st.tuples(positions, positions).map(lambda at: f"lat={at[0]}&lon={at[1]}") | st.lists(
    st.tuples(st.sampled_from(["lat", "lon", "days", "x"]), positions), max_size=4
).map(urlencode)


@given(queries, st.sampled_from([None, 7]))
def test_a_query_that_is_read_quickly_is_read_alike(query, days):
    quick = plain_question_in(query, days)
    assert quick in (None, slowly(query, days))


def test_the_query_that_phones_send_is_read_quickly():
    assert plain_question_in("lat=40.7128&lon=-74.0060", 7) == QUESTIONS[PATHS[1]]
