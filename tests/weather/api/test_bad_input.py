"""What is no position, no number of days, no method or no path gets one clear problem and costs nothing."""

import re
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support.problems import problem_of

CODES = {
    "invalid_parameter",
    "not_found",
    "method_not_allowed",
    "rate_limited",
    "upstream_unavailable",
    "budget_exhausted",
    "overloaded",
    "internal_error",
}
KEY = re.compile(
    r"(weather:lat:-?\d+\.\d:lon:-?\d+\.\d(:units:imperial)?"
    r"|forecast:lat:-?\d+\.\d:lon:-?\d+\.\d:days:\d+(:units:imperial)?"
    r"|air_quality:lat:-?\d+\.\d:lon:-?\d+\.\d"
    r"|upstream:(air_quality:)?lat:-?\d+\.\d:lon:-?\d+\.\d"
    r"|rate_limit:hash:[0-9a-f]{8}"
    r"|rejected:(cells|air_quality)|budget:open-meteo|wanted:\{open-meteo\}:(air_quality:)?(\d+|asked)"
    r"|slot:\{open-meteo\}:\d+(:turn)?|popularity:(cells|air_quality|now|price|turn)"
    r"|popularity:hours:\d+|fetched:weather|runs:(models|lease|refresher|refreshed|evidence|probes)"
    r"|cold:(client|address):[0-9a-f]{8})"
)

NOT_A_POSITION = [
    *("NaN", "nan", "inf", "-inf", "Infinity", "1e400", "1e9", "٤٠.٧", "1_0", "40.7\u00a0", " 40.7", "40.7 ", "+40.7"),
    *("0x1", "40,7", "40.7,51.5", "4" * 5000, "40." + "7" * 5000, "40.", ".7", "-", "--1", "1e", "e1", "1e+5"),
    *("40.7:lon:1", "40.7\r\nSET x 1", "*", "40.7\n", "40.7\x00", "null", "true", "4 0", "９0", "-9O", "1e1000"),
]


@pytest.mark.parametrize("text", NOT_A_POSITION, ids=lambda text: ascii(text[:20]))
@pytest.mark.parametrize("parameter", ["lat", "lon"])
def test_what_is_no_position_is_refused_and_nothing_is_fetched(api, simulator, valkey, parameter, text):
    query = {"lat": "1", "lon": "1"} | {parameter: text}
    body = problem_of(api.get("/api/v1/weather", query), 400, "invalid_parameter")
    assert [error["parameter"] for error in body["errors"]] == [parameter]
    assert simulator.state()["calls"] == 0
    assert [key.split(":")[0] for key in valkey.keys("*")] == ["rate_limit"]


@pytest.mark.parametrize(
    ("query", "at_fault"),
    [
        ("", ["lat", "lon"]),
        ("lat=1", ["lon"]),
        ("lon=1", ["lat"]),
        ("lat=&lon=1", ["lat"]),
        ("lat=1&lat=1&lon=1", ["lat"]),
        ("lat=1&lon=1&lon=2", ["lon"]),
        ("lat=90.01&lon=-180.5", ["lat", "lon"]),
        ("lat=x&lon=y&days=z", ["lat", "lon", "days"]),
        ("lat=1&lon=1&days=", ["days"]),
        ("lat=1&lon=1&days=3&days=3", ["days"]),
        *(
            (f"lat=1&lon=1&days={days}", ["days"])
            for days in ("0", "11", "-1", "7.0", "%2B7", "07", "٣", "1e1", "7%20")
        ),
    ],
)
def test_every_parameter_at_fault_is_named(api, query, at_fault):
    body = problem_of(api.get(f"/api/v1/forecast?{query}"), 400, "invalid_parameter")
    assert [error["parameter"] for error in body["errors"]] == at_fault
    assert all(error["detail"] for error in body["errors"])


def test_unknown_parameters_are_ignored(api):
    assert api.get("/api/v1/weather?lat=1&lon=1&days=99&days=x&foo=bar&format=xml").status_code == 200


@pytest.mark.parametrize("position", ["-3.1e-6", "5E-2", "1e1", "-0.0", "040.7", "1e-999"])
def test_odd_spellings_of_a_position_are_positions(api, position):
    assert api.get("/api/v1/weather", {"lat": position, "lon": "1"}).status_code == 200


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(lat=st.text(max_size=30), lon=st.text(max_size=30))
def test_whatever_text_comes_the_answer_is_200_or_400_and_keys_keep_their_pattern(api, valkey, lat, lon):
    response = api.get(f"/api/v1/weather?lat={quote(lat, errors='replace')}&lon={quote(lon, errors='replace')}")
    assert response.status_code in (200, 400)
    assert all(KEY.fullmatch(key) for key in valkey.keys("*"))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "FOO"])
def test_other_methods_are_not_allowed(api, method, simulator):
    response = api.generic(method, "/api/v1/weather?lat=1&lon=1")
    problem_of(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert simulator.state()["calls"] == 0


def test_a_thousand_unknown_parameters_are_ignored_too(api):
    response = api.get("/api/v1/weather?lat=1&lon=1&" + "a=1&" * 1001)
    assert response.status_code == 200 and "RateLimit" in response


@pytest.mark.parametrize("path", ["/", "/health", "/api/v1/schema", "/api/v1/docs", "/api/v1/weather"])
def test_paths_that_are_only_read_say_so(api, path):
    for method in ("POST", "DELETE", "FOO"):
        response = api.generic(method, path)
        problem_of(response, 405, "method_not_allowed")
        assert response["Allow"] == "GET, HEAD, OPTIONS"
    allowed = api.options(path)
    assert (allowed.status_code, allowed["Allow"], allowed.content) == (204, "GET, HEAD, OPTIONS", b"")
    assert "Content-Length" not in allowed


@pytest.mark.parametrize("cookie", ["csrftoken=x", "sessionid=abc", "sessionid=", "messages=x"])
def test_a_cookie_leaves_a_public_answer_as_it_is(api, cookie):
    response = api.get("/api/v1/weather?lat=1&lon=1", headers={"Cookie": cookie})
    assert response.status_code == 200
    assert "Vary" not in response and not response.cookies


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/", "/api/v2/weather", "/api/v1/weather/7", "/api/v1/weather//"])
def test_unknown_paths_are_not_found(api, path):
    problem_of(api.get(path), 404, "not_found")


def test_a_fault_of_ours_is_a_problem_and_says_nothing_of_the_inside(api, monkeypatch):
    def broken(*args):
        raise RuntimeError("the secret inside")

    monkeypatch.setattr("weather.api.service.Service.answer", broken)
    response = api.get("/api/v1/weather?lat=1&lon=1")
    problem_of(response, 500, "internal_error")
    assert b"secret" not in response.content


def test_a_host_that_is_not_served_is_refused(api):
    body = problem_of(
        api.get("/api/v1/weather?lat=1&lon=1", headers={"Host": "evil.example"}), 400, "invalid_parameter"
    )
    assert body["errors"][0]["parameter"] == "Host"


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port"])
def test_forwarded_headers_change_nothing(api, header):
    response = api.get("/api/v1/weather?lat=1&lon=1", headers={header: "evil.example"})
    assert response.status_code == 200 and "evil" not in str(response.headers)


@pytest.mark.parametrize("sane", ["abc-123", "0af7651916cd43dd8448eb211c80319c", "Root=1-67891233-abcdef"])
def test_a_sane_request_id_is_echoed(api, sane):
    assert api.get("/health", headers={"X-Request-ID": sane})["X-Request-ID"] == sane


@pytest.mark.parametrize("odd", ["", "a b", "x" * 129, "é", "a\tb", '"><script>'])
def test_an_odd_request_id_is_replaced(api, odd):
    response = api.get("/health", headers={"X-Request-ID": odd})
    assert re.fullmatch(r"[0-9a-f]{32}", response["X-Request-ID"])


# ── over the wire, where a server stands before Django ────────────────────────────────────────────


@pytest.mark.parametrize("value", [b"", b"caf\xe9", b"\x7f\x80\xff", b"x" * 2000])
@pytest.mark.parametrize(
    "header", ["x-client-id", "x-request-id", "if-none-match", "accept", "cookie", "x-forwarded-for"]
)
def test_odd_headers_are_no_fault_of_ours(instance, header, value):
    assert instance.get("/api/v1/weather?lat=1&lon=1", headers={header: value}).status_code in (200, 400, 429, 431)


def test_headers_of_300_kilobytes_are_no_fault_of_ours(instance):
    try:
        status = instance.get("/api/v1/weather?lat=1&lon=1", headers={"x-client-id": "x" * 300_000}).status_code
    except requests.ConnectionError:
        return  # cut off by the server: refused too
    assert status in (200, 400, 431)


@pytest.mark.parametrize("method", ["POST", "DELETE", "TRACE", "PROPFIND", "FOO"])
def test_other_methods_are_not_allowed_over_the_wire(instance, method):
    response = requests.request(method, f"{instance.base}/api/v1/weather?lat=1&lon=1", timeout=10)
    problem_of(response, 405, "method_not_allowed")
