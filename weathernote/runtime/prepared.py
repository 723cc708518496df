"""Whether an instance can start as it is, asked without loading Django's apps, which would take most of the start."""

import shlex
import sqlite3
import sys
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path

from weathernote import setting_problems
from weathernote.bare_settings import settings

NO_STAFF = "No staff user yet: {} manage.py createsuperuser makes one for /admin/."


def line_to_say(*, demo: bool) -> str | None:
    """What is to be said before an instance starts, often nothing; None if it must be prepared, or may not start.

    The database may be one of SQLite that has all migrations, and a staff user for a demo; another server's is not
    looked at, nor is any if MIGRATE is off.
    """
    if setting_problems.problems():
        return None
    if not settings.MIGRATE:
        return ""
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return None
    with suppress(sqlite3.Error), closing(_opened(database["NAME"])) as connection:
        if migrations_on_disk(settings.INSTALLED_APPS) <= set(
            connection.execute("SELECT app, name FROM django_migrations")
        ):
            if connection.execute("SELECT 1 FROM auth_user WHERE is_staff LIMIT 1").fetchone():
                return ""
            return None if demo else no_staff()
    return None


def no_staff() -> str:
    """How to make a staff user, with this Python's path relative to the project's folder if it is in there."""
    python = Path(sys.executable)
    with suppress(ValueError):
        python = python.relative_to(settings.BASE_DIR)
    return NO_STAFF.format(shlex.quote(str(python)))


def migrations_on_disk(apps: list[str]) -> set[tuple[str, str]]:
    """(label, name) of each migration of apps whose label is the last part of their name, as Django finds them."""
    found = set()
    for app in apps:
        spec = find_spec(app)
        for folder in (spec and spec.submodule_search_locations) or ():
            files = Path(folder, "migrations").glob("[!_~]*.py")
            found |= {(app.rpartition(".")[2], file.stem) for file in files}
    return found


def _opened(name: str) -> sqlite3.Connection:
    # Not made if it is missing.
    return sqlite3.connect(f"{Path(name).absolute().as_uri()}?mode=ro", uri=True, timeout=1)
