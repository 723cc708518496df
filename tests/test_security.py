"""`docs/security.md`: every test that it names is there, and what no one module promises."""

import ast
import re
import tomllib

import pytest

from tests.support.servers import TOP
from weathernote import __version__

PAGE = (TOP / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))
#: Level 1 of ASVS 5.0.0 has seventy requirements; of chapters 9 and 10 the page says that they do not apply.
LEVEL_1 = """
1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.5.1 2.1.1 2.2.1 2.2.2 2.3.1 3.2.1 3.2.2 3.3.1 3.4.1 3.4.2 3.5.1 3.5.2 3.5.3
4.1.1 4.4.1 5.2.1 5.2.2 5.3.1 5.3.2 6.1.1 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.3.1 6.3.2 6.4.1 6.4.2 7.2.1
7.2.2 7.2.3 7.2.4 7.4.1 7.4.2 8.1.1 8.2.1 8.2.2 8.3.1 11.3.1 11.3.2 11.4.1 12.1.1 12.2.1 12.2.2 13.4.1 14.2.1 14.3.1
15.1.1 15.2.1 15.3.1
""".split()


def _tests_of(file: str) -> set[str]:
    """The names of a file's functions, and "" for the file itself; empty where there is no such file."""
    if not (TOP / file).exists():
        return set()
    tree = ast.parse((TOP / file).read_text())
    return {"", *(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))}


@pytest.mark.pure
def test_every_test_that_the_page_names_is_there():
    assert len(NAMED) > 50
    gone = [f"{file}::{test}" for file, test in NAMED if test not in _tests_of(file)]
    assert gone == [], "docs/security.md must name where it is tested now"


@pytest.mark.pure
def test_no_requirement_of_level_1_is_left_out():
    said = set(re.findall(r"(?<![\d.])\d+\.\d+\.\d+(?![\d.]*\d)", PAGE))
    assert [number for number in LEVEL_1 if number not in said] == []


@pytest.mark.pure
def test_the_page_speaks_of_this_release():
    assert f"latest minor release of {__version__.partition('.')[0]}.x" in PAGE


@pytest.mark.pure
def test_the_rules_of_ruff_that_the_page_names_are_on():
    lint = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert not set(re.findall(r"\bS\d{3}\b", PAGE)) & set(lint["ignore"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/api/v1/docs", "text/html; charset=utf-8"),
        ("/admin/login/", "text/html; charset=utf-8"),
        ("/api/v1/schema", "application/vnd.oai.openapi+json"),
        ("/health", "application/json"),
        ("/metrics", "text/plain; version=1.0.0; charset=utf-8"),
        ("/api/v1/cities", "application/json"),
        ("/api/v1/places?search=par", "application/json"),
        ("/api/v1/weather?lat=51.5&lon=-0.1", "application/json"),
        ("/api/v1/forecast?lat=51.5&lon=-0.1", "application/json"),
        ("/api/v1/weather?lat=none", "application/problem+json"),
        ("/nowhere", "application/problem+json"),
        ("/static/admin/css/base.css", 'text/css; charset="utf-8"'),
    ],
)
def test_every_answer_says_what_it_is(api, path, kind):
    response = api.get(path)
    assert response["Content-Type"] == kind
    assert response["X-Content-Type-Options"] == "nosniff"
