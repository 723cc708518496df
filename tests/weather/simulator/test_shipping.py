"""The simulator ships with the service: it needs what requirements.txt names, and nothing of the tests."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes.tree import Served, copy_of_the_code, run
from tests.support.servers import TOP

PLACE = "lat=40.7128&lon=-74.0060"

# What is imported from installed packages, by the name of the package.
IMPORTED = """
import json, sys
import weather.simulator.server
from importlib.metadata import packages_distributions
packages = packages_distributions()
names = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted({package for name in names for package in packages.get(name, ())})))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The code as it is shipped: without the tests."""
    tree = copy_of_the_code(tmp_path_factory.mktemp("tree"))
    shutil.rmtree(tree / "tests")
    yield tree
    for server in Served.all:
        server.stop()


def test_it_imports_no_package_beside_those_of_requirements_txt(tree):
    told = run(tree, "-c", IMPORTED)
    assert told.returncode == 0, told.stderr
    required = set(re.findall(r"^([A-Za-z0-9._-]+)==", (TOP / "requirements.txt").read_text(), re.MULTILINE))
    imported = {re.sub(r"[-_.]+", "-", name).lower() for name in json.loads(told.stdout)}
    # What every environment has, what its start-up files import, and what flatbuffers imports where it is there.
    assert imported - {"pip", "setuptools", "coverage", "numpy"} <= required


def test_a_demo_runs_where_there_is_no_folder_of_tests(tree, tmp_path):
    assert run(tree, "-c", "import tests").returncode != 0
    demo = Served(tree, "serve", "--demo", DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}")
    try:
        for path in ("weather", "forecast", "air-quality"):
            assert demo.get(f"/api/v1/{path}?{PLACE}").json()["source"] == "simulator"
    finally:
        demo.stop()
