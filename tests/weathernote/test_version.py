"""The release is named once, in `weathernote/__init__.py`; what cannot read it there says the same."""

import re
import tomllib

import pytest
from django.conf import settings

from tests.support.servers import TOP
from weather.upstream.client import USER_AGENT
from weathernote import __version__

pytestmark = pytest.mark.pure

#: Files that people copy commands from, and compose's default image: they cannot read a constant of Python's.
WRITTEN_OUT = [
    "deploy/docker/Dockerfile",
    "deploy/docker/compose.yaml",
    "deploy/aws/data.yaml",
    "deploy/aws/network.yaml",
]
PRODUCT = ["weathernote", "weather", "ratelimit", "prewarm"]


def test_the_version_is_three_numbers():
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_pyproject_reads_the_constant():
    pyproject = tomllib.loads((TOP / "pyproject.toml").read_text())
    assert "version" not in pyproject["project"]
    assert pyproject["project"]["dynamic"] == ["version"]
    assert pyproject["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "weathernote.__version__"}


def test_the_schema_and_the_calls_to_open_meteo_say_it():
    assert settings.SPECTACULAR_SETTINGS["VERSION"] == __version__
    assert USER_AGENT.endswith(f"/{__version__}")


@pytest.mark.parametrize("file", WRITTEN_OUT)
def test_the_files_of_a_deploy_name_this_release(file):
    named = re.findall(
        r"(?:weathernote:(?:\$\{VERSION:-)?|REPOSITORY:|ImageTag=)(\d+\.\d+\.\d+)", (TOP / file).read_text()
    )
    assert set(named) == {__version__}


def test_no_other_module_writes_it_out():
    files = (file for package in PRODUCT for file in (TOP / package).rglob("*.py"))
    assert [file for file in files if f'"{__version__}"' in file.read_text()] == [TOP / "weathernote" / "__init__.py"]
