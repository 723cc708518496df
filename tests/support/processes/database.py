"""A database as `manage.py migrate` makes it, made once for a process of tests and then copied.

An instance with a copy of it starts with a third of the work: nothing is to be migrated, and Django's apps are loaded
once instead of twice. What a start makes of no database is told by `tests/weathernote/runtime/test_serve.py`.
"""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from tests.support.processes.manage import manage

#: Removed when this process ends.
_folder = TemporaryDirectory(prefix="weathernote-database-")
_one_by_one = Lock()


def migrated(file: Path) -> Path:
    """Makes `file` a database with the cities of a fresh install, unless it is there; returns it."""
    with _one_by_one:
        if not file.exists():
            shutil.copyfile(_fresh(), file)
    return file


@cache
def _fresh() -> Path:
    file = Path(_folder.name) / "db.sqlite3"
    manage(f"sqlite:///{file}", "migrate", "--verbosity", "0")
    return file
