"""`manage.py` with a database of a test's own."""

import os
import subprocess
import sys

from tests.settings import OURS
from weathernote.settings import BASE_DIR


def command(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def environment(url: str) -> dict[str, str]:
    """The shell's without any setting of ours, and `url` as DATABASE_URL."""
    env = {name: value for name, value in os.environ.items() if name not in (*OURS, "DJANGO_SETTINGS_MODULE")}
    return env | {"DATABASE_URL": url, "LOG_LEVEL": "WARNING"}


def manage(url: str, *arguments: str) -> str:
    """What the command writes to stdout; it must succeed."""
    run = subprocess.run(
        command(*arguments), cwd=BASE_DIR, env=environment(url), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
