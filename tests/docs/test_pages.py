"""The README and the manual's pages as they lie: what they name is there, and each fact that the code has is right."""

import json
import re
from pathlib import Path

import pytest

from docs.hooks import declared_metrics
from docs.pictures.__main__ import FOLDER, PICTURES
from docs.pictures.house import ROLES, floors
from tests.support.reading.settings_names import SETTINGS_READ
from tests.support.servers import TOP
from weather.core.variables import EXTRA_NAMES
from weathernote.http.problems import CODES
from weathernote.telemetry.metrics import CELL_ROUTES, ROUTES

README = TOP / "README.md"
PAGES = [README, *sorted((TOP / "docs").glob("*.md"))]
SETTINGS_PAGE = (TOP / "docs" / "settings.md").read_text(encoding="utf-8")
#: Name → default, of each row of the tables; where a row has two names, each with its own.
ROWS = [
    pair
    for names, defaults in re.findall(r"^\| (`[A-Z_`, ]+`) \| (.+?) \|", SETTINGS_PAGE, re.MULTILINE)
    for pair in zip(re.findall(r"`(\w+)`", names), defaults.split(", ") if "," in names else [defaults], strict=True)
]
FILES = re.compile(r"`((?:weathernote|weather|ratelimit|prewarm|deploy|tests|docs)/[\w./@*-]*)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_metric_that_a_page_names_is_declared(page):
    declared = {name for name, *_ in declared_metrics()}
    assert set(re.findall(r"\bweathernote_\w+", page.read_text(encoding="utf-8"))) <= declared


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) < 150


def test_the_glossary_is_short():
    assert len((TOP / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()) <= 25


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)(?:#[\w-]*)?\)", text) + re.findall(r'src="([^"]+)"', text)
    missing = [one for one in targets if not one.startswith("http") and not (page.parent / one).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_of_the_code_is_there(page):
    named = FILES.findall(page.read_text(encoding="utf-8"))
    assert [one for one in named if not list(TOP.glob(one))] == []


def test_each_setting_has_a_row():
    assert {name for name, _ in ROWS} == SETTINGS_READ
    assert len(ROWS) == len(SETTINGS_READ)


def test_each_default_is_the_one_in_force():
    source = (TOP / "weathernote" / "settings.py").read_text(encoding="utf-8")
    in_force = dict(re.findall(r'ENVIRONMENT\.(?:integer|real)\("([A-Z_]+)", ([\d_.]+)', source))
    written = {name: default.strip("`") for name, default in ROWS}
    assert len(in_force) > 20
    for name, default in in_force.items():
        assert float(written[name]) == float(default), name


def test_each_further_variable_is_named():
    (row,) = re.findall(r"^\| `EXTRA_VARIABLES` .*$", SETTINGS_PAGE, re.MULTILINE)
    assert [name for name in EXTRA_NAMES if name not in row] == []


def test_the_api_page_has_every_code_of_an_error_with_its_status():
    page = (TOP / "docs" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page, re.MULTILINE)
    assert {code: int(status) for status, code in rows} == {code: status for code, (status, _) in CODES.items()}


def test_the_panels_that_the_runbook_names_are_on_a_dashboard():
    titles = set()
    for file in (TOP / "deploy" / "grafana" / "dashboards").glob("*.json"):
        board = json.loads(file.read_text(encoding="utf-8"))
        titles |= {board["title"]} | {panel["title"] for panel in board["panels"]}
    runbook = (TOP / "docs" / "runbook.md").read_text(encoding="utf-8")
    named = {" ".join(name.split()) for name in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", runbook)} - {"All"}
    assert len(named) > 10
    assert [name for name in named if not any(title.startswith(name) for title in titles)] == []


@pytest.mark.parametrize("path", [path for path, route in ROUTES.items() if route in CELL_ROUTES])
def test_the_page_about_cdns_names_the_key_of_each_path_about_a_cell(path):
    (key,) = re.findall(
        r"^1\. \*\*The key\.\*\*(.+?)^2\.", (TOP / "docs" / "cdn.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert f"`{path}`" in key


def test_the_changelog_has_the_form_of_keep_a_changelog():
    text = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in heads[1:])
    for release in re.split(r"^## ", text, flags=re.MULTILINE):
        kinds = re.findall(r"^### (.+)$", release, re.MULTILINE)
        assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_its_script_draws(name):
    assert PICTURES[name]() == (FOLDER / f"{name}.svg").read_text(encoding="utf-8"), "python -m docs.pictures"


def test_every_room_of_the_house_has_its_role():
    assert {room for floor in floors() for room in floor} == ROLES.keys()


def test_every_room_of_the_drawing_is_a_package():
    assert [room for room in ROLES if not Path(TOP, *room.split(".")).is_dir()] == []


def test_screenshots_are_small():
    shots = list(FOLDER.glob("*.webp"))
    assert {shot.stem for shot in shots} == {"page", "dashboard"}
    assert all(shot.stat().st_size < 150_000 for shot in shots)
