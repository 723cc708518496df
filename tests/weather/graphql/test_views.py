"""/api/v1/graphql through Django, before a real Redis and a simulated Open-Meteo."""

import pytest

URL = "/api/v1/graphql"
NEW_YORK = "lat: 40.7128, lon: -74.0060"


@pytest.fixture
def ask(api):
    def asked(query, variables=None, **more):
        return api.post(URL, {"query": query, "variables": variables, **more}, content_type="application/json")

    return asked


def test_the_values_are_those_of_rest(api, ask):
    response = ask(
        f"{{ weather({NEW_YORK}) {{ stale latitude current {{ time temperature2m weatherCode isDay }} daily(days: 3) {{ time temperature2mMax }} hourly {{ time }} }} }}"
    )
    assert response.status_code == 200, response.content
    body = response.json()
    weather = api.get("/api/v1/weather?lat=40.7128&lon=-74.0060").json()
    forecast = api.get("/api/v1/forecast?lat=40.7128&lon=-74.0060").json()
    got = body["data"]["weather"]
    assert got["current"] == {
        "time": weather["current"]["time"],
        "temperature2m": weather["current"]["temperature_2m"],
        "weatherCode": weather["current"]["weather_code"],
        "isDay": weather["current"]["is_day"],
    }
    assert got["daily"] == {
        "time": forecast["daily"]["time"][:3],
        "temperature2mMax": forecast["daily"]["temperature_2m_max"][:3],
    }
    assert got["hourly"]["time"] == forecast["hourly"]["time"]
