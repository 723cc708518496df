"""API_CORS: whether pages of other origins may read the API."""

import pytest
import requests
from django.conf import settings as django_settings
from django.test import Client

from tests.support.servers import Instance

WEATHER = "/api/v1/weather?lat=40.7&lon=-74"
PAGE = {"Origin": "https://page.example"}
PREFLIGHT = PAGE | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-client-id"}


@pytest.fixture
def open_api(api, settings):
    """The API as API_CORS=1 makes it."""
    settings.MIDDLEWARE = [settings.MIDDLEWARE[0], "weathernote.http.cors.any_origin", *settings.MIDDLEWARE[1:]]
    client = Client(raise_request_exception=False)
    client.get(WEATHER)
    return client


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (WEATHER, 200),
        ("/api/v1/weather?lat=x", 400),
        ("/api/v1/nothing", 404),
        ("/api/v1/schema", 200),
        ("/v1/forecast?latitude=1&longitude=1", 200),
        ("/v1/forecast", 400),
    ],
)
def test_any_page_may_read_every_answer_of_the_api(open_api, path, status):
    response = open_api.get(path, headers=PAGE)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (status, "*")


def test_a_refusal_may_be_read_too(open_api, settings):
    settings.RATE_LIMIT_REQUESTS = 1
    response = open_api.get(WEATHER, headers=PAGE)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (429, "*")


def test_a_page_may_read_the_headers_that_clients_need(open_api):
    exposed = open_api.get(WEATHER, headers=PAGE)["Access-Control-Expose-Headers"].split(", ")
    needed = {"ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "Cache-Status", "X-Request-ID", "Age"}
    assert needed <= set(exposed)


def test_the_answer_does_not_vary_with_the_origin(open_api):
    with_origin, without = open_api.get(WEATHER, headers=PAGE), open_api.get(WEATHER)
    assert "Vary" not in with_origin and with_origin["ETag"] == without["ETag"]
    assert without["Access-Control-Allow-Origin"] == "*"


def test_a_page_may_send_a_client_id_and_a_validator(open_api):
    response = open_api.options(WEATHER, headers=PREFLIGHT)
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert {"x-client-id", "if-none-match"} <= set(response["Access-Control-Allow-Headers"].split(", "))


@pytest.mark.parametrize("path", ["/api/v1/graphql", "/api/v1/graphql/"])
def test_a_page_may_post_a_query(open_api, path):
    asked = PREFLIGHT | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    response = open_api.options(path, headers=asked)
    assert "POST" in response["Access-Control-Allow-Methods"].split(", ")
    assert {"content-type", "x-client-id"} <= set(response["Access-Control-Allow-Headers"].split(", "))
    answer = open_api.post(path, {"query": "{ __typename }"}, content_type="application/json", headers=PAGE)
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")


def test_a_preflight_counts_against_nothing(open_api, valkey):
    valkey.flushall()
    open_api.options(WEATHER, headers=PREFLIGHT)
    assert valkey.keys("*") == []


@pytest.mark.parametrize("path", ["/health", "/admin/login/", "/metrics"])
def test_what_is_no_part_of_the_api_stays_closed(open_api, path, db):
    assert "Access-Control-Allow-Origin" not in open_api.get(path, headers=PAGE)


def test_without_the_setting_no_page_may_read_anything(api):
    assert not any("cors" in name for name in django_settings.MIDDLEWARE)
    assert "Access-Control-Allow-Origin" not in api.get(WEATHER, headers=PAGE)
    assert "Access-Control-Allow-Methods" not in api.options(WEATHER, headers=PREFLIGHT)


def test_the_setting_opens_the_api_of_an_instance(tmp_path, valkey, valkey_server, simulator):
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator.url}
    with Instance(tmp_path, WORKERS=1, API_CORS=1, **servers) as instance:
        answer = instance.get(WEATHER, headers=PAGE)
        preflight = requests.options(instance.base + WEATHER, headers=PREFLIGHT, timeout=10)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert preflight.status_code == 204 and "x-client-id" in preflight.headers["Access-Control-Allow-Headers"]
