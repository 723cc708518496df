"""Clients as published, before a running instance: Python's gql, and node's graphql-request and Apollo's client."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.requests import RequestsHTTPTransport

from tests.support.clients import graphql
from tests.support.clients.openmeteo import install

NEW_YORK = {"lat": 40.7128, "lon": -74.006}
NOW = "query Now($lat: Float!, $lon: Float!) { weather(lat: $lat, lon: $lon) { current { temperature2m } } }"

pytestmark = pytest.mark.usefixtures("valkey", "simulator")


@pytest.fixture
def rest(instance):
    return instance.get("/api/v1/weather?lat=40.7128&lon=-74.006").json()


@pytest.fixture
def client(instance):
    transport = RequestsHTTPTransport(f"{instance.base}/api/v1/graphql", headers={"x-client-id": "gql"})
    return Client(transport=transport, fetch_schema_from_transport=True)


def test_gql_reads_the_schema_and_asks_with_variables(client, rest):
    query = gql(NOW)
    query.variable_values = NEW_YORK
    found = client.execute(query)
    assert found["weather"]["current"]["temperature2m"] == pytest.approx(rest["current"]["temperature_2m"], abs=0.2)
    assert "WeatherCurrent" in client.schema.type_map


def test_gql_asks_by_get(instance, rest):
    transport = RequestsHTTPTransport(f"{instance.base}/api/v1/graphql", use_json=False, method="GET")
    answer = instance.get("/api/v1/graphql", params={"query": NOW, "variables": json.dumps(NEW_YORK)})
    assert transport.method == "GET" and answer.json()["data"]["weather"]["current"]


def test_gql_is_told_what_a_problem_says(client):
    with pytest.raises(TransportQueryError) as refused:
        client.execute(gql("{ weather(lat: 91, lon: 0) { stale } }"))
    (error,) = refused.value.errors or []
    assert error["extensions"]["code"] == "invalid_parameter"


@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not here")
def test_graphql_request_and_apollo_with_persisted_queries(instance, rest):
    folder = install.npm_folder(Path(graphql.__file__).parent, "ask.mjs")
    command = ["node", "ask.mjs", f"{instance.base}/api/v1/graphql"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    weather = told["plain"]["weather"]
    assert weather["timezone"] == rest["timezone"]
    assert weather["current"]["weatherCode"] == rest["current"]["weather_code"]
    assert told["refused"] == "invalid_parameter"
    # The hash alone, then with the text, and from then on the hash alone.
    assert told["methods"] == ["GET", "POST", "GET"] and told["first"]["weather"] == told["second"]["weather"]
