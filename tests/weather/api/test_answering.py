"""Read, remembered, derived or found: a phone gets the same bytes and headers."""

from datetime import UTC, datetime

import pytest
import time_machine

from tests.support.servers import Valkey
from weather.api.service import service
from weather.core import answers
from weather.core.answers import Question
from weather.core.cells import Cell
from weather.core.datasets import WEATHER
from weathernote import redis

PATHS = ["/api/v1/weather?lat=40.7128&lon=-74.0060", "/api/v1/forecast?lat=40.7128&lon=-74.0060"]
QUESTIONS = {PATHS[0]: Question(WEATHER, Cell(407, -740)), PATHS[1]: Question(WEATHER, Cell(407, -740), 7)}
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
