"""Cities as staff enter them, the table that a new database begins with, and the cell shown while typing."""

import csv
import importlib
import json
import subprocess
from decimal import Decimal
from pathlib import Path
from shutil import which
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from prewarm.cities.models import City
from prewarm.runs.models import PrewarmRun
from weather.core.cells import Cell
from weather.places.fold import fold
from weathernote.settings import BASE_DIR

POSITIONS = list(csv.DictReader((Path(__file__).parents[2] / "data" / "cells.csv").open(encoding="utf-8")))
SCRIPT = BASE_DIR / "prewarm" / "static" / "prewarm" / "position.js"


def city(**changes) -> City:
    told = {"name": "Oslo", "country": "NO", "latitude": "59.9139", "longitude": "10.7522", "timezone": "Europe/Oslo"}
    return City(**(told | changes))


def faults(of: City) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refused:
        of.full_clean()
    return refused.value.message_dict


# ── a city ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_a_citys_cell_is_worked_out_when_it_is_saved():
    saved = city()
    saved.save()
    assert City.objects.get(pk=saved.pk).cell == "lat:59.9:lon:10.8"
    assert saved.as_cell == Cell(599, 108)


@pytest.mark.django_db
@pytest.mark.parametrize("given", POSITIONS, ids=lambda given: f"{given['lat']},{given['lon']}")
def test_a_citys_cell_is_that_of_the_service(given):
    saved = city(latitude=Decimal(given["lat"]), longitude=Decimal(given["lon"]))
    saved.save()
    assert City.objects.get(pk=saved.pk).cell == f"lat:{given['cell_lat']}:lon:{given['cell_lon']}"


@pytest.mark.django_db
def test_a_position_with_more_decimals_stays_in_its_cell():
    saved = city(latitude="40.7499999999", longitude="-74.0499999999")
    saved.save()
    assert (saved.cell, saved.latitude) == ("lat:40.7:lon:-74.0", Decimal("40.749999"))


@pytest.mark.django_db
def test_a_city_that_is_moved_by_two_fields_is_in_its_new_cell():
    city().save()
    City.objects.update_or_create(name="Oslo", defaults={"latitude": "-33.9", "longitude": "18.4"})
    assert City.objects.get(name="Oslo").cell == "lat:-33.9:lon:18.4"


@pytest.mark.django_db
def test_a_city_of_which_one_field_is_saved_keeps_the_others():
    saved = city()
    saved.save()
    saved.latitude, saved.notes = "0", "new"
    saved.save(update_fields=["notes"])
    kept = City.objects.get(pk=saved.pk)
    assert (kept.cell, kept.latitude, kept.notes) == ("lat:59.9:lon:10.8", Decimal("59.9139"), "new")


@pytest.mark.django_db
def test_a_name_is_there_once_in_a_cell():
    city().save()
    assert faults(city(latitude="59.9001")) == {"name": ["Oslo is in this cell already."]}
    with pytest.raises(IntegrityError), transaction.atomic():
        city(latitude="59.9001").save()
    city(name="Aker").save()
    city(latitude="60.1").save()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("country", "N"),
        ("country", "UK"),
        ("country", "NOR"),
        ("latitude", "90.1"),
        ("latitude", "NaN"),
        ("latitude", None),
        ("longitude", "-180.000001"),
        ("timezone", "Europe/Atlantis"),
        ("timezone", "../../etc/passwd"),
        ("timezone", ""),
        ("population", -1),
        ("order", -1),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(field, value):
    assert list(faults(city(**{field: value}))) == [field]


@pytest.mark.django_db
@pytest.mark.parametrize(("given", "kept"), [("no", "NO"), ("NO", "NO"), ("xk", "XK")])
def test_a_country_is_kept_in_upper_case(given, kept):
    saved = city(country=given)
    saved.full_clean()
    saved.save()
    assert City.objects.get(pk=saved.pk).country == kept


@pytest.mark.django_db
def test_active_cities_come_in_staffs_order_and_of_one_order_the_largest_first():
    City.objects.all().delete()
    for name, order, population, active in (("A", 2, 1, 1), ("B", 1, 1, 1), ("C", 1, 9, 1), ("D", 0, 9, 0)):
        city(name=name, order=order, population=population, active=bool(active)).save()
    assert [found.name for found in City.objects.active()] == ["C", "B", "A"]


@pytest.mark.django_db
def test_runs_come_newest_first():
    first, second = PrewarmRun.objects.create(), PrewarmRun.objects.create()
    assert list(PrewarmRun.objects.all()) == [second, first]
    assert list(PrewarmRun.objects.older_than(second.started)) == [first]


@pytest.mark.pure
@pytest.mark.parametrize(
    ("text", "folded"),
    [("São  Paulo", "sao paulo"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("Łódź", "lodz"), ("Ærø", "aero")],
)
def test_names_are_compared_without_case_and_accents(text, folded):
    assert fold(text) == fold(text.upper()) == folded


# ── the table ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_a_new_database_begins_with_the_100_largest_cities():
    cities = list(City.objects.active())
    assert len(cities) == 100
    assert [found.name for found in cities[:3]] == ["Shanghai", "Beijing", "Shenzhen"]
    assert len({found.cell for found in cities}) == 100
    for found in cities:
        found.full_clean()


@pytest.mark.django_db
def test_migrating_back_and_forth_adds_the_cities_that_are_missing_and_leaves_the_others():
    City.objects.filter(name="Berlin").delete()
    City.objects.filter(name="Shanghai").update(notes="ours", active=False)
    importlib.import_module("prewarm.migrations.0002_largest_cities").load(apps, SimpleNamespace(connection=connection))
    assert City.objects.count() == 100 and City.objects.filter(name="Berlin").exists()
    assert City.objects.filter(name="Shanghai", notes="ours", active=False).exists()


@pytest.mark.django_db
def test_models_and_migrations_are_in_step():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


# ── the cell shown while typing ───────────────────────────────────────────────────────────────────


def in_node(positions: list[tuple[str, str]]) -> list[str]:
    node = which("node")
    if node is None:
        pytest.skip("node, which runs the script of the page, is not installed")
    program = """
        const { cellOf } = require(process.argv[1]);
        const cell = ([lat, lon]) => { try { return cellOf(lat, lon); } catch (wrong) { return wrong.message; } };
        console.log(JSON.stringify(JSON.parse(process.argv[2]).map(cell)));
    """
    told = json.dumps(positions)
    said = subprocess.run([node, "-e", program, str(SCRIPT), told], capture_output=True, text=True, check=True).stdout
    return json.loads(said)


def test_the_page_shows_the_cell_that_the_service_will_use():
    shown = in_node([(given["lat"], given["lon"]) for given in POSITIONS])
    assert shown == [f"lat:{given['cell_lat']}:lon:{given['cell_lon']}" for given in POSITIONS]


@pytest.mark.parametrize(
    "text",
    ["", "NaN", "1_0", "+1", " 1", "1.", ".5", "٤٠", "0x1", "1e", "90.00000001", "91", "1e2", "1e999", "-90.1", "999"],
)
def test_the_page_refuses_what_the_service_refuses_in_its_words(text):
    with pytest.raises(ValueError) as refused:
        Cell.parse(text, "0")
    assert in_node([(text, "0")]) == [str(refused.value)]


def test_the_page_takes_every_way_to_write_a_number():
    ways = ["407e-1", "0.4071e2", "040.71", "1e-999", "-0e9", "9e1", "0.0009e5", "-45e-3"]
    assert in_node([(way, "0") for way in ways]) == [Cell.parse(way, "0").key for way in ways]
