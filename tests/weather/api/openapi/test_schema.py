"""The schema tells the truth: of every field, every error, and under whatever schemathesis thinks of."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support.servers import TOP
from weather.api.query import MOST_PLACES
from weather.core.variables import HOURLY

ANSWERS = (("/api/v1/weather", "Weather"), ("/api/v1/forecast", "Forecast"), ("/api/v1/air-quality", "AirQuality"))


@pytest.fixture
def schema(api):
    return api.get("/api/v1/schema").json()


def test_every_value_says_its_unit(schema):
    current = schema["components"]["schemas"]["Current"]["properties"]
    assert all(variable.unit in current[variable.name]["description"] for variable in HOURLY)
    for name, section in (("Daily", "daily"), ("Hourly", "hourly")):
        columns = schema["components"]["schemas"][name]["properties"]
        assert all(column["description"] for column in columns.values()), section


def test_what_all_answers_say_of_themselves_is_said_of_no_dataset_in_particular(schema):
    assert schema["paths"]["/api/v1/air-quality"]["get"]["tags"] == ["air quality"]
    fields = schema["components"]["schemas"]["AirQuality"]["properties"]
    said = " ".join(one["description"] for one in fields.values() if "description" in one)
    assert not re.search("forecast|weather", said)


@pytest.mark.parametrize("path", ["/api/v1/weather", "/api/v1/forecast"])
def test_several_places_are_described_as_comma_lists_and_an_envelope(schema, path):
    described, schemas = schema["paths"][path]["get"], schema["components"]["schemas"]
    coordinates = [one for one in described["parameters"] if one["name"] in ("lat", "lon")]
    assert [(one["explode"], one["schema"]["maxItems"]) for one in coordinates] == [(False, MOST_PLACES)] * 2
    answer = described["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    _, envelope = (one["$ref"].rpartition("/")[2] for one in schemas[answer]["oneOf"])
    either = schemas[envelope]["properties"]["places"]["items"]["$ref"].rpartition("/")[2]
    assert schemas[either]["oneOf"][1] == {"$ref": "#/components/schemas/PlaceProblem"}


@pytest.mark.parametrize("path", ["/api/v1/weather", "/api/v1/forecast"])
def test_the_units_are_described(schema, path):
    units = schema["paths"][path]["get"]["parameters"][-1]
    assert (units["name"], units["schema"]["enum"], units["schema"]["default"]) == (
        "units",
        ["metric", "imperial"],
        "metric",
    )


@pytest.mark.parametrize("path", ["/api/v1/weather", "/api/v1/forecast"])
def test_every_error_is_described_as_a_problem(schema, path):
    responses = schema["paths"][path]["get"]["responses"]
    assert set(responses) == {"200", "304", "400", "405", "429", "500", "503"}
    assert all(
        set(response["content"]) == {"application/problem+json"}
        for status, response in responses.items()
        if status >= "400"
    )


@pytest.mark.parametrize("name", ["Weather", "Forecast", "AirQuality"])
def test_the_model_and_its_run_may_be_null_and_the_run_is_a_time(schema, name):
    fields = schema["components"]["schemas"][name]["properties"]
    assert fields["model"]["nullable"] and fields["run"]["nullable"]
    assert (fields["model"]["type"], fields["run"]["format"]) == ("string", "date-time")


def test_an_answer_has_the_fields_of_the_schema_and_no_others(api, schema):
    for path, name in ANSWERS:
        assert set(api.get(f"{path}?lat=1&lon=1").json()) == set(schema["components"]["schemas"][name]["properties"])


def test_the_docs_need_nothing_from_elsewhere(instance):
    page = instance.get("/api/v1/docs")
    assets = re.findall(r'<(?:script|img|link)\b[^>]*(?:src|href)="([^"]+)"', page.text)
    assert page.status_code == 200 and assets
    assert all(asset.startswith("/") for asset in assets)
    assert all(instance.get(asset).status_code == 200 for asset in assets)


@pytest.mark.parametrize("path", ["/api/v1/schema", "/api/v1/docs"])
def test_a_trailing_slash_is_answered_alike(api, path):
    assert api.get(f"{path}/").status_code == api.get(path).status_code == 200


def test_schemathesis_finds_nothing(instance, simulator, valkey):
    command = Path(sys.executable).with_name("st")
    run = subprocess.run(
        [command, "run", f"{instance.base}/api/v1/schema", "--checks", "all", "--max-examples", "200", "--no-color"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=TOP,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.support.hooks.openapi"},
    )
    print(run.stdout[-2000:])
    assert run.returncode == 0, run.stdout[-6000:]
    assert re.search(r"[1-9]\d* generated, [1-9]\d* passed", run.stdout)
    # Calls about several places were among them.
    assert re.search(r'"status":200,.*"places":[1-9]', instance.said())


def test_health_says_what_is_well(instance, valkey, simulator):
    instance.get("/api/v1/weather?lat=1&lon=1")
    response = requests.get(f"{instance.base}/health", headers={"Host": "any.example"}, timeout=5)
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "redis": "ok", "upstream": "ok"}
