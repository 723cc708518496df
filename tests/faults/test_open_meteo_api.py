"""/v1/forecast under hostile clients: what is refused at /api/v1 is refused here too, in Open-Meteo's shape."""

import re
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support.throttled import ask
from tests.weather.api.test_bad_input import KEY, NOT_A_POSITION

pytest_plugins = ["tests.support.throttled"]

PATH = "/v1/forecast"
QUESTION = f"{PATH}?latitude=40.7128&longitude=-74.0060&current=temperature_2m"


def reason_of(response, status: int) -> str:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json; charset=utf-8" and response["Cache-Control"] == "no-store"
    body = response.json()
    assert set(body) == {"error", "reason"} and body["error"] is True
    return body["reason"]


@pytest.mark.parametrize("text", NOT_A_POSITION, ids=lambda text: ascii(text[:20]))
@pytest.mark.parametrize("parameter", ["latitude", "longitude"])
def test_what_is_no_position_is_refused_and_nothing_is_fetched(api, simulator, valkey, parameter, text):
    reason = reason_of(api.get(PATH, {"latitude": "1", "longitude": "1"} | {parameter: text}), 400)
    assert parameter in reason.lower() and reason.isprintable() and len(reason) < 300
    assert simulator.state()["calls"] == 0
    assert [key.split(":")[0] for key in valkey.keys("*")] == ["rate_limit"]


@pytest.mark.parametrize("position", ["-3.1e-6", "5E-2", "1e1", "-0.0", "040.7", "1e-999"])
def test_odd_spellings_of_a_position_are_positions(api, position):
    assert api.get(PATH, {"latitude": position, "longitude": position}).status_code == 200


@pytest.mark.parametrize(
    ("spellings", "cell"),
    [
        (("-0.0", "-0.04", "0.04"), "lat:0.0:lon:1.0"),
        (("90", "-90"), None),
        (("40.7128", "40.74999"), "lat:40.7:lon:1.0"),
    ],
)
def test_cells_are_those_of_the_api(api, valkey, spellings, cell):
    for latitude in spellings:
        assert api.get(PATH, {"latitude": latitude, "longitude": "1"}).status_code == 200
    held = {key.removeprefix("upstream:") for key in valkey.keys("upstream:lat*")}
    assert held == ({cell} if cell else {"lat:90.0:lon:1.0", "lat:-90.0:lon:1.0"})


def test_both_sides_of_the_antimeridian_are_one_cell(api, valkey):
    for longitude in ("180", "-180", "179.99"):
        assert api.get(PATH, {"latitude": "1", "longitude": longitude}).status_code == 200
    assert valkey.keys("upstream:lat*") == ["upstream:lat:1.0:lon:-180.0"]


@pytest.mark.parametrize("name", ["forecast_days", "timeformat", "format", "temperature_unit", "cell_selection"])
def test_what_is_no_list_must_not_be_repeated(api, name):
    assert "must be given once" in reason_of(api.get(f"{QUESTION}&{name}=&{name}="), 400)


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED-FOR", "HTTP_FORWARDED"])
def test_a_spoofed_address_does_not_help(limited, header):
    answers = [limited.get(QUESTION, **{header: f"203.0.113.{number}"}).status_code for number in range(62)]
    assert answers.count(200) == 60 and answers[60:] == [429, 429]


def test_rotated_client_ids_from_one_address_get_no_more_new_places(api, settings, forget):
    settings.COLD_SHARE_PER_ADDRESS = 0.001
    settings.UPSTREAM_HOUR_BUDGET = settings.UPSTREAM_DAY_BUDGET = 5000
    forget()
    paths = [f"{PATH}?latitude={number}&longitude=1" for number in range(20)]
    codes = [ask(api, f"phone-{number}", path).status_code for number, path in enumerate(paths)]
    assert codes[0] == 200 and 429 in codes
    assert ask(api, "another", paths[0]).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
def test_another_method_is_refused_and_counted_as_one_of_few(api, method):
    assert "is not allowed here" in reason_of(api.generic(method, QUESTION), 405)


@pytest.mark.parametrize(
    "path", ["/v1//forecast", "/v1/./forecast", "/v1/x/../forecast", "/v1/%2e/forecast", "/v1/other"]
)
def test_odd_paths_are_not_found(instance, path):
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", instance.base))
        prepared.url = f"{instance.base}{path}?latitude=1&longitude=1"
        assert session.send(prepared, timeout=10).status_code == 404


@pytest.mark.parametrize("headers", [{"x-client-id": ""}, {"x-client-id": "ü"}, {"x-client-id": "x" * 300}])
def test_an_odd_client_id_falls_back_to_the_address(api, headers):
    assert api.get(QUESTION, headers=headers).status_code == 200


def test_every_key_in_redis_has_its_pattern(api, valkey):
    for text in ("40.7:lon:1", "40.7\r\nSET x 1", "*", "40.7,51.5"):
        for name in ("latitude", "hourly", "timezone", "models", "apikey"):
            api.get(f"{QUESTION}&{name}={quote(text)}")
    assert all(KEY.fullmatch(key) or re.fullmatch(r"[a-z:{}_-]+(:\d+)?", key) for key in valkey.keys("*"))
    assert {key for key in valkey.keys("*") if "lat:" in key} == {"upstream:lat:40.7:lon:-74.0"}


NAMES = ["latitude", "longitude", "hourly", "daily", "timezone", "forecast_days", "models"]


@given(query=st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=20)), max_size=8))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_no_query_is_an_error_of_the_service(api, query):
    text = "&".join(f"{name}={quote(value)}" for name, value in query)
    response = api.get(f"{PATH}?{text}")
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        reason_of(response, 400)


def test_a_garbled_record_is_a_miss_and_fetched_once(api, simulator, valkey):
    api.get(QUESTION)
    (field,) = valkey.hkeys("upstream:lat:40.7:lon:-74.0")
    valkey.hset("upstream:lat:40.7:lon:-74.0", field, b"garbage")
    assert [api.get(QUESTION).status_code for _ in range(3)] == [200] * 3
    assert simulator.state()["calls"] == 2
