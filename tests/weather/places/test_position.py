"""/api/v1/places?lat=&lon=: the place at a position. No test here may touch the database."""

import pytest

from weather.places import views

PLACES = "/api/v1/places"
NO_NUMBER = "must be a decimal number of degrees, such as 40.7128"


def named(api, query: str) -> list[str]:
    response = api.get(f"{PLACES}?{query}")
    assert response.status_code == 200, response.content
    return [f"{place['name']}, {place['country']}" for place in response.json()["places"]]


def test_a_position_has_one_place_with_its_distance(api):
    answer = api.get(f"{PLACES}?lat=48.14&lon=11.58")
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == views._EXAMPLE_AT_POSITION


def test_where_no_place_is_near_the_list_is_empty(api):
    answer = api.get(f"{PLACES}?lat=0&lon=-30")
    assert (answer.status_code, answer.json()["places"]) == (200, [])
    assert "GeoNames" in answer.json()["attribution"]


@pytest.mark.parametrize(
    "query",
    [
        *("lon=2.3522&lat=48.8566", "lat=48.8566&lon=2.3522&limit=5", "lat=48.8566&lon=2.3522&q=x&days=0"),
        *("lat=4.88566e1&lon=2.3522", "lat=48.8566000000000000000000000&lon=2.3522", "lat=%34%38.8566&lon=2.3522"),
    ],
)
def test_the_position_may_be_written_as_for_weather_and_unknown_parameters_are_ignored(api, query):
    assert named(api, query) == ["Paris, FR"]


def test_the_position_counts_as_it_is_given_and_not_its_cell(api):
    assert [named(api, f"lat={lat}&lon={lon}") for lat, lon in (("48.8566", "2.3522"), ("48.9", "2.4"))] == [
        ["Paris, FR"],
        ["Pantin, FR"],
    ]
    assert api.get(f"{PLACES}?lat=48.1001&lon=11.58").json()["places"][0]["distance_km"] == 4.2


@pytest.mark.parametrize(
    ("query", "at_fault"),
    [
        ("lat=48.14", {"lon": "is missing"}),
        ("lon=11.58", {"lat": "is missing"}),
        ("lat=&lon=", {"lat": "is empty", "lon": "is empty"}),
        ("lat=1&lat=1&lon=2", {"lat": "must be given once"}),
        ("lat=1&lon=2&lon=3", {"lon": "must be given once"}),
        (
            "lat=90.001&lon=-180.001",
            {"lat": "must be between -90 and 90 degrees", "lon": "must be between -180 and 180 degrees"},
        ),
        *(
            (f"lat={lat}&lon=2", {"lat": NO_NUMBER})
            for lat in ("NaN", "inf", "%2B1", "1_0", "1,2", "1.", ".5", "٤", "1%0a")
        ),
        ("search=par&lat=48.14&lon=11.58", {"search": "cannot be combined with lat and lon"}),
        ("search=&lat=48.14&lon=11.58", {"search": "cannot be combined with lat and lon"}),
        ("search=par&lat=x", {"search": "cannot be combined with lat and lon", "lat": NO_NUMBER, "lon": "is missing"}),
        ("lat=1&lon=2&limit=0", {"limit": "must be a whole number from 1 to 50"}),
        ("lat=1&lon=2&limit=1&limit=1", {"limit": "must be given once"}),
    ],
)
def test_what_is_no_position_is_refused_and_each_parameter_named(api, query, at_fault):
    response = api.get(f"{PLACES}?{query}")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert {error["parameter"]: error["detail"] for error in response.json()["errors"]} == at_fault


@pytest.mark.parametrize("query", ["lat=90&lon=180", "lat=-90&lon=-180", "lat=-0&lon=-0.0", "lat=1e-99&lon=-1e-99"])
def test_the_limits_and_zero_are_positions(api, query):
    assert named(api, query) == []


# ── like every API answer ─────────────────────────────────────────────────────────────────────────


def test_a_phone_may_keep_the_answer_and_gets_304_while_it_is_the_same(api):
    first = api.get(f"{PLACES}?lat=48.14&lon=11.58")
    assert first["Cache-Control"] == "public, max-age=3600, stale-while-revalidate=3600, stale-if-error=86400"
    again = api.get(f"{PLACES}?lat=48.1399&lon=11.5799", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    head = api.head(f"{PLACES}/?lat=48.14&lon=11.58")
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", first["ETag"])


def test_every_question_counts_as_one_and_leaves_no_key_behind(api, settings, valkey):
    settings.RATE_LIMIT_REQUESTS = 2
    queries = ("lat=48.14&lon=11.58", "lat=1,2&lon=3,4", "lat=48.14&lon=11.58")
    assert [api.get(f"{PLACES}?{query}").status_code for query in queries] == [200, 400, 429]
    assert {key.split(":")[0] for key in valkey.keys("*")} == {"rate_limit"}


def test_the_schema_shows_both_questions(api):
    described = api.get("/api/v1/schema").json()["paths"][PLACES]["get"]
    parameters = {one["name"]: one for one in described["parameters"]}
    assert set(parameters) == {"search", "lat", "lon", "limit"}
    assert not any(one.get("required") for one in parameters.values())
    assert [parameters[name]["schema"]["maximum"] for name in ("lat", "lon")] == [90, 180]
    examples = described["responses"]["200"]["content"]["application/json"]["examples"]
    assert views._EXAMPLE_AT_POSITION in [example["value"] for example in examples.values()]
