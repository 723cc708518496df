"""The schema: the file in the docs is the code's, and its types are the datasets'."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, get_named_type

from tests.support.processes.tree import environment
from tests.support.servers import TOP
from weather.core.datasets import DATASETS
from weather.graphql.schema import graphql_schema, python_names, sdl


def type_of(name: str) -> GraphQLObjectType:
    found = graphql_schema().type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def printed(**variables: str) -> str:
    command = [sys.executable, "manage.py", "graphql_schema"]
    return subprocess.run(
        command, cwd=TOP, env=environment(**variables), capture_output=True, text=True, check=True
    ).stdout


def test_the_file_in_the_docs_is_what_the_code_says():
    told = "`manage.py graphql_schema > docs/schema.graphql` writes it anew"
    assert (TOP / "docs" / "schema.graphql").read_text() == sdl(), told


@pytest.mark.parametrize(("dataset", "name"), [(DATASETS[0], "Weather"), (DATASETS[1], "AirQuality")])
def test_each_section_has_every_value_of_its_dataset(dataset, name):
    for kind in dataset.kinds:
        for section in kind.sections:
            made = f"{name}{section.name.title()}"
            assert set(python_names()[made].values()) == section.names
            field = type_of(name).fields[section.name]
            assert get_named_type(field.type) is type_of(made)


def test_a_value_says_its_unit():
    description = type_of("WeatherCurrent").fields["windSpeed10m"].description
    assert description == "Wind speed 10 m above ground; in km/h, imperial in mp/h"


def test_an_extra_variable_shows_by_itself():
    text = printed(EXTRA_VARIABLES="uv_index,snowfall")
    lines = set(text.splitlines()) - set(sdl().splitlines())
    fields = {line.strip() for line in lines if '"""' not in line}
    columns = {"uvIndex: [Float]", "snowfall: [Float]", "uvIndexMax: [Float]", "snowfallSum: [Float]"}
    assert fields == {"uvIndex: Float", "snowfall: Float"} | columns


def test_nothing_of_graphql_is_imported_before_the_first_query():
    script = (
        "import django, sys; django.setup(); import weathernote.urls; "
        "print([name for name in ('graphql', 'strawberry') if name in sys.modules])"
    )
    variables = environment(DJANGO_SETTINGS_MODULE="weathernote.settings")
    run = subprocess.run([sys.executable, "-c", script], cwd=TOP, env=variables, capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_schemathesis_finds_nothing(instance, simulator, valkey):
    command = Path(sys.executable).with_name("st")
    run = subprocess.run(
        [command, "run", f"{instance.base}/api/v1/graphql", "--checks", "all", "--max-examples", "60", "--no-color"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=TOP,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.support.hooks.graphql"},
    )
    print(run.stdout[-2500:])
    assert run.returncode == 0, run.stdout[-6000:]
    assert re.search(r"[1-9]\d* generated, [1-9]\d* passed", run.stdout)
