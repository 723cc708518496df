"""The short path through Django gives what the long one does."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from tests.support.redis.outage import round_trips
from weather.api.service import Service
from weather.api.views import CellViewSet
from weather.core.datasets import DATASETS
from weathernote.http.api_view import ApiViewSet
from weathernote.http.handler import SHORT_PATHS, Handler
from weathernote.telemetry import metrics

#: These differ from one request to the next.
ITS_OWN = ("X-Request-ID", "RateLimit")


@pytest.fixture(autouse=True)
def _at_one_moment():
    with time_machine.travel(datetime.now(UTC), tick=False):
        yield


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


PLAIN = "lat=40.7128&lon=-74.0060"


def test_a_hit_takes_none_of_drfs_steps_and_looks_as_if_it_had(api, monkeypatch):
    over_wsgi("/api/v1/weather", PLAIN)
    with monkeypatch.context() as patched:
        patched.setattr(CellViewSet, "answer_at_once", lambda request: None)
        of_drf = over_wsgi("/api/v1/weather", PLAIN)
    monkeypatch.setattr(ApiViewSet, "dispatch", None)
    at_once = over_wsgi("/api/v1/weather", PLAIN)
    assert at_once == of_drf and at_once[0] == "200 OK" and list(at_once[2]) == list(of_drf[2])
    known = over_wsgi("/api/v1/weather", PLAIN, HTTP_IF_NONE_MATCH=at_once[2]["ETag"])
    assert known[:2] == ("304 Not Modified", b"")


def test_a_hit_that_fails_goes_drfs_way_and_is_counted_once(api, monkeypatch, valkey):
    over_wsgi("/api/v1/weather", PLAIN)
    monkeypatch.setattr(Service, "answer", None)
    status, body, headers = over_wsgi("/api/v1/weather", PLAIN)
    assert status.startswith("500") and b"internal_error" in body and headers["RateLimit-Policy"]
    assert [valkey.get(key) for key in valkey.keys("rate_limit:*")] == ["2"]


def test_each_request_is_counted_once_and_looked_up_once(api, settings, valkey, monkeypatch):
    settings.RATE_LIMIT_REQUESTS = 2
    made = round_trips(monkeypatch)
    statuses = [over_wsgi("/api/v1/weather", PLAIN)[0][:3] for _ in range(3)]  # a miss, a hit, one too many
    (key,) = valkey.keys("rate_limit:*")
    assert statuses == ["200", "200", "429"] and valkey.get(key) == "3"
    assert sum(("GET", "weather:lat:40.7:lon:-74.0") in commands for commands in made) == 3


@pytest.mark.parametrize("path", sorted(SHORT_PATHS))
@pytest.mark.parametrize("query", ["lat=40.7128&lon=-74.0060", "lat=40.7128", "lon=-74&x=%FF&lat=4.07e1"])
def test_the_short_way_through_django_gives_what_the_long_one_does(api, path, query, no_database_to_look_after):
    over_wsgi(path, query)
    with time_machine.travel(datetime.now(UTC), tick=False):
        short, long = over_wsgi(path, query), over_wsgi(f"{path}/", query)
    if short[0] == "200 OK":
        assert short == long
    assert (short[0], short[2]) == (long[0], long[2])


def test_all_answers_about_cells_go_the_short_way():
    kinds = {kind.key for one in DATASETS for kind in one.kinds}
    assert {metrics.route_of(path) for path in SHORT_PATHS} == kinds | {"openmeteo", "graphql"}


def test_the_short_way_refuses_a_host_that_is_not_served(api):
    path = min(SHORT_PATHS)
    status, _, headers = over_wsgi(path, "lat=1&lon=1", HTTP_HOST="evil.example")
    assert (status, headers["Content-Type"]) == ("400 Bad Request", "application/problem+json")
