"""Open-Meteo's official Python client and Home Assistant's, unchanged but for the host, before a running instance."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from openmeteo_sdk.Unit import Unit
from openmeteo_sdk.Variable import Variable

from tests.support.clients.openmeteo import install
from tests.support.servers import Instance

NEW_YORK = {"latitude": 40.7128, "longitude": -74.006}


@pytest.fixture(scope="module")
def clients() -> str:
    return str(install.folder())


@pytest.fixture
def run(clients):
    """The JSON that a client's script prints for an input."""

    def ran(script: str, asked: dict[str, Any]) -> dict[str, Any]:
        command = [sys.executable, str(install.HERE / f"{script}.py")]
        environment = {**os.environ, "PYTHONPATH": clients}
        done = subprocess.run(command, input=json.dumps(asked), env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return ran


@pytest.fixture
def official(run, instance):
    def asked(client="official", **params):
        url, headers = f"{instance.base}/v1/forecast", {"x-client-id": client}
        return run("official", {"url": url, "params": NEW_YORK | params, "headers": headers})

    return asked


@pytest.fixture
def home_assistant(run, instance):
    def asked(client="home-assistant", **question):
        return run(
            "home_assistant",
            {"base": instance.base, "question": NEW_YORK | question, "headers": {"x-client-id": client}},
        )

    return asked


def of_json(instance: Instance, **params):
    response = instance.get("/v1/forecast", params=NEW_YORK | {"timeformat": "unixtime"} | params)
    assert response.ok, response.text
    return response.json()


def test_the_official_client_reads_every_section(official, instance):
    asked = {
        "current": ["temperature_2m", "is_day"],
        "hourly": ["temperature_2m", "precipitation", "wind_speed_10m"],
        "daily": ["weather_code", "sunrise", "temperature_2m_max"],
        "timezone": "America/New_York",
        "wind_speed_unit": "ms",
    }
    (place,) = official(**asked)["places"]
    said = of_json(instance, **asked)
    assert (place["timezone"], place["abbreviation"]) == (said["timezone"], said["timezone_abbreviation"])
    assert (place["latitude"], place["elevation"]) == (said["latitude"], said["elevation"])
    assert place["current"]["variables"][0]["value"] == pytest.approx(said["current"]["temperature_2m"])
    times, hourly = place["hourly"]["time"], place["hourly"]["variables"]
    assert list(range(*times)) == said["hourly"]["time"]
    for column, name in zip(hourly, asked["hourly"], strict=True):
        assert column["values"] == pytest.approx(said["hourly"][name], abs=1e-5)
    assert [(one["variable"], one["altitude"], one["unit"]) for one in hourly] == [
        (Variable.temperature, 2, Unit.celsius),
        (Variable.precipitation, 0, Unit.millimetre),
        (Variable.wind_speed, 10, Unit.metre_per_second),
    ]
    assert place["daily"]["variables"][1]["moments"] == said["daily"]["sunrise"]
    assert place["daily"]["variables"][0]["values"] == said["daily"]["weather_code"]


def test_the_official_client_reads_several_places_in_gmt(official):
    places = official(latitude=[40.7, 51.5], longitude=[-74, -0.1], current="weather_code")["places"]
    assert [(place["location_id"], place["timezone"], place["utc_offset_seconds"]) for place in places] == [
        (0, None, 0),
        (1, None, 0),
    ]


def test_the_official_client_hears_of_a_mistake(official):
    assert "Cannot initialize" in official(hourly="lksdfj")["error"]


def test_home_assistants_client_reads_every_section(home_assistant, instance):
    asked = {
        "current": ["temperature_2m", "weather_code"],
        "hourly": ["temperature_2m", "precipitation"],
        "daily": ["sunrise", "temperature_2m_max"],
        "timezone": "America/New_York",
    }
    forecast = home_assistant(**asked)
    said = of_json(instance, **{name: ",".join(v) if isinstance(v, list) else v for name, v in asked.items()})
    assert forecast["current"]["temperature_2m"] == said["current"]["temperature_2m"]
    assert forecast["hourly"]["temperature_2m"] == said["hourly"]["temperature_2m"]
    assert forecast["daily"]["temperature_2m_max"] == said["daily"]["temperature_2m_max"]


def test_home_assistants_client_hears_of_a_mistake(home_assistant):
    error = home_assistant(hourly=["temperature_2m"], past_days=3)
    assert "past_days" in json.dumps(error)


@pytest.mark.parametrize("client", ["official", "home_assistant"])
def test_a_client_over_its_limit_is_told_so(request, run, client, tmp_path, valkey_server, simulator_server):
    servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
    with Instance(tmp_path, WORKERS=1, RATE_LIMIT_REQUESTS=1, **servers) as limited:
        headers = {"x-client-id": f"limited-{client}"}
        assert limited.get("/v1/forecast", params=NEW_YORK, headers=headers).ok
        if client == "official":
            asked = {"url": f"{limited.base}/v1/forecast", "params": NEW_YORK, "headers": headers}
            assert "Minutely API request limit exceeded" in run(client, asked)["error"]
        else:
            asked = {"base": limited.base, "question": NEW_YORK | {"hourly": ["temperature_2m"]}, "headers": headers}
            assert run(client, asked)["error"] == "OpenMeteoRateLimitError"


# ── the official npm client, where there is node ──────────────────────────────────────────────────


@pytest.fixture(scope="module")
def npm_client() -> Callable[[dict[str, Any]], dict[str, Any]]:
    folder = install.npm_folder()

    def ran(asked: dict[str, Any]) -> dict[str, Any]:
        done = subprocess.run(
            ["node", "official.js"], cwd=folder, input=json.dumps(asked), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return ran


if shutil.which("node") and shutil.which("npm"):

    def test_the_npm_client_reads_several_places_and_every_section(npm_client, instance):
        asked = {
            "latitude": [40.7128, 51.5],
            "longitude": [-74.006, -0.1],
            "current": ["temperature_2m"],
            "hourly": ["temperature_2m", "wind_speed_10m"],
            "daily": ["temperature_2m_max"],
            "timezone": "auto",
        }
        places = npm_client({"url": f"{instance.base}/v1/forecast", "params": asked})["places"]
        said = instance.get("/v1/forecast", params=asked | {"timeformat": "unixtime"}).json()
        for place, of_json in zip(places, said, strict=True):
            assert place["timezone"] == of_json["timezone"]
            assert list(range(*place["hourly"]["time"])) == of_json["hourly"]["time"]
            assert place["hourly"]["variables"][1]["values"] == pytest.approx(
                of_json["hourly"]["wind_speed_10m"], abs=1e-5
            )
            assert place["daily"]["variables"][0]["values"] == pytest.approx(
                of_json["daily"]["temperature_2m_max"], abs=1e-5
            )
        assert [place["location_id"] for place in places] == [0, 1]

    def test_the_npm_client_hears_of_a_mistake(npm_client, instance):
        params = NEW_YORK | {"hourly": ["lksdfj"]}
        found = npm_client({"url": f"{instance.base}/v1/forecast", "params": params})
        assert "Cannot initialize" in found["error"]

    def test_the_npm_client_over_its_limit_is_told_so(npm_client, tmp_path, valkey_server, simulator_server):
        servers = {"REDIS_URL": valkey_server.url, "OPEN_METEO_URL": simulator_server.url}
        with Instance(tmp_path, WORKERS=1, RATE_LIMIT_REQUESTS=1, **servers) as limited:
            asked = {"url": f"{limited.base}/v1/forecast", "params": NEW_YORK | {"hourly": ["temperature_2m"]}}
            npm_client(asked)
            assert "Minutely API request limit exceeded" in npm_client(asked)["error"]
