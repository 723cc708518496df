"""The places as the service ships them: those of the database, without the database."""

import json
from pathlib import Path

import pytest

from tests.support.processes.tree import copy_of_the_code, run
from weather.places.data.build_positions import lines, packed
from weather.places.models import Place
from weather.places.search import COLUMNS
from weather.places.table import FILE, table

READ_AT_START = """
import os
import weathernote.wsgi
from weather.places.table import table
print(table.cache_info().currsize, flush=True)
os._exit(0)  # with threads that run in the background
"""


def named(latitude: float, longitude: float) -> list[dict]:
    places: list[dict] = json.loads(table().answer(latitude, longitude))["places"]
    return places


@pytest.mark.django_db
def test_the_places_are_those_of_the_database_in_its_order():
    shipped = [table().place(number) for number in range(len(table()))]
    assert len(shipped) == 34_006
    # SQLite reads a few of the decimal texts one bit off.
    assert shipped == [
        place
        | {"region": place["region"] or None}
        | {name: round(place[name], 5) for name in ("latitude", "longitude")}
        for place in Place.objects.values(*COLUMNS)
    ]


def test_the_file_is_made_of_the_one_that_the_database_is_filled_from():
    assert FILE.read_bytes() == packed(lines()), "run weather/places/data/build_positions.py"


@pytest.mark.parametrize(
    ("position", "place"),
    [
        *(((48.8566, 2.3522), "Paris, FR"), ((48.14, 11.58), "Munich, DE"), ((51.5007, -0.1246), "London, GB")),
        *(((40.7128, -74.0060), "New York City, US"), ((40.6782, -73.9442), "Brooklyn, US")),
        *(((35.6764, 139.6500), "Tokyo, JP"), ((28.6139, 77.2090), "Delhi, IN"), ((22.5431, 114.0579), "Shenzhen, CN")),
        *(((-18.1416, 178.4419), "Suva, FJ"), ((64.7350, 177.4970), "Anadyr, RU"), ((-8.52, 179.2), "Funafuti, TV")),
        *(((-13.2825, -176.1736), "Mata-Utu, WF"), ((78.2232, 15.6267), "Longyearbyen, SJ")),
    ],
)
def test_a_position_has_the_place_that_people_would_name(position, place):
    ((found),) = named(*position)
    assert f"{found['name']}, {found['country']}" == place
    assert found["distance_km"] < 15


@pytest.mark.parametrize(
    "position", [(0, -30), (90, 0), (-90, 0), (52, 180), (52, -180), (66.5, -175), (-16.8, -179.98)]
)
def test_far_from_all_places_there_is_none(position):
    assert named(*position) == []


@pytest.mark.parametrize(("latitude", "distance_km"), [(48.13743, 0.0), (48.14, 0.3), (48.2, 7.0)])
def test_the_distance_is_told_to_a_tenth_of_a_kilometre(latitude, distance_km):
    assert named(latitude, 11.57549)[0]["distance_km"] == distance_km


def test_a_server_reads_the_places_before_its_first_request(tmp_path: Path):
    """In the process that workers are forked from, so that they share the memory too."""
    told = run(copy_of_the_code(tmp_path), "-c", READ_AT_START)
    assert told.stdout == "1\n", told.stderr
