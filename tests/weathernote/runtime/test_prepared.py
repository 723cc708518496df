"""What a start sees of its database without Django's apps."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db.migrations.loader import MigrationLoader

from weathernote.runtime.prepared import line_to_say, migrations_on_disk, no_staff


def made(file: Path, migrations: set[tuple[str, str]], *, is_staff: bool) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE django_migrations (app TEXT, name TEXT)")
        connection.executemany("INSERT INTO django_migrations VALUES (?, ?)", sorted(migrations))
        connection.execute("CREATE TABLE auth_user (is_staff BOOL)")
        connection.execute("INSERT INTO auth_user VALUES (?)", [is_staff])
        connection.commit()


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Path:
    settings.MIGRATE = True
    # A name that a URI must not take for its own.
    file = tmp_path / "d b?#%41.sqlite3"
    config = {"ENGINE": "django_prometheus.db.backends.sqlite3", "NAME": str(file)}
    monkeypatch.setattr(django_settings, "DATABASES", {"default": config})
    return file


def test_the_migrations_on_disk_are_those_that_django_finds(settings: Any) -> None:
    assert migrations_on_disk(settings.INSTALLED_APPS) == set(MigrationLoader(None).disk_migrations)


@pytest.mark.parametrize(("demo", "is_staff"), [(True, True), (False, True), (False, False)])
def test_a_database_with_all_migrations_is_prepared(settings: Any, file: Path, demo: bool, is_staff: bool) -> None:
    made(file, migrations_on_disk(settings.INSTALLED_APPS), is_staff=is_staff)
    assert line_to_say(demo=demo) == ("" if is_staff else no_staff())


def test_a_demo_needs_a_staff_user(settings: Any, file: Path) -> None:
    made(file, migrations_on_disk(settings.INSTALLED_APPS), is_staff=False)
    assert line_to_say(demo=True) is None


def test_one_that_lacks_a_migration_is_not(settings: Any, file: Path) -> None:
    made(file, migrations_on_disk(settings.INSTALLED_APPS) - {("weather", "0001_places")}, is_staff=True)
    assert line_to_say(demo=False) is None


def test_none_is_made_where_there_is_none_and_no_file_of_another_kind_is_one(file: Path) -> None:
    assert line_to_say(demo=False) is None
    assert not file.exists()
    file.write_text("this is no database")
    assert line_to_say(demo=False) is None


def test_another_server_s_is_left_to_django_unless_migrations_are_off(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    config = {"ENGINE": "django_prometheus.db.backends.postgresql", "NAME": "weathernote"}
    monkeypatch.setattr(django_settings, "DATABASES", {"default": config})
    settings.MIGRATE = True
    assert line_to_say(demo=False) is None
    settings.MIGRATE = False
    assert line_to_say(demo=False) == ""


def test_settings_that_make_no_sense_are_left_to_django(settings: Any) -> None:
    settings.MIGRATE = False
    settings.ALLOWED_HOSTS = ["https://weather.example"]
    assert line_to_say(demo=False) is None
